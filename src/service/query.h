// The options of a request's query: one table for reading them, for /openapi.json and for docs/service.md.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "mien/engine.h"
#include "mien/scan.h"
#include "service/http/http.h"

namespace mien::service {

// Below it nearly everything is a face: hundreds in a small picture, each of which would be measured and embedded.
inline constexpr double kScoreLeast = 0.1;

struct QueryOptions {
  AnalyzeOptions analyze;
  EmbeddingFormat embeddings = EmbeddingFormat::none;
  std::chrono::milliseconds time_limit{60'000};  // of an image, from the end of its body on
  std::optional<float> threshold = {};           // of a comparison
  bool compare_anyway = false;
};

// Names of the options that a route takes.
using OptionNames = std::span<const std::string_view>;
inline constexpr std::string_view kAnalyzeOptionNames[] = {
    "embeddings", "min_score", "min_quality", "phash", "image_quality", "enhance", "rotations", "detail", "timeout_ms"};
inline constexpr std::string_view kCompareOptionNames[] = {"threshold", "compare_anyway", "min_score", "enhance",
                                                           "rotations", "detail",         "timeout_ms"};
inline constexpr std::string_view kQualityOptionNames[] = {"timeout_ms"};

std::vector<QueryRow> query_rows(OptionNames names);

// What the query says, upon `defaults`. Throws Exception(invalid_argument), which names the option and what is allowed,
// for one that is not among `names`, comes twice or has a wrong value.
QueryOptions read_query(const RequestHead& head, OptionNames names, QueryOptions defaults);

}  // namespace mien::service
