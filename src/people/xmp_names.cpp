#include "people/xmp_names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "base/one_to_one.h"
#include "base/text.h"
#include "base/utf8.h"
#include "image/orientation.h"
#include "image/xmp.h"
#include "ops/detect.h"
#include "people/xmp_tree.h"

namespace mien {
namespace {

constexpr std::string_view kArea = "http://ns.adobe.com/xmp/sType/Area#\n";
constexpr std::string_view kDimensions = "http://ns.adobe.com/xap/1.0/sType/Dimensions#\n";
constexpr std::string_view kMicrosoft = "http://ns.microsoft.com/photo/1.2/\n";
constexpr std::string_view kMicrosoftInfo = "http://ns.microsoft.com/photo/1.2/t/RegionInfo#\n";
constexpr std::string_view kMicrosoftRegion = "http://ns.microsoft.com/photo/1.2/t/Region#\n";

std::optional<double> number(std::string_view text) {
  text = trim(text);
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

class NamesReader {
 public:
  XmpNames read(const XmlElement& root) {
    for (const XmlElement* const description : descriptions(root)) read_description(*description);
    return std::move(names_);
  }

 private:
  void read_description(const XmlElement& description) {
    if (const XmlElement* const regions = find_child(description, kRegionsSpace, "Regions")) read_regions(*regions);
    if (const XmlElement* const info = find_child(description, kMicrosoft, "RegionInfo")) read_microsoft(*info);
  }

  void read_regions(const XmlElement& regions) {
    if (const XmlElement* const applied = find_child(regions, kRegionsSpace, "AppliedToDimensions")) {
      names_.width = number(field(*applied, kDimensions, "w")).value_or(0);
      names_.height = number(field(*applied, kDimensions, "h")).value_or(0);
    }
    std::size_t place = 0;
    for (const XmlElement* const region : items(find_child(regions, kRegionsSpace, "RegionList"))) {
      const std::string_view name = field(*region, kRegionsSpace, "Name");
      const XmlElement* const area = find_child(*region, kRegionsSpace, "Area");
      const std::optional<Box> box = area == nullptr ? std::nullopt : read_area(*area);
      const std::string_view person = read_mark(*region, {place++, {}, std::string(name), false, box});
      const std::string_view type = field(*region, kRegionsSpace, "Type");
      // What is no face is a pet, a bar code, the focus.
      if (!type.empty() && type != "Face") continue;
      add(name, box, person);
    }
  }

  // The person of a mark that holds.
  std::string_view read_mark(const XmlElement& region, RegionMark mark) {
    const XmlElement* const extensions = find_child(region, kRegionsSpace, "Extensions");
    const std::string space = std::string(kMarkNamespace) + "\n";
    const std::string_view person = extensions == nullptr ? std::string_view() : field(*extensions, space, "person");
    if (person.empty()) return {};
    mark.person = person;
    mark.is_as_written = field(*extensions, space, "name") == mark.name;
    names_.marks.push_back(std::move(mark));
    return names_.marks.back().is_as_written ? person : std::string_view();
  }

  // A centre, with sides or a diameter.
  std::optional<Box> read_area(const XmlElement& area) const {
    const std::optional<double> x = number(field(area, kArea, "x"));
    const std::optional<double> y = number(field(area, kArea, "y"));
    std::optional<double> w = number(field(area, kArea, "w"));
    std::optional<double> h = number(field(area, kArea, "h"));
    if (const std::optional<double> d = number(field(area, kArea, "d")); d && !w && !h) w = h = d;
    if (!x || !y || !w || !h) return std::nullopt;
    const bool is_pixel = field(area, kArea, "unit") == "pixel" && names_.width > 0 && names_.height > 0;
    const double across = is_pixel ? names_.width : 1;
    const double down = is_pixel ? names_.height : 1;
    return Box{static_cast<float>((*x - *w / 2) / across), static_cast<float>((*y - *h / 2) / down),
               static_cast<float>((*x + *w / 2) / across), static_cast<float>((*y + *h / 2) / down)};
  }

  void read_microsoft(const XmlElement& info) {
    for (const XmlElement* const region : items(find_child(info, kMicrosoftInfo, "Regions"))) {
      add(field(*region, kMicrosoftRegion, "PersonDisplayName"),
          read_rectangle(field(*region, kMicrosoftRegion, "Rectangle")));
    }
  }

  // "left, top, width, height"
  static std::optional<Box> read_rectangle(std::string_view text) {
    std::array<double, 4> numbers{};
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const std::size_t comma = i + 1 < numbers.size() ? text.find(',') : text.size();
      if (comma == std::string_view::npos) return std::nullopt;
      const std::optional<double> one = number(text.substr(0, comma));
      if (!one) return std::nullopt;
      numbers[i] = *one;
      text.remove_prefix(std::min(comma + 1, text.size()));
    }
    const auto [left, top, width, height] = numbers;
    return Box{static_cast<float>(left), static_cast<float>(top), static_cast<float>(left + width),
               static_cast<float>(top + height)};
  }

  void add(std::string_view name, const std::optional<Box>& box, std::string_view person = {}) {
    if (name.empty()) return;
    const bool is_place = box && box->x2 > box->x1 && box->y2 > box->y1 && box->x2 > 0 && box->y2 > 0 && box->x1 < 1 &&
                          box->y1 < 1 && box->width() <= 2 && box->height() <= 2;
    if (!is_place) {
      ++names_.unusable;
      return;
    }
    // Programs write both layouts.
    const bool is_there = std::any_of(names_.regions.begin(), names_.regions.end(), [&](const NamedRegion& other) {
      return other.name == name && other.person == person &&
             intersection_over_union(other.box, *box) >= kSameRegionOverlap;
    });
    if (!is_there) names_.regions.push_back({replace_invalid_utf8(std::string(name)), *box, std::string(person)});
  }

  XmpNames names_;
};

// A point of the stored picture in the upright one, both in parts of their sides.
Point upright_point(Point stored, int orientation) {
  switch (orientation) {
    case 2: return {1 - stored.x, stored.y};
    case 3: return {1 - stored.x, 1 - stored.y};
    case 4: return {stored.x, 1 - stored.y};
    case 5: return {stored.y, stored.x};
    case 6: return {1 - stored.y, stored.x};
    case 7: return {1 - stored.y, 1 - stored.x};
    case 8: return {stored.y, 1 - stored.x};
    default: return stored;
  }
}

// Whether the sides are those of the upright picture and not those of the stored one, from which it is turned.
bool was_drawn_upright(const XmpNames& names, int orientation, int upright_width, int upright_height) {
  if (!orientation_swaps_sides(orientation) || names.width <= 0 || names.height <= 0) return false;
  if (upright_width == upright_height || names.width == names.height) return false;
  return (names.width > names.height) == (upright_width > upright_height);
}

}  // namespace

Result<XmpNames> read_xmp_names(Bytes packet) {
  const Result<XmlElement> root = read_xml(packet);
  if (!root) return root.error();
  return NamesReader().read(*root);
}

Box region_in_picture(const NamedRegion& region, const XmpNames& names, int orientation, int upright_width,
                      int upright_height) {
  if (was_drawn_upright(names, orientation, upright_width, upright_height)) orientation = 1;
  const Point a = upright_point({region.box.x1, region.box.y1}, orientation);
  const Point b = upright_point({region.box.x2, region.box.y2}, orientation);
  const auto width = static_cast<float>(upright_width);
  const auto height = static_cast<float>(upright_height);
  return {std::min(a.x, b.x) * width, std::min(a.y, b.y) * height, std::max(a.x, b.x) * width,
          std::max(a.y, b.y) * height};
}

Box region_for_file(const Box& in_picture, const XmpNames& names, int orientation, int upright_width,
                    int upright_height) {
  if (was_drawn_upright(names, orientation, upright_width, upright_height)) orientation = 1;
  const auto part = [](float pixels, int side) {
    return std::clamp(pixels / static_cast<float>(std::max(side, 1)), 0.0F, 1.0F);
  };
  // All of them turn back by themselves but the quarter rotations, of which each turns the other one back.
  const int back = orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
  const Point a = upright_point({part(in_picture.x1, upright_width), part(in_picture.y1, upright_height)}, back);
  const Point b = upright_point({part(in_picture.x2, upright_width), part(in_picture.y2, upright_height)}, back);
  return {std::min(a.x, b.x), std::min(a.y, b.y), std::max(a.x, b.x), std::max(a.y, b.y)};
}

std::vector<std::optional<std::size_t>> match_regions(const std::vector<Box>& regions, const std::vector<Box>& faces) {
  const auto overlap = [&](std::size_t region, std::size_t face) {
    return intersection_over_union(regions[region], faces[face]);
  };
  std::vector<std::optional<std::size_t>> matches(regions.size());
  for (const auto& [region, face] : pair_one_to_one(regions.size(), faces.size(), kRegionOverlapMin, overlap)) {
    matches[region] = face;
  }
  return matches;
}

}  // namespace mien
