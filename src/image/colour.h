// Colours -> sRGB, by the profile that an image brings, with Little CMS (opened on first use).
//
// Colours that are sRGB in all but name are left alone. Those that cannot be converted stay as stored, with one warning
// that names the profile and the reason.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "image/decode.h"

namespace mien {

enum class ColourModel {
  rgb,   // R, G, B
  inks,  // C, M, Y, K, each 255 minus the ink, as JPEG files of Photoshop hold them
};

class ColourTransform;

struct ColourPlan {
  std::shared_ptr<const ColourTransform> transform;  // null: the colours stay as they are. Shared with a cache.
  std::string warning;                               // empty: nothing to say
};

// Says what to do with an image of this profile. Setting a transform up takes 0.1 to 100 ms; the last few are kept.
// Safe to call from many threads, as is convert_pixels.
ColourPlan plan_colours(Bytes profile, ColourModel model, bool convert);

// Whether it takes three equal channels alone, by the profile of a gray image.
bool is_for_gray(const ColourTransform& transform);

// Converts `count` pixels to RGB. `to` may be `from` where both have three bytes a pixel.
void convert_pixels(const ColourTransform& transform, const std::uint8_t* from, std::uint8_t* to, int count);

// Converts the pixels of an image that has been decoded, by its profile. Errors: cancelled.
Result<Done> convert_colours(const DecodeOptions& options, DecodedImage& image);

// A colour space as files state it in numbers: CIE 1931 chromaticities and the curve of brightness.
struct RgbSpace {
  std::string name;  // "Display P3", for messages
  double white_x = 0.3127, white_y = 0.3290;
  double red_x = 0.64, red_y = 0.33;
  double green_x = 0.30, green_y = 0.60;
  double blue_x = 0.15, blue_y = 0.06;
  double gamma = 0;  // 0: the curve of sRGB
};

// Whether a space is sRGB as far as eight bits show.
bool is_srgb(const RgbSpace& space);

// Whether the numbers can be those of a screen or camera: broken ones would spoil every pixel.
bool is_plausible(const RgbSpace& space);

// The space as an ICC profile, always the same bytes for the same space. Errors: unsupported (no Little CMS),
// bad_data (numbers that make no colour space).
Result<std::vector<std::uint8_t>> make_icc_profile(const RgbSpace& space);

// The numbers of ITU-T H.273 (cICP in PNG, nclx in HEIF) -> what to do with such colours: a profile, a warning, or
// neither where they are sRGB's or not stated. `where` says whose numbers they are ("cICP").
struct CodedColours {
  std::vector<std::uint8_t> profile;
  std::string warning;
};
CodedColours colours_of_code_points(int primaries, int transfer, const char* where);

}  // namespace mien
