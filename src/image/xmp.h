// What a packet of XMP says of the image: which way is up. libexpat parses it, which is opened on first use.
#pragma once

#include <optional>
#include <string>

#include "mien/image.h"

namespace mien {

struct XmpFacts {
  std::optional<int> orientation;  // tiff:Orientation, 1..8
  std::string extension;           // xmpNote:HasExtendedXMP: the name of the rest, where a JPEG has no room for it
  std::string problem;             // why a packet that may state an orientation was not read; empty: it was
};

// Takes a packet in UTF-8 or UTF-16, with any prefix for the namespaces. What is broken says nothing from there on.
XmpFacts read_xmp(Bytes packet);

}  // namespace mien
