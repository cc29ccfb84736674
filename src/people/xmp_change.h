// A sidecar with other regions: the text of one, and nothing but its regions is another.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "mien/face.h"
#include "mien/result.h"

namespace mien {

struct NewRegion {
  std::string name;
  std::string person;  // a PersonToken
  Box box;             // parts of the picture as stored, each 0..1
};

struct RegionChange {
  std::vector<std::size_t> removed;  // places in the list of regions, from 0, rising
  std::vector<NewRegion> added;
  // Pixels of the picture as stored: mwg-rs:AppliedToDimensions of a sidecar that has no regions yet.
  int width = 0;
  int height = 0;
  bool is_nothing() const { return removed.empty() && added.empty(); }
};

// The text of a sidecar with the change, or of a new one where there is none (empty). Every byte outside of the
// regions that come and go stays, because libexempi, given the whole, would turn properties into others (tiff:Artist
// into dc:creator) and drop what it then has twice. libexempi makes the new regions, and what comes out is read by it
// once more. Errors: those of read_xml, bad_data (not in UTF-8, no XMP, or read otherwise by libexempi), unsupported
// (no libexempi).
Result<std::string> change_regions(std::string_view sidecar, const RegionChange& change);

}  // namespace mien
