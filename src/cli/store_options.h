// What the commands over a store share.
#pragma once

#include <string>

#include "cli/arguments.h"
#include "cli/terminal.h"
#include "mien/tools/store.h"

namespace mien::cli {

// --store.
void add_store_option(Arguments& arguments, std::string& path);
// For a command that says nothing: groups that were made are kept where that is possible.
StoreOptions::Access access_to_look(const std::string& path);

// A date as the store has it, without seconds.
std::string moment_text(const std::string& time);

}  // namespace mien::cli
