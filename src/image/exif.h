// Reads what we need from an EXIF block: the orientation.
#pragma once

#include <optional>

#include "mien/image.h"

namespace mien {

// A TIFF structure, with or without the six bytes "Exif\0\0" before it. 1..8; empty where the block is broken, silent
// or says something else.
std::optional<int> find_exif_orientation(Bytes block);

}  // namespace mien
