// The outcome of one image, and the queue that puts the outcomes of all threads back in order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/queue.h"
#include "base/sha256.h"
#include "mien/scan.h"
#include "sources/source.h"

namespace mien {

struct Outcome {
  Record record;
  std::string line;  // of a record that is complete
  Sha256Digest digest{};
  // Somebody else analyses the same content: the job with this ticket, or KnownContents::kWritten. The record then
  // holds what is its own (source, size, time), and the rest is filled in when it is written.
  std::optional<std::uint64_t> owner;
  bool is_cancelled = false;  // the scan was stopped in the middle of it: there is nothing to write
};

using ImageQueue = OrderedQueue<Item, Outcome>;

}  // namespace mien
