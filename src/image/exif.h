// Reads what we need from an EXIF block: the orientation.
#pragma once

#include <optional>

#include "mien/image.h"

namespace mien {

// A TIFF structure, with or without the six bytes "Exif\0\0" before it. 1..8; 1 where the block is broken, too
// large, silent or says something else.
int read_exif_orientation(Bytes block);

// The same, and empty where the block says nothing that can be used.
std::optional<int> find_exif_orientation(Bytes block);

}  // namespace mien
