// Complete copies of a store while others write to it.
#pragma once

#include <string>

namespace mien {

// Makes `target`, which must not be there, with mode 0600. Nothing of it remains when it throws Exception(io).
void copy_database(const std::string& store, const std::string& target);

}  // namespace mien
