#include "ops/pixels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "support/pictures.h"

namespace mien {
namespace {

using test::ByteVector;

constexpr int kWidth = 6;
constexpr int kHeight = 4;

struct Nv12 {
  ByteVector luma;
  ByteVector chroma;
  PixelView view;
};

// Random planes with a gap behind each row.
Nv12 make_nv12(YuvColours colours) {
  constexpr std::ptrdiff_t kLumaStride = kWidth + 5;
  constexpr std::ptrdiff_t kChromaStride = kWidth + 2;
  Nv12 picture;
  picture.luma.resize(kLumaStride * kHeight);
  picture.chroma.resize(kChromaStride * kHeight / 2);
  std::mt19937 random(3);
  for (std::uint8_t& byte : picture.luma) byte = static_cast<std::uint8_t>(random());
  for (std::uint8_t& byte : picture.chroma) byte = static_cast<std::uint8_t>(random());
  picture.view = {.data = picture.luma.data(),
                  .width = kWidth,
                  .height = kHeight,
                  .format = PixelFormat::nv12,
                  .stride = kLumaStride,
                  .chroma = picture.chroma.data(),
                  .chroma_stride = kChromaStride,
                  .colours = colours};
  return picture;
}

// The formulas of ITU-R BT.601 and BT.709 for R, G and B of 0..1, in double precision.
struct Standard {
  YuvColours colours;
  double kr;
  double kb;
  double luma_low;
  double luma_span;
  double chroma_span;
};

std::array<double, 3> to_rgb(const Standard& standard, int y, int u, int v) {
  const double luma = (y - standard.luma_low) / standard.luma_span;
  const double pb = (u - 128) / standard.chroma_span;
  const double pr = (v - 128) / standard.chroma_span;
  const double red = luma + 2 * (1 - standard.kr) * pr;
  const double blue = luma + 2 * (1 - standard.kb) * pb;
  const double green = (luma - standard.kr * red - standard.kb * blue) / (1 - standard.kr - standard.kb);
  return {red, green, blue};
}

TEST(Pixels, Nv12FollowsTheStandards) {
  for (const Standard& standard : {Standard{YuvColours::bt601_limited, 0.299, 0.114, 16, 219, 224},
                                   Standard{YuvColours::bt601_full, 0.299, 0.114, 0, 255, 255},
                                   Standard{YuvColours::bt709_limited, 0.2126, 0.0722, 16, 219, 224},
                                   Standard{YuvColours::bt709_full, 0.2126, 0.0722, 0, 255, 255}}) {
    const Nv12 picture = make_nv12(standard.colours);
    Image converted;
    const Result<ImageView> view = open_pixels(picture.view, {}, converted);
    ASSERT_TRUE(view);
    ASSERT_EQ(view->channels, 3);
    ASSERT_FALSE(view->bgr);
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        const std::uint8_t* const chroma = picture.chroma.data() + (y / 2) * picture.view.chroma_stride + x / 2 * 2;
        const int luma = picture.luma[static_cast<std::size_t>(y * picture.view.stride + x)];
        const std::array<double, 3> expected = to_rgb(standard, luma, chroma[0], chroma[1]);
        for (std::size_t channel = 0; channel < 3; ++channel) {
          // Half a level of rounding, and 16 fractional bits of the weights.
          const double level = std::clamp(expected[channel] * 255, 0.0, 255.0);
          ASSERT_NEAR(view->row(y)[static_cast<std::size_t>(3 * x) + channel], level, 0.51) << x << ' ' << y;
        }
      }
    }
  }
}

// Made with OpenCV 4: cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_NV12) of 2x2 pixels. It rounds the standard's weights to
// three digits, which moves a level by one at most, and takes luma below 16, which only overshoots have, for 16: not
// looked at.
TEST(Pixels, Nv12IsNearOpenCv) {
  struct Sample {
    std::array<std::uint8_t, 6> planes;
    std::array<std::uint8_t, 12> rgb;
  };
  const std::vector<Sample> samples = {
#include "ops/nv12_opencv.inc"
  };
  for (const Sample& sample : samples) {
    const PixelView view{.data = sample.planes.data(), .width = 2, .height = 2, .format = PixelFormat::nv12};
    Image converted;
    ASSERT_TRUE(open_pixels(view, {}, converted));
    for (std::size_t i = 0; i < sample.rgb.size(); ++i) {
      if (sample.planes[i / 3] < 16) continue;
      ASSERT_NEAR(converted.data()[i], sample.rgb[i], 1) << i;
    }
  }
}

