// Errors, version, log and stopping.
#include <array>

#include "capi/handles.h"
#include "mien/log.h"

namespace mien::capi {
namespace {

struct StatusRow {
  mien_status status;
  ErrorCode code;
};

constexpr std::array<StatusRow, 9> kStatuses = {{
    {MIEN_INVALID_ARGUMENT, ErrorCode::invalid_argument},
    {MIEN_NOT_FOUND, ErrorCode::not_found},
    {MIEN_IO, ErrorCode::io},
    {MIEN_BAD_DATA, ErrorCode::bad_data},
    {MIEN_LIMIT_EXCEEDED, ErrorCode::limit_exceeded},
    {MIEN_UNSUPPORTED, ErrorCode::unsupported},
    {MIEN_UNAVAILABLE, ErrorCode::unavailable},
    {MIEN_CANCELLED, ErrorCode::cancelled},
    {MIEN_INTERNAL, ErrorCode::internal},
}};

// For when there is no memory to make another; freeing it does nothing.
mien_error& out_of_memory() {
  static mien_error error{MIEN_INTERNAL, "no memory"};
  return error;
}

// Names of files and models, which messages hold, may contain newlines.
std::string one_line(std::string_view message) {
  std::string line(message);
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
  return line;
}

}  // namespace

mien_status status_of(ErrorCode code) {
  for (const StatusRow& row : kStatuses) {
    if (row.code == code) return row.status;
  }
  return MIEN_INTERNAL;
}

mien_status report(mien_error** out, ErrorCode code, std::string_view message) noexcept {
  const mien_status status = status_of(code);
  if (out == nullptr) return status;
  try {
    *out = new mien_error{status, one_line(message)};
  } catch (...) {
    *out = &out_of_memory();
  }
  return status;
}

}  // namespace mien::capi

// The functions of mien.h are global; these files hold nothing else below.
using namespace mien::capi;  // NOLINT(google-build-using-namespace)

mien_status mien_error_code(const mien_error* error) { return error != nullptr ? error->code : MIEN_OK; }

const char* mien_error_message(const mien_error* error) { return error != nullptr ? error->message.c_str() : ""; }

void mien_error_free(mien_error* error) {
  if (error != &out_of_memory()) delete error;
}

const char* mien_status_name(mien_status status) {
  if (status == MIEN_OK) return "ok";
  for (const StatusRow& row : kStatuses) {
    if (row.status == status) return mien::error_code_name(row.code).data();  // of a table of literals
  }
  return "unknown";
}

const char* mien_version(void) { return MIEN_VERSION; }

void mien_set_log_sink(mien_log_sink sink, void* context, mien_log_level level_min) {
  guard(nullptr, [&] {
    const mien_log_level level = std::clamp<mien_log_level>(level_min, MIEN_LOG_DEBUG, MIEN_LOG_ERROR);
    mien::LogSink forward;
    if (sink != nullptr) {
      forward = [sink, context](mien::LogLevel line_level, std::string_view line) {
        sink(context, static_cast<mien_log_level>(line_level), std::string(line).c_str());
      };
    }
    mien::set_log_sink(std::move(forward), static_cast<mien::LogLevel>(level));
  });
}

mien_stop* mien_stop_create(void) { return create_handle<mien_stop>(); }

void mien_stop_request(mien_stop* stop) {
  if (stop != nullptr) stop->source.request_stop();
}

mien_bool mien_stop_requested(const mien_stop* stop) { return stop != nullptr && stop->source.stop_requested(); }

void mien_stop_free(mien_stop* stop) { delete stop; }
