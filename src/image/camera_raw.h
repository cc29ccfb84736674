// Which TIFF files are cameras' raw files.
#pragma once

#include "mien/image.h"

namespace mien {

// For bytes that begin like a TIFF: whether they hold a sensor's values (NEF, ARW, PEF, DNG and the like), so that
// LibRaw and not libtiff has to read them.
bool is_camera_raw(Bytes encoded);

}  // namespace mien
