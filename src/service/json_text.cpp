#include "service/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace mien::service {
namespace {

// The protocols that are spoken here nest four levels.
constexpr int kDepthMost = 32;

// Before anything is built of it: text may nest deeper than memory allows.
bool is_too_deep(std::string_view json) {
  int depth = 0;
  bool is_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (is_text) {
      if (c == '\\') ++i;
      is_text = c != '"';
      continue;
    }
    is_text = c == '"';
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth > kDepthMost) return true;
  }
  return false;
}

template <typename Number>
void put(std::string& out, Number value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  out.append(text.data(), end.ptr);
}

}  // namespace

Result<nlohmann::json> read_json(std::string_view text, std::string_view place) {
  if (is_too_deep(text)) {
    return Error{ErrorCode::invalid_argument, fmt::format("{}: nested deeper than {} levels", place, kDepthMost)};
  }
  nlohmann::json json = nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return Error{ErrorCode::invalid_argument, fmt::format("{}: this is not JSON in UTF-8", place)};
  }
  return json;
}

void put_number(std::string& out, float value) { put(out, value); }

void put_number(std::string& out, double value) { put(out, value); }

long rounded(float value) { return std::lrintf(value); }

bool is_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

}  // namespace mien::service
