// Functions that the runs of device graphs share.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "device/accelerator.h"

namespace mien {

// The pixels first, then the small inputs, as all graphs of this folder take them.
inline std::vector<DeviceInput> inputs_of(const DeviceTensor& pixels, std::span<const HostTensor> tensors) {
  std::vector<DeviceInput> inputs;
  inputs.reserve(1 + tensors.size());
  inputs.emplace_back(pixels);
  for (const HostTensor& tensor : tensors) inputs.emplace_back(tensor);
  return inputs;
}

// A device that computes nonsense has failed. `what` names who gave the values.
inline void throw_unless_finite(std::span<const float> values, const std::string& what) {
  const bool is_finite = std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
  if (!is_finite) throw DeviceFailure(what + " gives values that are no numbers");
}

// A device that gives too few or too many values has failed too.
inline void throw_unless_count(std::size_t found, std::size_t expected, const std::string& what) {
  if (found == expected) return;
  throw DeviceFailure(what + " gives " + std::to_string(found) + " values and not " + std::to_string(expected));
}

}  // namespace mien
