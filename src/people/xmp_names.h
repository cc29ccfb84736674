// The names that other programs wrote beside a photo: the regions of the Metadata Working Group (digiKam, Lightroom,
// Picasa) and those of Microsoft (Windows Live Photo Gallery, digiKam too), in a packet of XMP or a sidecar.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "mien/face.h"
#include "mien/image.h"
#include "mien/result.h"

namespace mien {

struct NamedRegion {
  std::string name;  // UTF-8, never empty
  Box box;           // parts of the picture as the program saw it: 0..1 is inside
};

struct XmpNames {
  std::vector<NamedRegion> regions;  // of faces, each once, in the order of the packet
  // Pixels of the picture that the regions were drawn on; 0: not stated.
  double width = 0;
  double height = 0;
  int unusable = 0;  // regions with a name and without a place: no numbers, outside of the picture
};

// Errors as read_xml. Guidelines for Handling Image Metadata 2.0, 5.9, and Microsoft's schema MP 1.2.
Result<XmpNames> read_xmp_names(Bytes packet);

// Where a region lies in the upright picture, in its pixels. Regions are those of the pixels as stored, which the
// orientation (1..8) turns; programs that drew on the upright picture say so by its sides, where these differ.
Box region_in_picture(const NamedRegion& region, const XmpNames& names, int orientation, int upright_width,
                      int upright_height);

// For each region the face that it means, or nothing: the best overlaps first, one to one.
std::vector<std::optional<std::size_t>> match_regions(const std::vector<Box>& regions, const std::vector<Box>& faces);

}  // namespace mien
