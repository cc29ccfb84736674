// What a packet of XMP says of the image: which way is up, and when it was taken. libexpat parses it, which is opened
// on first use.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "image/taken_time.h"
#include "mien/image.h"
#include "mien/result.h"

namespace mien {

struct XmpFacts {
  std::optional<int> orientation;  // tiff:Orientation, 1..8
  std::string extension;           // xmpNote:HasExtendedXMP: the name of the rest, where a JPEG has no room for it
  StatedTimes times;               // photoshop:DateCreated, exif:DateTimeOriginal; xmp:CreateDate
  std::string problem;             // why a packet that may state an orientation was not read; empty: it was
};

// An element with all that is in it. Names are those of XML with their namespace before them: "namespace\nname".
struct XmlElement {
  std::string name;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string text;
  std::vector<XmlElement> children;
  // Bytes of a text in UTF-8: from the first of the start tag to the last of the end tag, and what is between the tags.
  // Where one tag is both, `begin_inside` and `end_inside` are `end`.
  std::size_t begin = 0;
  std::size_t begin_inside = 0;
  std::size_t end_inside = 0;
  std::size_t end = 0;
};

// The outermost element of a packet or of a sidecar, in UTF-8 or UTF-16. Errors: bad_data (no XML, broken, with a DTD),
// limit_exceeded (of bytes, depth or elements), unsupported (no libexpat).
Result<XmlElement> read_xml(Bytes text);

// Takes a packet in UTF-8 or UTF-16, with any prefix for the namespaces. What is broken says nothing from there on.
XmpFacts read_xmp(Bytes packet);

}  // namespace mien
