// What tests change of optimize_model: clocks and scales.
#pragma once

#include <functional>

#include "measure/measure.h"
#include "mien/optimize.h"
#include "models/quantize.h"

namespace mien {

struct OptimizeMeans {
  std::function<double()> clock_ms = wall_ms;
  std::function<void(ValueRanges&)> change_ranges = {};
};

OptimizeResult optimize_model(const Settings& settings, const std::string& name, const OptimizeOptions& options,
                              const OptimizeMeans& means);

// Why an int8 detector with these figures is not kept; empty: it is.
std::string judge_int8(const OptimizeResult& figures, bool any_speed);

}  // namespace mien
