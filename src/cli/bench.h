// The subjects of `mien bench`.
#pragma once

#include "cli/command.h"

namespace mien::cli {

int bench_matrix_command(const Call& call);  // mien bench
int bench_ops_command(const Call& call);     // mien bench ops

}  // namespace mien::cli
