#include "ops/pixels.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/cancel.h"
#include "image/limits.h"

namespace mien {
namespace {

struct FormatRow {
  PixelFormat format;
  const char* name;
  int bytes;     // of a pixel in the first plane
  int channels;  // of the view
  bool bgr;
  bool in_place;
};

constexpr std::array<FormatRow, 6> kFormats = {{
    {PixelFormat::rgb, "RGB", 3, 3, false, true},
    {PixelFormat::bgr, "BGR", 3, 3, true, true},
    {PixelFormat::gray, "gray", 1, 1, false, true},
    {PixelFormat::rgba, "RGBA", 4, 3, false, false},
    {PixelFormat::bgra, "BGRA", 4, 3, true, false},
    {PixelFormat::nv12, "NV12", 1, 3, false, false},
}};

// The standards' weights of red and blue in luma, and whether luma spans 16..235 or 0..255.
struct YuvRow {
  YuvColours colours;
  double red;
  double blue;
  bool limited;
};

constexpr std::array<YuvRow, 4> kYuv = {{
    {YuvColours::bt601_limited, 0.299, 0.114, true},
    {YuvColours::bt601_full, 0.299, 0.114, false},
    {YuvColours::bt709_limited, 0.2126, 0.0722, true},
    {YuvColours::bt709_full, 0.2126, 0.0722, false},
}};

// Fixed point with 16 fractional bits.
struct YuvWeights {
  int luma_zero = 0;
  int luma = 0;
  int red_v = 0;
  int green_u = 0;
  int green_v = 0;
  int blue_u = 0;
};

int to_fixed(double value) { return static_cast<int>(std::lround(value * 65536)); }

YuvWeights weights_of(const YuvRow& row) {
  const double green = 1 - row.red - row.blue;
  const double chroma = row.limited ? 255.0 / 224 : 1;
  YuvWeights weights;
  weights.luma_zero = row.limited ? 16 : 0;
  weights.luma = to_fixed(row.limited ? 255.0 / 219 : 1);
  weights.red_v = to_fixed(2 * (1 - row.red) * chroma);
  weights.blue_u = to_fixed(2 * (1 - row.blue) * chroma);
  weights.green_u = to_fixed(2 * row.blue * (1 - row.blue) / green * chroma);
  weights.green_v = to_fixed(2 * row.red * (1 - row.red) / green * chroma);
  return weights;
}

std::uint8_t to_byte(int fixed) { return static_cast<std::uint8_t>(std::clamp((fixed + 32768) >> 16, 0, 255)); }

void convert_nv12_row(const std::uint8_t* luma, const std::uint8_t* chroma, int width, const YuvWeights& weights,
                      std::uint8_t* out) {
  for (int x = 0; x < width; ++x) {
    const int y = (luma[x] - weights.luma_zero) * weights.luma;
    const int u = chroma[x & ~1] - 128;
    const int v = chroma[x | 1] - 128;
    out[3 * x] = to_byte(y + weights.red_v * v);
    out[3 * x + 1] = to_byte(y - weights.green_u * u - weights.green_v * v);
    out[3 * x + 2] = to_byte(y + weights.blue_u * u);
  }
}

void drop_fourth(const std::uint8_t* row, int width, std::uint8_t* out) {
  for (int x = 0; x < width; ++x) {
    for (int channel = 0; channel < 3; ++channel) out[3 * x + channel] = row[4 * x + channel];
  }
}

Error invalid(std::string message) { return {ErrorCode::invalid_argument, std::move(message)}; }

template <typename Row, typename Kind, std::size_t kCount>
const Row* find_row(const std::array<Row, kCount>& rows, Kind Row::*key, Kind wanted) {
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& each) { return each.*key == wanted; });
  return row == rows.end() ? nullptr : &*row;
}

