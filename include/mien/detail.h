// The words for how closely photos are looked at.
#pragma once

#include <optional>
#include <string_view>

#include "mien/export.h"
#include "mien/settings.h"

namespace mien {

// "auto", "off", "full": the words of settings, records, C and Python.
MIEN_API std::string_view detail_name(Detail detail);
// Nothing when no detail has this name.
MIEN_API std::optional<Detail> find_detail(std::string_view name);

}  // namespace mien
