// Limits on an image's size, checked before a byte of it is decoded, and on the time that decoding takes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>

#include "mien/engine.h"
#include "mien/image.h"
#include "mien/result.h"

namespace mien {

// The error for a file of more bytes than the limit allows; empty when it fits.
std::optional<Error> check_byte_limit(Bytes encoded, const ImageLimits& limits);

// The size that a file says it has.
struct StatedSize {
  std::int64_t width = 0;
  std::int64_t height = 0;
};

// The error for a header that claims more than the limits allow; empty when it fits. Every decoder asks this
// before it allocates anything that grows with the size.
std::optional<Error> check_pixel_limit(StatedSize size, const ImageLimits& limits);

// The error for an image whose decoding would take more memory than the limit allows, pixels included; empty when it
// fits. Every decoder adds up what it and its library will need, and asks before it allocates.
std::optional<Error> check_memory_limit(double bytes, StatedSize size, const ImageLimits& limits);

// Whether decoding must end early: asked between rows, blocks or strips, as often as the codec lets us. Costs about
// 50 ns.
class DecodeWatch {
 public:
  // The time that seconds_max allows begins now.
  DecodeWatch(const ImageLimits& limits, std::stop_token stop);

  bool must_end();
  bool has_ended() const { return ended_ != Ended::no; }
  // cancelled or limit_exceeded; only after must_end said so.
  Error error() const;

 private:
  enum class Ended { no, stopped, late };

  std::stop_token stop_;
  double seconds_max_;
  std::chrono::steady_clock::time_point start_;
  Ended ended_ = Ended::no;
};

}  // namespace mien
