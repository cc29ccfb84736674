// The store as the end of a scan.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mien/tools/store.h"
#include "scan/sink.h"

namespace mien {

// Records are handed to the store in transactions of at most 200 images or of what came within a second. Where a path
// holds another content than before, what people said of its faces is restated first (scan/carry.h); a record for which
// that is possible only later waits, at most until finish(). The sources are absolute; a record's path lies below one
// of them, and the first counts. The store must outlive the sink.
std::unique_ptr<Sink> store_sink(Store& store, std::vector<std::string> sources);

}  // namespace mien
