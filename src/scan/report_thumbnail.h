// Small pictures for the report, made from the sources when the report is written.
#pragma once

#include <span>
#include <vector>

#include "mien/scan.h"
#include "scan/report_html.h"

namespace mien::report {

// How large thumbnails are, so that a page with many of them stays small enough to open.
struct ThumbnailSize {
  int side_max = 240;  // pixels
  int jpeg_quality = 70;
};

// One a record, in order; several threads share the work. A source that is gone, broken or changed
// gives a Thumbnail with a problem.
std::vector<Thumbnail> make_thumbnails(std::span<const Record> records, ThumbnailSize size);

}  // namespace mien::report
