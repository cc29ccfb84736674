// The log of the library. The library never prints: the program decides where lines go.
#pragma once

#include <functional>
#include <string_view>

#include "mien/export.h"

namespace mien {

enum class LogLevel { debug, info, warning, error };

// Gets one line without its newline, "INFO - message". Called from any thread, one call at a time.
// It must not log and must not set the sink.
using LogSink = std::function<void(LogLevel level, std::string_view line)>;

// Lines of this level and above go to the sink from now on. An empty sink (the state at the start)
// drops them.
// When this returns, the sink that it replaced is no longer running.
MIEN_API void set_log_sink(LogSink sink, LogLevel level_min = LogLevel::info);

// "DEBUG", "INFO", "WARNING" or "ERROR", as Settings::log_level has it; LogLevel::info for another
// name.
MIEN_API LogLevel log_level_from_name(std::string_view name);

}  // namespace mien
