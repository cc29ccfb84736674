// Pixels in memory: 8 bits a channel, rows from top to bottom.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "mien/export.h"

namespace mien {

using Bytes = std::span<const std::uint8_t>;

// How the bytes of a picture in memory are laid out; 8 bits a channel.
enum class PixelFormat {
  rgb,   // red, green, blue, one after the other; read in place
  bgr,   // blue first, as OpenCV and Windows have it; read in place
  gray,  // one byte a pixel; read in place
  rgba,  // four bytes a pixel; the fourth is ignored, the other three are copied once
  bgra,  // likewise
  nv12,  // a plane of luma, and below it one of chroma (U, V) at half the width and height; converted to RGB once
};

// The meaning of the numbers of NV12. Cameras and older video: BT.601; video of 720 lines and more: BT.709. Limited:
// luma 16..235; full: 0..255. Chroma is not interpolated: four pixels share one pair.
enum class YuvColours { bt601_limited, bt601_full, bt709_limited, bt709_full };

// A picture that the caller holds; it must live until the call that it is given to returns, and is not written to.
struct PixelView {
  const std::uint8_t* data = nullptr;  // the first byte of the top row; of NV12, of the plane of luma
  int width = 0;                       // pixels; of NV12, an even number
  int height = 0;                      // likewise
  PixelFormat format = PixelFormat::rgb;
  std::ptrdiff_t stride = 0;             // bytes from one row to the next; 0: there is no gap between rows
  const std::uint8_t* chroma = nullptr;  // NV12 alone: the second plane; null: right behind the first
  std::ptrdiff_t chroma_stride = 0;      // NV12 alone; 0: as `stride`
  YuvColours colours = YuvColours::bt601_limited;
  int orientation = 1;  // EXIF's 1..8: how the pixels must be rotated or mirrored to stand upright; 1: they do
};

// A view of pixels that somebody else owns. RGB interleaved (3 channels) or gray (1 channel).
struct ImageView {
  const std::uint8_t* data = nullptr;
  int width = 0;
  int height = 0;
  int channels = 3;
  std::ptrdiff_t stride = 0;  // bytes from one row to the next
  bool bgr = false;           // of three channels the first is blue, not red

  const std::uint8_t* row(int y) const { return data + static_cast<std::ptrdiff_t>(y) * stride; }
  bool empty() const { return width <= 0 || height <= 0; }
  // The part of this view inside the rectangle, which must lie inside the image.
  ImageView crop(int x, int y, int crop_width, int crop_height) const {
    return {row(y) + static_cast<std::ptrdiff_t>(x) * channels, crop_width, crop_height, channels, stride, bgr};
  }
};

// Pixels that it owns, without padding between rows. Movable; keeps its memory when it is reset to a size that
// fits, so that one Image a thread serves a whole run without allocating.
class MIEN_API Image {
 public:
  Image() = default;
  Image(int width, int height, int channels) { reset(width, height, channels); }

  // Makes room for the size; the pixels are unspecified afterwards. `bgr`: of three channels the first is blue.
  void reset(int width, int height, int channels, bool bgr = false);

  std::uint8_t* data() { return data_.get(); }
  const std::uint8_t* data() const { return data_.get(); }
  int width() const { return width_; }
  int height() const { return height_; }
  int channels() const { return channels_; }
  bool bgr() const { return bgr_; }
  std::size_t stride() const { return static_cast<std::size_t>(width_) * static_cast<std::size_t>(channels_); }
  std::size_t size_bytes() const { return stride() * static_cast<std::size_t>(height_); }
  // What reset() can make room for without allocating.
  std::size_t capacity_bytes() const { return capacity_; }
  std::uint8_t* row(int y) { return data_.get() + static_cast<std::size_t>(y) * stride(); }
  const std::uint8_t* row(int y) const { return data_.get() + static_cast<std::size_t>(y) * stride(); }
  bool empty() const { return width_ <= 0 || height_ <= 0; }
  ImageView view() const {
    return {data_.get(), width_, height_, channels_, static_cast<std::ptrdiff_t>(stride()), bgr_};
  }
  operator ImageView() const { return view(); }  // NOLINT: a view of itself is what callers mean

 private:
  std::unique_ptr<std::uint8_t[]> data_;
  std::size_t capacity_ = 0;
  int width_ = 0;
  int height_ = 0;
  int channels_ = 3;
  bool bgr_ = false;
};

// The same pixels as the calls of Engine take them.
inline PixelView to_pixels(ImageView view) {
  PixelView pixels;
  pixels.data = view.data;
  pixels.width = view.width;
  pixels.height = view.height;
  pixels.format = view.channels == 1 ? PixelFormat::gray : view.bgr ? PixelFormat::bgr : PixelFormat::rgb;
  pixels.stride = view.stride;
  return pixels;
}

}  // namespace mien
