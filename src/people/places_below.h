// The photos of a store that lie below what somebody named.
#pragma once

#include <string>
#include <vector>

#include "mien/tools/store.h"

namespace mien {

// By their paths, each once; those that are gone and those that could not be read too. Without a source all of them.
// Throws Exception(not_found) for a source below which the store knows none.
std::vector<StoredPlace> places_below(const Store& store, const std::vector<std::string>& sources);

}  // namespace mien
