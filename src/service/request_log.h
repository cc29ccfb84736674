// One line for each request, and the form of all lines of the service. No line holds a file name, an image or a vector.
#pragma once

#include <string>
#include <string_view>

#include "mien/log.h"
#include "service/http/server.h"

namespace mien::service {

enum class LogFormat { text, json };

// The level that a request's line has: error for 5xx that is no refusal, warning for clients that were wrong, or info.
LogLevel level_of(const Completed& request);
// Without its newline. In a text, what is not known is "-".
std::string request_line(const Completed& request, LogFormat format);
// A line of the library's log ("INFO - message") in that form.
std::string library_line(LogLevel level, std::string_view line, LogFormat format);

}  // namespace mien::service
