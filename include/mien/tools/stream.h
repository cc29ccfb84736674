// Records of images that come one by one, each with options of its own, while others are on a device: what `mien serve`
// is made of.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "mien/engine.h"
#include "mien/export.h"
#include "mien/scan.h"

namespace mien {

struct StreamImage {
  Bytes encoded;                            // read before the next image is asked for
  const AnalyzeOptions* options = nullptr;  // live until the image's record is there
};

struct RecordStream {
  // The next image. Waits so long for one, without a number until there is one. Empty: there is none now, or, without a
  // number, there will be none any more.
  std::function<std::optional<StreamImage>(std::optional<std::chrono::milliseconds> patience)> next;
  // The records as analyze_to_record makes them, in the order of the images.
  std::function<void(Record record)> on_record;
};

// Ends once there are no images any more. On the CPU each record is there before the next image is asked for. Throws
// what the stream's functions throw.
MIEN_API void records_of_stream(const Engine& engine, const RecordStream& stream, Workspace& workspace);

// How long a device that has nothing to do waits for more images of other streams before it takes a batch that is not
// full. It does not wait when all streams wait for it.
MIEN_API void set_batch_delay(const Engine& engine, std::chrono::milliseconds delay);

// The score, 0..1, from which on something is a face to the engine's detector where AnalyzeOptions say no other.
MIEN_API float detection_threshold(const Engine& engine);

}  // namespace mien
