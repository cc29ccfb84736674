#include "people/write_plan.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "image/orientation.h"
#include "ops/detect.h"
#include "people/names.h"

namespace mien {
namespace {

constexpr float kSamePlacePixels = 0.5F;

Box in_photo(const Box& box, const XmpNames& names, const PhotoFrame& frame) {
  return region_in_picture({{}, box, {}}, names, frame.orientation, frame.width, frame.height);
}

bool is_same_place(const Box& a, const Box& b) {
  const auto near = [](float x, float y) { return std::abs(x - y) <= kSamePlacePixels; };
  return near(a.x1, b.x1) && near(a.y1, b.y1) && near(a.x2, b.x2) && near(a.y2, b.y2);
}

}  // namespace

void add_foreign(const XmpNames& names, const PhotoFrame& frame, const KnownTokens& tokens,
                 std::vector<ForeignName>& foreign) {
  for (const NamedRegion& region : names.regions) {
    if (tokens.contains(region.person)) continue;
    foreign.push_back({region.name, in_photo(region.box, names, frame)});
  }
}

WantedNames leave_to_others(std::span<const WantedName> wanted, std::span<const ForeignName> foreign) {
  WantedNames result;
  for (const WantedName& one : wanted) {
    const auto is_written = [&](const ForeignName& other) {
      return intersection_over_union(other.bbox, one.bbox) >= kRegionOverlapMin && is_same_name(other.name, one.name);
    };
    if (std::ranges::any_of(foreign, is_written)) {
      ++result.elsewhere;
      continue;
    }
    const auto is_there = [&](const ForeignName& other) {
      return intersection_over_union(other.bbox, one.bbox) >= kSameRegionOverlap;
    };
    if (std::ranges::any_of(foreign, is_there)) ++result.beside_others;
    result.names.push_back(one);
  }
  return result;
}

FilePlan plan_file(const XmpNames& names, std::span<const WantedName> wanted, const PhotoFrame& frame,
                   const KnownTokens& tokens) {
  FilePlan plan;
  plan.change.width = frame.width;
  plan.change.height = frame.height;
  if (orientation_swaps_sides(frame.orientation)) std::swap(plan.change.width, plan.change.height);
  std::vector<bool> is_in_place(wanted.size());
  for (const RegionMark& mark : names.marks) {
    const auto token = tokens.find(mark.person);
    if (token == tokens.end() || (!token->second && !mark.is_as_written)) continue;
    const Box box = mark.box ? in_photo(*mark.box, names, frame) : Box{};
    std::size_t same = 0;
    while (same < wanted.size() && (is_in_place[same] || wanted[same].person != mark.person ||
                                    wanted[same].name != mark.name || !is_same_place(wanted[same].bbox, box))) {
      ++same;
    }
    if (same < wanted.size()) {
      is_in_place[same] = true;
      ++plan.in_place;
      continue;
    }
    plan.change.removed.push_back(mark.place);
    plan.removed.push_back({mark.name, box});
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (is_in_place[i]) continue;
    const WantedName& one = wanted[i];
    plan.change.added.push_back(
        {one.name, one.person, region_for_file(one.bbox, names, frame.orientation, frame.width, frame.height)});
    plan.added.push_back({one.name, one.bbox});
  }
  return plan;
}

FilePlan plan_forgetting(const XmpNames& names, const KnownTokens& tokens) {
  FilePlan plan;
  for (const RegionMark& mark : names.marks) {
    const auto token = tokens.find(mark.person);
    if (token == tokens.end() || !token->second) continue;
    plan.change.removed.push_back(mark.place);
    plan.removed.push_back({mark.name, {}});
  }
  return plan;
}

}  // namespace mien
