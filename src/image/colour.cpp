// The part that needs no colour library: when to convert, and colour spaces that are stated in numbers.
#include "image/colour.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "base/cancel.h"
#include "image/icc.h"

namespace mien {
namespace {

// Rows between two checks of the stop token: some milliseconds of a large photo.
constexpr int kRowsPerCheck = 64;

// Primaries of ITU-T H.273 that are wider than sRGB. Those of old television (5, 6, 7, 22) differ from sRGB less than
// screens do, and are used as sRGB, as every viewer does.
struct Primaries {
  int code;
  RgbSpace space;
};

const Primaries kWidePrimaries[] = {
    {9, {"BT.2020", 0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046}},
    {11, {"DCI-P3", 0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060}},
    {12, {"Display P3", 0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060}},
};

bool is_television(int primaries) { return primaries >= 5 && (primaries <= 7 || primaries == 22); }

// Gamma of a transfer characteristic of H.273; 0: sRGB's curve, which stands for the cameras' curves as well, because
// screens show both alike. Negative: cannot be converted.
double gamma_of(int transfer) {
  constexpr double kUnknown = -1;
  switch (transfer) {
    case 1:
    case 2:
    case 6:
    case 11:
    case 13:
    case 14:
    case 15: return 0;
    case 4: return 2.2;
    case 5: return 2.8;
    case 8: return 1.0;
    default: return kUnknown;
  }
}

bool near(double a, double b) {
  constexpr double kSame = 0.003;  // of a chromaticity: a level or two of eight bits
  return std::abs(a - b) <= kSame;
}

bool is_gray(const Image& pixels) {
  const std::uint8_t* const end = pixels.data() + pixels.size_bytes();
  for (const std::uint8_t* pixel = pixels.data(); pixel != end; pixel += 3) {
    if (pixel[0] != pixel[1] || pixel[1] != pixel[2]) return false;
  }
  return true;
}

}  // namespace

Result<Done> convert_colours(const DecodeOptions& options, DecodedImage& image) {
  if (!image.converted.empty() && options.convert_colours) {  // for inks, the decoder itself made both
    std::swap(image.pixels, image.converted);
    image.converted.reset(0, 0, 3);
  }
  if (image.icc_profile.empty() || image.pixels.empty()) return Done{};
  ColourPlan plan = plan_colours(image.icc_profile, ColourModel::rgb, options.convert_colours);
  if (!plan.warning.empty()) image.warnings.push_back(plan.warning);
  const bool keeps_stored = !options.convert_colours && options.converted_too;
  if (keeps_stored) plan = plan_colours(image.icc_profile, ColourModel::rgb, true);
  if (plan.transform == nullptr) return Done{};
  if (is_for_gray(*plan.transform) && !is_gray(image.pixels)) {
    constexpr const char* kReason = "it is for gray, the pixels are RGB";
    if (!keeps_stored) image.warnings.push_back(colours_not_applied(image.icc_profile, kReason));
    return Done{};
  }
  Image& to = keeps_stored ? image.converted : image.pixels;
  if (keeps_stored) to.reset(image.pixels.width(), image.pixels.height(), 3);
  for (int y = 0; y < image.pixels.height(); ++y) {
    if (y % kRowsPerCheck == 0 && options.stop.stop_requested()) {
      return cancelled_error();
    }
    convert_pixels(*plan.transform, image.pixels.row(y), to.row(y), image.pixels.width());
  }
  return Done{};
}

bool is_srgb(const RgbSpace& space) {
  const RgbSpace srgb;
  const bool curve = space.gamma == 0 || (space.gamma > 2.1 && space.gamma < 2.3);
  return curve && near(space.white_x, srgb.white_x) && near(space.white_y, srgb.white_y) &&
         near(space.red_x, srgb.red_x) && near(space.red_y, srgb.red_y) && near(space.green_x, srgb.green_x) &&
         near(space.green_y, srgb.green_y) && near(space.blue_x, srgb.blue_x) && near(space.blue_y, srgb.blue_y);
}

bool is_plausible(const RgbSpace& space) {
  constexpr double kAreaMin = 0.03;  // sRGB has 0.112
  constexpr double kGammaMax = 5;
  const double area = (space.green_x - space.red_x) * (space.blue_y - space.red_y) -
                      (space.blue_x - space.red_x) * (space.green_y - space.red_y);
  for (const double value : {space.white_x, space.white_y, space.red_x, space.red_y, space.green_x, space.green_y,
                             space.blue_x, space.blue_y}) {
    if (!(std::abs(value) <= 1)) return false;
  }
  const bool white = space.white_x > 0.2 && space.white_x < 0.5 && space.white_y > 0.2 && space.white_y < 0.5;
  return white && area / 2 >= kAreaMin && space.gamma >= 0 && space.gamma <= kGammaMax;
}

CodedColours colours_of_code_points(int primaries, int transfer, const char* where) {
  constexpr int kPq = 16;
  constexpr int kHlg = 18;
  if (transfer == kPq || transfer == kHlg) {
    return {{},
            fmt::format("colours not converted: {} states HDR brightness ({}); pixels are used as stored", where,
                        transfer == kPq ? "PQ" : "HLG")};
  }
  RgbSpace space;
  bool known = primaries == 1 || primaries == 2 || is_television(primaries);
  for (const Primaries& wide : kWidePrimaries) {
    if (wide.code != primaries) continue;
    space = wide.space;
    known = true;
  }
  space.gamma = gamma_of(transfer);
  if (!known || space.gamma < 0) {
    return {{},
            fmt::format("colours not converted: {} states primaries {} and transfer {}, which are not known here; "
                        "pixels are used as stored",
                        where, primaries, transfer)};
  }
  if (is_srgb(space)) return {};
  if (space.name.empty()) space.name = "sRGB primaries";
  Result<std::vector<std::uint8_t>> profile = make_icc_profile(space);
  if (profile) return {std::move(*profile), {}};
  return {{}, fmt::format("colours not converted: {} states {}: {}", where, space.name, profile.error().message)};
}

}  // namespace mien
