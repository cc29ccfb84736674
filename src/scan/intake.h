// Finding images and reading them, ahead of the threads that analyse.
//
// Storage may be slow (a file on a NAS takes 20 to 50 ms) or not answer at all, so these threads are many, started
// only when somebody waits for bytes, and own everything that they touch: one that hangs in a read is left behind.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mien/result.h"
#include "scan/known.h"
#include "scan/outcome.h"
#include "sources/source.h"

namespace mien {

// An image that was read, or the reason why it could not be.
struct ReadImage {
  std::uint64_t ticket = 0;  // of the queue
  std::string name;
  ItemState state;
  std::vector<std::uint8_t> bytes;
  std::optional<Error> error;
  double read_ms = 0;
};

// Readers at most, for each thread that analyses and in all: eight files of 50 ms come while a thread analyses one of
// 6 ms. Each takes about 50 KB.
inline constexpr std::size_t kReadersPerThread = 8;
inline constexpr std::size_t kReadersMaxLeast = 16;
inline constexpr std::size_t kReadersMaxMost = 64;
// How much is read ahead: so many files, and so many bytes for each thread that analyses. A larger file passes when it
// is the only one.
inline constexpr std::size_t kReadAheadImages = 64;
inline constexpr std::size_t kReadAheadBytesPerThread = std::size_t{4} << 20;
inline constexpr std::size_t kReadAheadBytesMin = std::size_t{16} << 20;

struct IntakeParts {
  std::shared_ptr<Source> sources;
  std::shared_ptr<KnownPaths> paths;  // those that are known are not read
  std::size_t image_bytes_max = 0;
  std::size_t read_ahead_bytes_max = kReadAheadBytesMin;
  std::size_t readers_max = kReadersMaxLeast;
  std::shared_ptr<ImageQueue> queue;  // numbers the images, and bounds how many are in flight
};

class Intake {
 public:
  explicit Intake(IntakeParts parts);
  // Stops, waits a moment for its threads, and leaves those behind that hang.
  ~Intake();
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  // The oldest image that was read, engaged in the queue for the caller. Waits for one. Empty: there will be none any
  // more.
  std::optional<ReadImage> next();
  // Likewise, but waits so long at most. Empty: none is read by then, or there will be none any more.
  std::optional<ReadImage> next_within(std::chrono::milliseconds patience);
  // From any thread: next() gives nothing more, and the queue drops what nobody has engaged.
  void stop();

  std::int64_t found() const;  // images so far
  bool has_found_all() const;  // reached the end of the sources
  std::size_t readers_started() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace mien
