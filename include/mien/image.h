// Pixels in memory: 8 bits a channel, rows from top to bottom.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace mien {

using Bytes = std::span<const std::uint8_t>;

// A view of pixels that somebody else owns. RGB interleaved (3 channels) or gray (1 channel).
struct ImageView {
  const std::uint8_t* data = nullptr;
  int width = 0;
  int height = 0;
  int channels = 3;
  std::ptrdiff_t stride = 0;  // bytes from one row to the next

  const std::uint8_t* row(int y) const { return data + static_cast<std::ptrdiff_t>(y) * stride; }
  bool empty() const { return width <= 0 || height <= 0; }
  // The part of this view inside the rectangle, which must lie inside the image.
  ImageView crop(int x, int y, int crop_width, int crop_height) const {
    return {row(y) + static_cast<std::ptrdiff_t>(x) * channels, crop_width, crop_height, channels, stride};
  }
};

// Pixels that it owns, without padding between rows. Movable; keeps its memory when it is reset to a size that
// fits, so that one Image a thread serves a whole run without allocating.
class Image {
 public:
  Image() = default;
  Image(int width, int height, int channels) { reset(width, height, channels); }

  // Makes room for the size; the pixels are unspecified afterwards.
  void reset(int width, int height, int channels);

  std::uint8_t* data() { return data_.get(); }
  const std::uint8_t* data() const { return data_.get(); }
  int width() const { return width_; }
  int height() const { return height_; }
  int channels() const { return channels_; }
  std::size_t stride() const { return static_cast<std::size_t>(width_) * static_cast<std::size_t>(channels_); }
  std::size_t size_bytes() const { return stride() * static_cast<std::size_t>(height_); }
  std::uint8_t* row(int y) { return data_.get() + static_cast<std::size_t>(y) * stride(); }
  const std::uint8_t* row(int y) const { return data_.get() + static_cast<std::size_t>(y) * stride(); }
  bool empty() const { return width_ <= 0 || height_ <= 0; }
  ImageView view() const { return {data_.get(), width_, height_, channels_, static_cast<std::ptrdiff_t>(stride())}; }
  operator ImageView() const { return view(); }  // NOLINT: a view of itself is what callers mean

 private:
  std::unique_ptr<std::uint8_t[]> data_;
  std::size_t capacity_ = 0;
  int width_ = 0;
  int height_ = 0;
  int channels_ = 3;
};

}  // namespace mien
