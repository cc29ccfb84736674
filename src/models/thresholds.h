// The similarity from which two faces count as one person, and how often that is wrong.
#pragma once

#include <optional>
#include <string>

#include "mien/engine.h"

namespace mien {

// The threshold asked for, else the embedder's threshold for searching. Throws Exception(invalid_argument) for a number
// that is no cosine, or when the embedder's threshold is not known.
float choose_threshold(const ModelInfo& embedder, std::optional<float> asked);

// The share of strangers' faces that match at this threshold, faces that are not comparable left out: the highest that
// was measured for any kind of photo. Empty when the embedder's thresholds do not tell.
struct FalseMatchRate {
  std::optional<double> rate;
  std::string note;  // empty when the rate was measured at this very threshold
};
FalseMatchRate false_match_rate(const ModelInfo& embedder, float threshold);

}  // namespace mien
