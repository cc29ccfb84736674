#include "service/http/http.h"

#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace mien::service {

std::optional<std::string_view> RequestHead::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

Response error_response(int status, std::string_view code, std::string_view message, std::string_view request_id) {
  const nlohmann::ordered_json body = {
      {"error", {{"code", std::string(code)}, {"message", replace_invalid_utf8(message)}}},
      {"request_id", std::string(request_id)}};
  return {.status = status, .body = body.dump() + "\n"};
}

}  // namespace mien::service
