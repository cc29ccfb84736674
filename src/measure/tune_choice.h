// Which operations are worth a whole scan on the GPU, by the rows of the benchmark.
#pragma once

#include <vector>

#include "mien/tools/tune.h"

namespace mien {

// Operations with a model that a GPU did. Those on pixels stay where the pixels are.
struct GpuCandidates {
  std::vector<Operation> operations;
  int batch = 0;  // that makes them fastest together; 0: none can be told
};

GpuCandidates find_gpu_candidates(const std::vector<BenchRow>& rows);

}  // namespace mien
