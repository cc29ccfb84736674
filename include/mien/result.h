// Outcomes. Three kinds, one rule each:
//  - a bug is an assert;
//  - what ordinary input can cause (bad bytes, an absent file, a bad argument) is a Result<T>;
//  - what ends the operation (no model, disk full, a runtime that cannot be loaded) is a mien::Exception.
// Both carry the same Error, so that one table maps it to an exit code, an HTTP status and a Python exception.
#pragma once

#include <cassert>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "mien/export.h"

namespace mien {

enum class ErrorCode {
  invalid_argument,  // a wrong call, option or setting
  not_found,         // a file, model or device that is not there
  io,                // a file that is there and cannot be read or written
  bad_data,          // bytes that are not what they should be
  limit_exceeded,    // bytes, pixels or time beyond a limit that has a name
  unsupported,       // well-formed, but not built in or not known
  unavailable,       // a required GPU that is not there
  cancelled,         // stopped by the caller
  internal,          // a runtime failed
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  // Says what was attempted, on what, and what to do about it. UTF-8, one line.
  std::string message;
};

// "invalid_argument", "not_found", ...: the name used in JSON.
MIEN_API std::string_view error_code_name(ErrorCode code);
// The reverse of error_code_name; ErrorCode::internal for a name that is not known.
MIEN_API ErrorCode error_code_from_name(std::string_view name);
// The exit code of a program that ends because of this error: 2 wrong call, 3 no GPU, 130 interrupted, else 1.
MIEN_API int error_exit_code(ErrorCode code);
// The status of an HTTP answer that reports it: 400, 404, 413, ...
MIEN_API int error_http_status(ErrorCode code);

class MIEN_API Exception : public std::exception {
 public:
  explicit Exception(Error error) : error_(std::move(error)) {}
  Exception(ErrorCode code, std::string message) : error_{code, std::move(message)} {}
  const Error& error() const { return error_; }
  const char* what() const noexcept override { return error_.message.c_str(); }

 private:
  Error error_;
};

// Either a T or an Error. Ask `if (result)` before `*result`.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& operator*() & { return value_ref(); }
  const T& operator*() const& { return const_cast<Result*>(this)->value_ref(); }
  T&& operator*() && { return std::move(value_ref()); }
  T* operator->() { return &value_ref(); }
  const T* operator->() const { return &const_cast<Result*>(this)->value_ref(); }

  const Error& error() const {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }
  // The value, or the error thrown as an Exception.
  T take() && {
    if (!ok()) throw Exception(error());
    return std::move(value_ref());
  }

 private:
  T& value_ref() {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  std::variant<T, Error> state_;
};

// The T of a Result that has no value to return.
struct Done {};

}  // namespace mien
