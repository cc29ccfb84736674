#include "models/thresholds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace mien {
namespace {

constexpr float kSameThresholdTolerance = 1e-6F;  // thresholds are typed with few digits

// A threshold whose false match rate nobody measured says nothing about rates.
struct KnownRate {
  bool is_known = false;
  float threshold = 0;
  double rate = 0;
  bool is_at(float other) const { return is_known && std::abs(other - threshold) <= kSameThresholdTolerance; }
};

KnownRate known_rate(const std::optional<float>& threshold, const std::optional<double>& rate) {
  if (!threshold || !rate) return {};
  return {true, *threshold, *rate};
}

// A rate that was measured on good photos alone is not to be trusted where a higher one is known.
std::optional<double> highest(const std::optional<double>& rate, const std::optional<double>& of_poor_photos) {
  return rate && of_poor_photos ? std::max(rate, of_poor_photos) : rate;
}

}  // namespace

float choose_threshold(const ModelInfo& embedder, std::optional<float> asked) {
  if (asked) {
    if (std::isfinite(*asked) && *asked >= -1 && *asked <= 1) return *asked;
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("the threshold {} is no cosine similarity: allowed are -1 to 1", *asked));
  }
  if (embedder.threshold_search) return *embedder.threshold_search;
  throw Exception(
      ErrorCode::invalid_argument,
      fmt::format("no threshold for searching is known for the model {}{}: give one with --threshold", embedder.name,
                  embedder.threshold_source.empty() ? "" : " (" + embedder.threshold_source + ")"));
}

// Between its two known points the rate falls about exponentially with the threshold, as the upper tail of the
// similarity of strangers does; beyond them nothing is known but the direction.
FalseMatchRate false_match_rate(const ModelInfo& embedder, float threshold) {
  const KnownRate verify =
      known_rate(embedder.threshold_verify, highest(embedder.rate_verify, embedder.rate_verify_max));
  const KnownRate search =
      known_rate(embedder.threshold_search, highest(embedder.rate_search, embedder.rate_search_max));
  if (search.is_at(threshold)) return {search.rate, {}};
  if (verify.is_at(threshold)) return {verify.rate, {}};
  if (search.is_known && threshold > search.threshold) {
    return {search.rate, fmt::format("the expected number of false matches is an upper bound: {:.3f} is stricter "
                                     "than the threshold of {} for searching, {:.3f}",
                                     threshold, embedder.name, search.threshold)};
  }
  if (!verify.is_known || !search.is_known || threshold < verify.threshold) {
    return {std::nullopt, fmt::format("how many false matches to expect of {} at a threshold of {:.3f} is not known",
                                      embedder.name, threshold)};
  }
  const double position = (threshold - verify.threshold) / (search.threshold - verify.threshold);
  const double log_verify = std::log(verify.rate);
  const double rate = std::exp(log_verify + position * (std::log(search.rate) - log_verify));
  return {rate, fmt::format("the expected number of false matches is an estimate: {:.3f} lies between the two "
                            "thresholds known for {}",
                            threshold, embedder.name)};
}

}  // namespace mien
