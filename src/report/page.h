// The unchanging text of the report: how it looks and what its table does.
#pragma once

#include <string_view>

namespace mien::report {

extern const std::string_view kStyle;   // CSS
extern const std::string_view kScript;  // JavaScript; fills the table of all images from #data
extern const std::string_view kTable;   // HTML of that table, empty

}  // namespace mien::report
