// The contents of the handles of the C interface, and the one way in which its calls report.
#pragma once

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "mien/engine.h"
#include "mien/mien.h"
#include "mien/result.h"

struct mien_error {
  mien_status code = MIEN_INTERNAL;
  std::string message;
};
struct mien_stop {
  std::stop_source source;
};
struct mien_engine {
  explicit mien_engine(mien::EngineOptions options) : engine(std::move(options)), runtime(engine.runtime()) {}
  mien::Engine engine;
  std::string runtime;
};
struct mien_workspace {
  mien::Workspace workspace;
};
struct mien_analysis {
  mien::Analysis analysis;
};
struct mien_buffer {
  std::vector<std::uint8_t> bytes;
};

namespace mien::capi {

mien_status status_of(ErrorCode code);
// Gives `*out` the error, when somebody wants it. Never throws: without memory the error is one that says so.
mien_status report(mien_error** out, ErrorCode code, std::string_view message) noexcept;

[[noreturn]] inline void fail(std::string message) { throw Exception(ErrorCode::invalid_argument, std::move(message)); }
inline const char* or_empty(const char* text) { return text != nullptr ? text : ""; }

// Runs `call` and turns what it throws into a status.
template <typename Call>
mien_status guard(mien_error** out, Call call) noexcept {
  if (out != nullptr) *out = nullptr;
  try {
    call();
    return MIEN_OK;
  } catch (const Exception& error) {
    return report(out, error.error().code, error.error().message);
  } catch (const std::bad_alloc&) {
    return report(out, ErrorCode::internal, "there is not enough memory");
  } catch (const std::exception& error) {
    return report(out, ErrorCode::internal, error.what());
  } catch (...) {
    return report(out, ErrorCode::internal, "an unknown exception");
  }
}

// A new handle without options; null when there is no memory.
template <typename Handle>
Handle* create_handle() noexcept {
  Handle* handle = nullptr;
  guard(nullptr, [&] { handle = new Handle; });
  return handle;
}

// Copies what the program knows of a struct into `to`, whose defaults stay for the rest. An error when the program sets
// fields that this library does not know.
template <typename Struct>
void read_struct(const Struct* from, Struct& to) {
  const std::size_t size = from->struct_size;
  if (size < sizeof(std::size_t)) fail("struct_size is not set: set it to sizeof, or use the _init function");
  const auto* const bytes = reinterpret_cast<const unsigned char*>(from);
  if (size > sizeof(Struct) && std::any_of(bytes + sizeof(Struct), bytes + size, [](auto byte) { return byte != 0; })) {
    fail("the program uses options that this version of libmien does not know: install a newer libmien");
  }
  std::memcpy(&to, from, std::min(size, sizeof(Struct)));
}

// The other way round: fills in as much as the program has room for. False when it has not said how much.
template <typename Struct>
bool write_struct(Struct value, Struct* to) {
  if (to == nullptr || to->struct_size < sizeof(std::size_t)) return false;
  value.struct_size = to->struct_size;
  std::memcpy(to, &value, std::min(to->struct_size, sizeof(Struct)));
  return true;
}

// Defaults for what the program knows, zeros for what it knows and we do not.
template <typename Struct>
void init_struct(Struct value, Struct* to, std::size_t struct_size) {
  if (to == nullptr || struct_size < sizeof(std::size_t)) return;
  std::memset(static_cast<void*>(to), 0, struct_size);
  to->struct_size = struct_size;
  write_struct(value, to);
}

AnalyzeOptions read_options(const mien_analyze_options* options);
mien_quality quality_to_c(const Quality& quality);
PixelView read_pixels(const mien_pixels* pixels);

}  // namespace mien::capi
