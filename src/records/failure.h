// What the reason of a failure says of the next run.
#pragma once

#include "mien/result.h"

namespace mien {

// Whether the failure says something about the moment, the limits of that run or the libraries that were installed, and
// not about the file's bytes: then another run tries again.
constexpr bool may_be_over(ErrorCode code) {
  switch (code) {
    case ErrorCode::io:
    case ErrorCode::unavailable:
    case ErrorCode::cancelled:
    case ErrorCode::limit_exceeded:
    case ErrorCode::unsupported:
    case ErrorCode::internal: return true;
    default: return false;
  }
}

}  // namespace mien
