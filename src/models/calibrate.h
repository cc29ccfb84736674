// Runs a model and remembers how its inner values were spread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "device/session.h"
#include "models/quantize.h"

namespace mien {

// A session of the model that widens the ranges of these values by every run, and gives what the model gives. What was
// seen is taken as it is: ranges of the least mean square error cut off what faces alone cause, because most of a photo
// is none (SCRFD-2.5G on 26 photos: mean cosine 0.9939 in place of 0.9949).
// `ranges` outlives it; for one thread. Throws Exception(bad_data) like Runtime::create_session.
std::unique_ptr<Session> open_calibrating_session(const Runtime& runtime, onnx::ModelProto model,
                                                  const std::vector<std::string>& values, const std::string& what,
                                                  ValueRanges& ranges);

}  // namespace mien
