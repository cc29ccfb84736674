// What a scan and an index have in common.
#pragma once

#include <string>

#include "bindings.h"
#include "mien/scan.h"

namespace mien::python {

// "none", "gone" or "all". Throws Exception(invalid_argument) for another.
Prune prune_from_name(const std::string& name);

}  // namespace mien::python
