// Adobe's XMP toolkit, by libexempi, which is opened on first use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mien/result.h"
#include "people/xmp_change.h"

namespace mien {

// Error: unsupported, which says what to install.
Result<Done> open_xmp_toolkit();

// A packet in UTF-8 of these regions and nothing else, its elements written as `rdf`, `mwg-rs`, `stArea`, `stDim` and
// `mien`. Errors: unsupported, internal. For many threads.
Result<std::string> packet_of_regions(const RegionChange& change);

// The names of all regions in the packet, in the order of the list, without white space around them. Errors:
// unsupported; bad_data (the toolkit cannot read it). For many threads.
Result<std::vector<std::string>> region_names_in(std::string_view packet);

}  // namespace mien