std::optional<Error> check_pixels(const PixelView& pixels, const FormatRow& format, const ImageLimits& limits) {
  if (pixels.data == nullptr) return invalid("the pixels are a null pointer");
  if (pixels.width < 1 || pixels.height < 1) {
    return invalid(fmt::format("an image cannot have {}x{} pixels", pixels.width, pixels.height));
  }
  if (pixels.orientation < 1 || pixels.orientation > 8) {
    return invalid(fmt::format("the orientation is {}, and EXIF knows 1 to 8", pixels.orientation));
  }
  if (std::optional<Error> error = check_pixel_limit({pixels.width, pixels.height}, limits)) return error;
  for (const std::ptrdiff_t stride : {pixels.stride, pixels.chroma_stride}) {
    // Both planes together stay far below what a pointer can reach.
    if (stride <= std::numeric_limits<std::ptrdiff_t>::max() / 4 / pixels.height) continue;
    return invalid(fmt::format("the stride is {} bytes: no memory holds {} such rows", stride, pixels.height));
  }
  const std::ptrdiff_t row_bytes = static_cast<std::ptrdiff_t>(pixels.width) * format.bytes;
  if (pixels.stride != 0 && pixels.stride < row_bytes) {
    return invalid(fmt::format("the stride is {} bytes, and a row of {} {} pixels has {}", pixels.stride, pixels.width,
                               format.name, row_bytes));
  }
  if (format.format != PixelFormat::nv12) return std::nullopt;
  if (pixels.width % 2 != 0 || pixels.height % 2 != 0) {
    return invalid(fmt::format("NV12 has even sides, and this image has {}x{} pixels", pixels.width, pixels.height));
  }
  if (pixels.chroma_stride != 0 && pixels.chroma_stride < row_bytes) {
    return invalid(fmt::format("the chroma stride is {} bytes, and a row of {} NV12 pixels has {}",
                               pixels.chroma_stride, pixels.width, row_bytes));
  }
  if (find_row(kYuv, &YuvRow::colours, pixels.colours) == nullptr) {
    return invalid(fmt::format("there are no colours number {}", static_cast<int>(pixels.colours)));
  }
  return std::nullopt;
}

}  // namespace

Result<ImageView> open_pixels(const PixelView& pixels, const ImageLimits& limits, Image& converted,
                              const std::stop_token& stop) {
  const FormatRow* const format = find_row(kFormats, &FormatRow::format, pixels.format);
  if (format == nullptr) {
    return invalid(fmt::format("there is no pixel format number {}", static_cast<int>(pixels.format)));
  }
  if (std::optional<Error> error = check_pixels(pixels, *format, limits)) return *error;
  const std::ptrdiff_t packed = static_cast<std::ptrdiff_t>(pixels.width) * format->bytes;
  const std::ptrdiff_t stride = pixels.stride == 0 ? packed : pixels.stride;
  if (format->in_place) {
    return ImageView{pixels.data, pixels.width, pixels.height, format->channels, stride, format->bgr};
  }

  converted.reset(pixels.width, pixels.height, format->channels, format->bgr);
  const bool is_nv12 = format->format == PixelFormat::nv12;
  const YuvWeights weights = is_nv12 ? weights_of(*find_row(kYuv, &YuvRow::colours, pixels.colours)) : YuvWeights{};
  const std::uint8_t* const chroma = pixels.chroma != nullptr ? pixels.chroma : pixels.data + stride * pixels.height;
  const std::ptrdiff_t chroma_stride = pixels.chroma_stride == 0 ? stride : pixels.chroma_stride;
  constexpr int kRowsBetweenStops = 64;
  for (int y = 0; y < pixels.height; ++y) {
    if (y % kRowsBetweenStops == 0) throw_if_stopped(stop);
    const std::uint8_t* const row = pixels.data + stride * y;
    if (is_nv12) {
      convert_nv12_row(row, chroma + chroma_stride * (y / 2), pixels.width, weights, converted.row(y));
    } else {
      drop_fourth(row, pixels.width, converted.row(y));
    }
  }
  return converted.view();
}

}  // namespace mien
