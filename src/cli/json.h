// JSON for standard output.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "mien/scan.h"

namespace mien::cli {

// Indented, with a newline at the end. Bytes that are not UTF-8 become U+FFFD.
inline std::string json_text(const nlohmann::ordered_json& value) {
  return value.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

// Null for an empty text.
inline nlohmann::ordered_json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
}

// A record as `mien scan` writes it, so that other commands can show parts of it in the same form.
inline nlohmann::ordered_json record_json(const Record& record) {
  return nlohmann::ordered_json::parse(record_to_json(record, EmbeddingFormat::none));
}

}  // namespace mien::cli
