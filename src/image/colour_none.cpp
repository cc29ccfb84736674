// Built instead of colour_lcms.cpp where the headers of Little CMS are missing: colours stay as stored, and it says so.
#include "image/colour.h"
#include "image/icc.h"

namespace mien {
namespace {

constexpr const char* kMissing = "this build has no Little CMS: build it with liblcms2-dev installed";

}  // namespace

class ColourTransform {};

ColourPlan plan_colours(Bytes profile, ColourModel, bool) {
  if (icc_name(profile).find("sRGB") != std::string::npos) return {};
  return {nullptr, colours_not_applied(profile, kMissing)};
}

bool is_for_gray(const ColourTransform&) { return false; }

void convert_pixels(const ColourTransform&, const std::uint8_t*, std::uint8_t*, int) {}

Result<std::vector<std::uint8_t>> make_icc_profile(const RgbSpace&) { return Error{ErrorCode::unsupported, kMissing}; }

}  // namespace mien
