// The subjects of `mien bench`.
#pragma once

#include <functional>

#include "cli/command.h"
#include "mien/tools/bench.h"

namespace mien::cli {

int bench_matrix_command(const Call& call);  // mien bench
int bench_ops_command(const Call& call);     // mien bench ops

// Shows what is measured; empty where progress is not shown.
std::function<void(const BenchProgress&)> bench_progress(Terminal& terminal);

}  // namespace mien::cli
