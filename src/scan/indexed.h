// What an index finds in the store: which photos it need not read, and which are gone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mien/scan.h"
#include "mien/tools/store.h"
#include "scan/gone.h"
#include "scan/known.h"

namespace mien {

struct IndexedPhotos {
  ScanSummary kept;                    // of the photos that are not read
  std::vector<std::string> gone;       // paths that were there the last time
  std::vector<std::string> back;       // paths that were gone the last time, and hold what they held before
  std::optional<GoneSource> all_gone;  // a source below which none is there any more
};

// Asks for sizes and times of what lies below the sources, which are absolute; changes nothing. Photos that are as they
// were, and were read on these terms, become known by their paths, and contents that were read on these terms, below
// whatever source, by their digests.
IndexedPhotos find_indexed(const Store& store, const std::vector<std::string>& sources, const std::string& terms,
                           KnownPaths& paths, KnownContents& contents);

}  // namespace mien