TEST(Pixels, ReadsThreeFormatsInPlaceAndDropsAlphaFromTwo) {
  ByteVector bytes(4 * kWidth * kHeight);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  for (const PixelFormat format : {PixelFormat::rgb, PixelFormat::bgr, PixelFormat::gray}) {
    Image converted;
    const Result<ImageView> view =
        open_pixels({.data = bytes.data(), .width = kWidth, .height = kHeight, .format = format}, {}, converted);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->data, bytes.data());
    EXPECT_EQ(view->stride, kWidth * view->channels);
    EXPECT_EQ(view->bgr, format == PixelFormat::bgr);
    EXPECT_EQ(view->channels, format == PixelFormat::gray ? 1 : 3);
    EXPECT_TRUE(converted.empty());
  }
  for (const PixelFormat format : {PixelFormat::rgba, PixelFormat::bgra}) {
    Image converted;
    const Result<ImageView> view =
        open_pixels({.data = bytes.data(), .width = kWidth, .height = kHeight, .format = format}, {}, converted);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->bgr, format == PixelFormat::bgra);
    EXPECT_EQ(view->row(1)[3], bytes[4 * kWidth + 4]);
    EXPECT_EQ(view->row(1)[5], bytes[4 * kWidth + 6]);
  }
}

TEST(Pixels, NamesTheArgumentThatIsWrong) {
  const ByteVector bytes(4096);
  const PixelView good{.data = bytes.data(), .width = 8, .height = 8};
  const auto refusal = [&](auto change) {
    PixelView view = good;
    change(view);
    Image converted;
    const Result<ImageView> opened = open_pixels(view, {}, converted);
    return opened ? "taken" : std::string(error_code_name(opened.error().code)) + ": " + opened.error().message;
  };
  EXPECT_EQ(refusal([](PixelView&) {}), "taken");
  EXPECT_EQ(refusal([](PixelView& view) { view.data = nullptr; }), "invalid_argument: the pixels are a null pointer");
  EXPECT_EQ(refusal([](PixelView& view) { view.width = 0; }), "invalid_argument: an image cannot have 0x8 pixels");
  EXPECT_EQ(refusal([](PixelView& view) { view.height = -1; }), "invalid_argument: an image cannot have 8x-1 pixels");
  EXPECT_EQ(refusal([](PixelView& view) { view.stride = 23; }),
            "invalid_argument: the stride is 23 bytes, and a row of 8 RGB pixels has 24");
  EXPECT_EQ(refusal([](PixelView& view) { view.stride = -24; }),
            "invalid_argument: the stride is -24 bytes, and a row of 8 RGB pixels has 24");
  EXPECT_EQ(refusal([](PixelView& view) { view.orientation = 9; }),
            "invalid_argument: the orientation is 9, and EXIF knows 1 to 8");
  EXPECT_EQ(refusal([](PixelView& view) { view.format = static_cast<PixelFormat>(17); }),
            "invalid_argument: there is no pixel format number 17");
  EXPECT_EQ(refusal([](PixelView& view) {
              view.format = PixelFormat::nv12;
              view.height = 7;
            }),
            "invalid_argument: NV12 has even sides, and this image has 8x7 pixels");
  EXPECT_EQ(refusal([](PixelView& view) {
              view.format = PixelFormat::nv12;
              view.chroma_stride = 7;
            }),
            "invalid_argument: the chroma stride is 7 bytes, and a row of 8 NV12 pixels has 8");
  EXPECT_TRUE(refusal([](PixelView& view) { view.width = view.height = 65'000; }).starts_with("limit_exceeded: "));
}

}  // namespace
}  // namespace mien
