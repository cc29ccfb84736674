// Small pictures for the report, made from the sources when the report is written.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "mien/scan.h"
#include "report/html.h"

namespace mien::report {

// How large thumbnails are, so that a page with many of them stays small enough to open.
struct ThumbnailSize {
  int side_max = 240;  // pixels
  int jpeg_quality = 70;
};

// One a record, in order; several threads share the work. A source that is gone, broken or changed
// gives a Thumbnail with a problem. The first face_count of them get their best match's face, too.
std::vector<Thumbnail> make_thumbnails(std::span<const Record> records, ThumbnailSize size, std::size_t face_count,
                                       const InputOptions& input);

}  // namespace mien::report
