// What is wrong with a store.
#pragma once

#include <string>
#include <vector>

#include "store/sqlite.h"

namespace mien {

std::vector<std::string> check_store(Database& database);

}  // namespace mien
