// What the commands over a store share.
#pragma once

#include <string>

#include "cli/arguments.h"
#include "cli/terminal.h"
#include "mien/tools/store.h"

namespace mien::cli {

// --store.
void add_store_option(Arguments& arguments, std::string& path);

// A date as the store has it, without seconds.
std::string moment_text(const std::string& time);

}  // namespace mien::cli
