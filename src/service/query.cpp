#include "service/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <set>
#include <type_traits>

namespace mien::service {
namespace {

constexpr std::chrono::milliseconds kTimeLimitMost{600'000};

// Returns false for a value that is not allowed.
using Set = bool (*)(QueryOptions& options, std::string_view value);

struct OptionRow {
  QueryRow query;
  std::string_view allowed;  // completes "use ..."
  Set set;
};

bool read_bool(std::string_view value, bool& out) {
  const bool is_true = value == "true" || value == "1";
  if (!is_true && value != "false" && value != "0") return false;
  out = is_true;
  return true;
}

template <typename Number>
bool read_number(std::string_view value, Number least, Number most, Number& out) {
  // A float's text may hold what a float itself cannot, as 1e-50.
  using Read = std::conditional_t<std::is_floating_point_v<Number>, double, Number>;
  Read number{};
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (failure != std::errc() || end != value.data() + value.size() || !(number >= least && number <= most))
    return false;
  out = static_cast<Number>(number);
  return true;
}

template <typename Number>
bool read_number(std::string_view value, Number least, Number most, std::optional<Number>& out) {
  return read_number(value, least, most, out.emplace());
}

template <bool AnalyzeOptions::*field>
bool set_flag(QueryOptions& options, std::string_view value) {
  return read_bool(value, options.analyze.*field);
}

bool set_embeddings(QueryOptions& options, std::string_view value) {
  constexpr std::pair<std::string_view, EmbeddingFormat> kFormats[] = {
      {"none", EmbeddingFormat::none}, {"json", EmbeddingFormat::json}, {"base64", EmbeddingFormat::base64}};
  const auto* const format =
      std::find_if(std::begin(kFormats), std::end(kFormats), [&](const auto& row) { return row.first == value; });
  if (format == std::end(kFormats)) return false;
  options.embeddings = format->second;
  return true;
}

bool set_detail(QueryOptions& options, std::string_view value) {
  const std::optional<Detail> detail = find_detail(value);
  if (detail) options.analyze.detail = *detail;
  return detail.has_value();
}

bool set_time_limit(QueryOptions& options, std::string_view value) {
  std::int64_t ms = 0;
  if (!read_number<std::int64_t>(value, 1, kTimeLimitMost.count(), ms)) return false;
  options.time_limit = std::chrono::milliseconds(ms);
  return true;
}

bool set_score(QueryOptions& options, std::string_view value) {
  double score = 0;
  if (!read_number(value, kScoreLeast, 1.0, score)) return false;
  options.analyze.det_threshold = static_cast<float>(score);
  return true;
}

constexpr std::string_view kBoolean = R"({"type":"boolean"})";
constexpr std::string_view kShare = R"({"type":"number","minimum":0,"maximum":1})";
constexpr std::string_view kTrueOrFalse = "true or false";
constexpr std::string_view kZeroToOne = "a number from 0 to 1";

constexpr OptionRow kOptions[] = {
    {{"embeddings", R"({"type":"string","enum":["none","json","base64"],"default":"none"})",
      "whether the record has the faces' embeddings, and how"},
     "none, json or base64",
     set_embeddings},
    {{"min_score", R"({"type":"number","minimum":0.1,"maximum":1})",
      "the detector's score from which on something is a face"},
     "a number from 0.1 to 1",
     set_score},
    {{"min_quality", kShare, "faces with a lower overall_score are left out"},
     kZeroToOne,
     [](QueryOptions& o, std::string_view v) { return read_number(v, 0.0, 1.0, o.analyze.min_quality); }},
    {{"phash", R"({"type":"boolean","default":true})", "the perceptual hash of the picture"},
     kTrueOrFalse,
     set_flag<&AnalyzeOptions::phash>},
    {{"image_quality", kBoolean, "measures the whole image too"},
     kTrueOrFalse,
     set_flag<&AnalyzeOptions::image_quality>},
    {{"enhance", kBoolean, "enlarges and sharpens small images first"},
     kTrueOrFalse,
     set_flag<&AnalyzeOptions::enhance>},
    {{"rotations", kBoolean, "looks at the image turned by 90, 180 and 270 degrees too"},
     kTrueOrFalse,
     set_flag<&AnalyzeOptions::rotations>},
    {{"detail", R"({"type":"string","enum":["auto","off","full"]})", "how closely to look beyond the first pass"},
     "auto, off or full",
     set_detail},
    {{"timeout_ms", R"({"type":"integer","minimum":1,"maximum":600000,"default":60000})",
      "milliseconds in which an image has to be done"},
     "a whole number from 1 to 600000",
     set_time_limit},
    {{"threshold", R"({"type":"number","minimum":-1,"maximum":1})",
      "the cosine from which on two faces are the same person; otherwise the model's own"},
     "a number from -1 to 1",
     [](QueryOptions& o, std::string_view v) { return read_number(v, -1.0F, 1.0F, o.threshold); }},
    {{"compare_anyway", kBoolean, "lets the threshold alone decide, however poor the faces are"},
     kTrueOrFalse,
     [](QueryOptions& o, std::string_view v) { return read_bool(v, o.compare_anyway); }},
};

const OptionRow* find_option(std::string_view name, OptionNames names) {
  if (std::find(names.begin(), names.end(), name) == names.end()) return nullptr;
  return std::find_if(std::begin(kOptions), std::end(kOptions),
                      [&](const OptionRow& row) { return row.query.name == name; });
}

}  // namespace

std::vector<QueryRow> query_rows(OptionNames names) {
  std::vector<QueryRow> rows;
  for (const std::string_view name : names) rows.push_back(find_option(name, names)->query);
  return rows;
}

QueryOptions read_query(const RequestHead& head, OptionNames names, QueryOptions options) {
  std::set<std::string_view> seen;
  for (const auto& [name, value] : head.query) {
    const OptionRow* const option = find_option(name, names);
    if (option == nullptr) {
      throw Exception(ErrorCode::invalid_argument,
                      fmt::format("the query has '{}', which is no option here: use {}", name, fmt::join(names, ", ")));
    }
    if (!seen.insert(option->query.name).second) {
      throw Exception(ErrorCode::invalid_argument, fmt::format("the query has '{}' twice: use it once", name));
    }
    if (option->set(options, value)) continue;
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("the query's {}='{}' is not valid: use {}", name, value, option->allowed));
  }
  options.analyze.embed = options.embeddings != EmbeddingFormat::none;
  return options;
}

}  // namespace mien::service
