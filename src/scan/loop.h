// The loop of a scan: items in, records out. It knows no model, so that tests run it in milliseconds.
//
// Threads: an Intake finds and reads the images, `threads` workers hash, analyse and compare them and make the line
// that the sink wants, and the calling thread takes their outcomes in order, hands them to the sink and calls back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "mien/scan.h"
#include "pipeline/analyze.h"
#include "records/tally.h"
#include "scan/crops.h"
#include "scan/intake.h"
#include "scan/known.h"
#include "scan/like.h"
#include "scan/sink.h"
#include "sources/source.h"

namespace mien {

// Images between the oldest that is not written and the newest that is being read: how far the others may run ahead of
// a slow one, and with the size of a record the memory that waiting takes.
inline constexpr std::size_t kImagesInFlightMin = 256;
inline constexpr std::size_t kImagesInFlightPerThread = 16;
inline constexpr int kThreadsMax = 1024;

// Analyses the images of a stream, as analyze_stream does.
using AnalyzeStream = std::function<void(const ImageStream& images, Workspace& workspace)>;

struct LoopParts {
  std::shared_ptr<Source> sources;
  Sink& sink;
  std::shared_ptr<KnownPaths> paths;  // those of kept records are not read again
  KnownContents& contents;            // likewise, but they get a record of their own
  AnalyzeStream analyze;              // called from many threads; may answer `cancelled` once the scan is to stop
  std::size_t held_max = 1;           // see ImageStream
  const WantedPerson* person = nullptr;
  const CropFolder* crops = nullptr;
  std::string terms;                // for every record
  std::string working_folder = {};  // absolute, for records of relative sources; empty: they do not say it
  std::size_t image_bytes_max = ImageLimits{}.bytes_max;
  int threads = 1;
};

// Adds to `summary`, which holds what was kept of an earlier run. Throws what a source, the analysis, the sink or a
// callback throws; what was handed to the sink by then is kept.
void run_loop(const LoopParts& parts, const ScanCallbacks& callbacks, const std::stop_token& stop,
              ScanSummary& summary);

}  // namespace mien
