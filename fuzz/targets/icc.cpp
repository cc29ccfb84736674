// A colour profile by itself -> what it says of itself, and pixels converted by it; APP2 segments of a JPEG -> a
// profile.
//
// The first byte says what the rest is.
#include "image/icc.h"
#include "../input_reader.h"
#include "image/colour.h"

namespace {

using namespace mien;

void convert(Bytes profile, ColourModel model) {
  const ColourPlan plan = plan_colours(profile, model, true);
  fuzz::require(plan.transform == nullptr || plan.warning.empty(), "colours are converted or a warning says why not");
  fuzz::require(plan.warning.find('\n') == std::string::npos, "a warning is one line");
  if (plan.transform == nullptr) return;
  constexpr int kPixels = 67;  // no multiple of what a loop may take at once
  std::vector<std::uint8_t> from;
  const int bytes = model == ColourModel::inks ? 4 : 3;
  for (int i = 0; i < kPixels * bytes; ++i) from.push_back(static_cast<std::uint8_t>(i * 37));
  std::vector<std::uint8_t> to(std::size_t{3} * kPixels);
  convert_pixels(*plan.transform, from.data(), to.data(), kPixels);
  if (model == ColourModel::inks) return;
  convert_pixels(*plan.transform, from.data(), from.data(), kPixels);
  fuzz::require(from == to, "in place gives the same");
}

void join(fuzz::InputReader& reader) {
  IccSegments segments;
  std::size_t bytes = 0;
  for (Bytes rest = reader.take_rest(); !rest.empty();) {
    const std::size_t count = std::min<std::size_t>(rest[0], rest.size() - 1);
    segments.add(rest.subspan(1, count));
    bytes += count;
    rest = rest.subspan(1 + count);
  }
  const Result<std::vector<std::uint8_t>> profile = segments.join();
  if (!profile) {
    fuzz::require(profile.error().code == ErrorCode::bad_data, "segments that do not fit are bad data");
    return;
  }
  fuzz::require(profile->size() <= bytes, "a profile is made of what came");
  (void)icc_name(*profile);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::InputReader reader({data, size});
  const int kind = reader.take_below(4);
  if (kind == 3) {
    join(reader);
    return 0;
  }
  const Bytes profile = reader.take_rest();
  fuzz::require(icc_name(profile).find('\n') == std::string::npos, "a name is one line");
  convert(profile, kind == 2 ? ColourModel::inks : ColourModel::rgb);
  return 0;
}
