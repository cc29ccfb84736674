#include <array>

#include "mien/result.h"

namespace mien {
namespace {

struct ErrorRow {
  ErrorCode code;
  std::string_view name;
  int exit_code;
  int http_status;
};

// The one place that says what an error means to whoever started the program or sent the request.
constexpr std::array<ErrorRow, 9> kErrors = {{
    {ErrorCode::invalid_argument, "invalid_argument", 2, 400},
    {ErrorCode::not_found, "not_found", 2, 404},
    {ErrorCode::io, "io", 1, 500},
    {ErrorCode::bad_data, "bad_data", 1, 422},
    {ErrorCode::limit_exceeded, "limit_exceeded", 1, 413},
    {ErrorCode::unsupported, "unsupported", 2, 415},
    {ErrorCode::unavailable, "unavailable", 3, 503},
    {ErrorCode::cancelled, "cancelled", 130, 504},
    {ErrorCode::internal, "internal", 1, 500},
}};

const ErrorRow& row(ErrorCode code) {
  for (const ErrorRow& candidate : kErrors) {
    if (candidate.code == code) return candidate;
  }
  return kErrors.back();
}

}  // namespace

std::string_view error_code_name(ErrorCode code) { return row(code).name; }

ErrorCode error_code_from_name(std::string_view name) {
  for (const ErrorRow& candidate : kErrors) {
    if (candidate.name == name) return candidate.code;
  }
  return ErrorCode::internal;
}

int error_exit_code(ErrorCode code) { return row(code).exit_code; }

int error_http_status(ErrorCode code) { return row(code).http_status; }

}  // namespace mien
