// Reads what we need from an EXIF block: the orientation, and when the photo was taken.
#pragma once

#include <optional>

#include "image/taken_time.h"
#include "mien/image.h"

namespace mien {

struct ExifFacts {
  std::optional<int> orientation;  // 1..8; empty where the block is broken, silent or says something else
  StatedTimes times;
};

// Takes a TIFF structure, with or without the six bytes "Exif\0\0" before it.
ExifFacts read_exif(Bytes block);

}  // namespace mien
