// What the directories of TIFF files say that cameras write: whether they are raw, and the JPEG that was stored along.
#pragma once

#include <optional>

#include "image/limits.h"
#include "image/taken_time.h"
#include "mien/image.h"

namespace mien {

// For bytes that begin like a TIFF: whether they hold a sensor's values (NEF, ARW, PEF, DNG and the like), so that
// LibRaw and not libtiff has to read them.
bool is_camera_raw(Bytes encoded);

// The largest JPEG that lies in such a file as one piece, whatever its raw data are.
struct StoredPreview {
  Bytes jpeg;  // empty: none. As far as the file goes
  StatedSize size;
  StatedSize photo;                // of the largest raw data
  std::optional<int> orientation;  // of the first directory that states one
  Bytes xmp;
  StatedTimes times;
};
StoredPreview find_stored_preview(Bytes encoded);

// For bytes that begin like a TIFF: when the photo was taken, as its directories and that of EXIF say.
StatedTimes find_tiff_times(Bytes encoded);

}  // namespace mien
