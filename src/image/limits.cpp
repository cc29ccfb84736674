#include "image/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/cancel.h"

namespace mien {
namespace {

constexpr double kMegabyte = 1 << 20;

}  // namespace

std::optional<Error> check_byte_limit(Bytes encoded, const ImageLimits& limits) {
  if (encoded.size() <= limits.bytes_max) return std::nullopt;
  return Error{ErrorCode::limit_exceeded,
               fmt::format("the file has {} bytes, the limit bytes_max is {}", encoded.size(), limits.bytes_max)};
}

std::optional<Error> check_pixel_limit(StatedSize size, const ImageLimits& limits) {
  const std::int64_t side = std::max(size.width, size.height);
  if (side > limits.side_max) {
    return Error{ErrorCode::limit_exceeded, fmt::format("the image is {} x {} pixels, the limit side_max is {} a side",
                                                        size.width, size.height, limits.side_max)};
  }
  // Both sides are at most an int here, so that the product cannot overflow.
  const std::int64_t pixels = size.width * size.height;
  if (pixels > limits.pixels_max) {
    return Error{ErrorCode::limit_exceeded,
                 fmt::format("the image is {} x {} = {} pixels, the limit is {} (pixels_max, --pixels-max)", size.width,
                             size.height, pixels, limits.pixels_max)};
  }
  return std::nullopt;
}

std::optional<Error> check_memory_limit(double bytes, StatedSize size, const ImageLimits& limits) {
  if (bytes <= static_cast<double>(limits.memory_bytes_max)) return std::nullopt;
  return Error{ErrorCode::limit_exceeded,
               fmt::format("decoding {} x {} pixels would take {:.0f} MB of memory, the limit is {:.0f} MB "
                           "(memory_bytes_max, --memory-max)",
                           size.width, size.height, bytes / kMegabyte,
                           static_cast<double>(limits.memory_bytes_max) / kMegabyte)};
}

DecodeWatch::DecodeWatch(const ImageLimits& limits, std::stop_token stop)
    : stop_(std::move(stop)), seconds_max_(limits.seconds_max), start_(std::chrono::steady_clock::now()) {}

bool DecodeWatch::must_end() {
  if (ended_ != Ended::no) return true;
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
  if (stop_.stop_requested()) {
    ended_ = Ended::stopped;
  } else if (spent.count() > seconds_max_) {
    ended_ = Ended::late;
  }
  return ended_ != Ended::no;
}

Error DecodeWatch::error() const {
  if (ended_ == Ended::stopped) return cancelled_error();
  return {ErrorCode::limit_exceeded,
          fmt::format("decoding took longer than {} seconds (the limit seconds_max)", seconds_max_)};
}

}  // namespace mien
