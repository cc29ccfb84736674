// Stopping when the caller asks.
#pragma once

#include <stop_token>

#include "mien/result.h"

namespace mien {

inline Error cancelled_error() { return {ErrorCode::cancelled, "stopped by the caller"}; }

// Throws Exception(cancelled) once a stop is requested. Asked between stages; what may take longer than a few
// milliseconds asks inside too.
inline void throw_if_stopped(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Exception(cancelled_error());
}

}  // namespace mien
