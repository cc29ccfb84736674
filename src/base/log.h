// How the library logs. Where the lines go is the program's choice (mien/log.h).
// No line holds an image, an embedding or anything else about a person.
#pragma once

#include <string_view>

#include "mien/log.h"

namespace mien {

// Whether somebody reads lines of this level; ask before composing an expensive one.
bool log_enabled(LogLevel level);

// A line break in the message becomes a space: one event, one line, whatever a file name holds.
void log(LogLevel level, std::string_view message);

}  // namespace mien
