// What a record says of one image, whether a scan or a caller brings it: its content, then what was found in it.
#pragma once

#include "base/sha256.h"
#include "mien/scan.h"

namespace mien {

// Before the image is looked at.
Sha256Digest add_content(Bytes encoded, Record& record);
// What was found, or why nothing could be.
void add_result(Result<Analysis> result, Record& record);
// The time that the bytes took, once the rest is there.
void add_read_time(double read_ms, Record& record);

}  // namespace mien
