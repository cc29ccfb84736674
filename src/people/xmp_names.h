// The names that stand beside a photo: the regions of the Metadata Working Group (digiKam, Lightroom, Picasa, mien) and
// those of Microsoft (Windows Live Photo Gallery, digiKam too), in a packet of XMP or a sidecar.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mien/face.h"
#include "mien/image.h"
#include "mien/result.h"

namespace mien {

// A region that mien wrote has a mark in its mwg-rs:Extensions, in this namespace: `person`, a PersonToken, and `name`,
// as mien wrote it beside. Where the region has another name now, somebody else has changed it.
inline constexpr std::string_view kMarkNamespace = "urn:mien:regions:1.0/";
// Of mwg-rs:Regions, in the same namespace: mien put the structure there, which goes with its last region.
inline constexpr const char* kOwnStructure = "made";

// The least IoU with a face that a region means: a face that a person framed by hand overlaps little with what a
// detector finds, and more than with any neighbour.
inline constexpr float kRegionOverlapMin = 0.2F;
inline constexpr float kSameRegionOverlap = 0.5F;

struct NamedRegion {
  std::string name;         // UTF-8, never empty
  Box box;                  // parts of the picture as the program saw it: 0..1 is inside
  std::string person = {};  // of the mark; empty: none, or somebody has given the region another name
};

struct RegionMark {
  std::size_t place = 0;  // in the list of regions, from 0
  std::string person;
  std::string name;  // that the region has now
  bool is_as_written = false;
  std::optional<Box> box;  // as NamedRegion::box; empty: it has none
};

struct XmpNames {
  std::vector<NamedRegion> regions;  // of faces, each once, in the order of the packet; those of mien beside others
  std::vector<RegionMark> marks;     // in the order of the packet
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

// The other way: what a region of `names` has to be to lie there. What is outside of the picture is cut off.
Box region_for_file(const Box& in_picture, const XmpNames& names, int orientation, int upright_width,
                    int upright_height);

// For each region the face that it means, or nothing: the best overlaps first, one to one.
std::vector<std::optional<std::size_t>> match_regions(const std::vector<Box>& regions, const std::vector<Box>& faces);

}  // namespace mien
