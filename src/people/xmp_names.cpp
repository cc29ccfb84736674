#include "people/xmp_names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "base/one_to_one.h"
#include "base/utf8.h"
#include "image/orientation.h"
#include "image/xmp.h"
#include "ops/detect.h"

namespace mien {
namespace {

constexpr std::string_view kRdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#\n";
constexpr std::string_view kRegions = "http://www.metadataworkinggroup.com/schemas/regions/\n";
constexpr std::string_view kArea = "http://ns.adobe.com/xmp/sType/Area#\n";
constexpr std::string_view kDimensions = "http://ns.adobe.com/xap/1.0/sType/Dimensions#\n";
constexpr std::string_view kMicrosoft = "http://ns.microsoft.com/photo/1.2/\n";
constexpr std::string_view kMicrosoftInfo = "http://ns.microsoft.com/photo/1.2/t/RegionInfo#\n";
constexpr std::string_view kMicrosoftRegion = "http://ns.microsoft.com/photo/1.2/t/Region#\n";

// A face that a person framed by hand overlaps little with what a detector finds, and more than with any neighbour.
constexpr float kOverlapMin = 0.2F;
constexpr float kSameRegionOverlap = 0.5F;

bool is_named(std::string_view name, std::string_view space, std::string_view local) {
  return name.size() == space.size() + local.size() && name.starts_with(space) && name.ends_with(local);
}

const XmlElement* find_child(const XmlElement& element, std::string_view space, std::string_view local) {
  for (const XmlElement& child : element.children) {
    if (is_named(child.name, space, local)) return &child;
    // A structure may be written as a description of its own.
    if (is_named(child.name, kRdf, "Description")) {
      if (const XmlElement* const found = find_child(child, space, local)) return found;
    }
  }
  return nullptr;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  return text.substr(0, text.find_last_not_of(kSpaces) + 1);
}

// A field of a structure: an attribute or an element, of the structure or of its description.
std::string_view field(const XmlElement& structure, std::string_view space, std::string_view local) {
  for (const auto& [name, value] : structure.attributes) {
    if (is_named(name, space, local)) return trimmed(value);
  }
  for (const XmlElement& child : structure.children) {
    if (is_named(child.name, space, local)) return trimmed(child.text);
    if (!is_named(child.name, kRdf, "Description")) continue;
    const std::string_view inside = field(child, space, local);
    if (!inside.empty()) return inside;
  }
  return {};
}

// The members of a list.
std::vector<const XmlElement*> items(const XmlElement* list) {
  std::vector<const XmlElement*> found;
  if (list == nullptr) return found;
  for (const XmlElement& kind : list->children) {
    for (const XmlElement& item : kind.children) {
      if (is_named(item.name, kRdf, "li")) found.push_back(&item);
    }
  }
  return found;
}

std::optional<double> number(std::string_view text) {
  text = trimmed(text);
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

class NamesReader {
 public:
  XmpNames read(const XmlElement& root) {
    visit(root);
    return std::move(names_);
  }

 private:
  // Down to the descriptions of the picture, which are children of rdf:RDF.
  void visit(const XmlElement& element) {
    if (is_named(element.name, kRdf, "RDF")) {
      for (const XmlElement& description : element.children) read_description(description);
      return;
    }
    for (const XmlElement& child : element.children) visit(child);
  }

  void read_description(const XmlElement& description) {
    if (const XmlElement* const regions = find_child(description, kRegions, "Regions")) read_regions(*regions);
    if (const XmlElement* const info = find_child(description, kMicrosoft, "RegionInfo")) read_microsoft(*info);
  }

  void read_regions(const XmlElement& regions) {
    if (const XmlElement* const applied = find_child(regions, kRegions, "AppliedToDimensions")) {
      names_.width = number(field(*applied, kDimensions, "w")).value_or(0);
      names_.height = number(field(*applied, kDimensions, "h")).value_or(0);
    }
    for (const XmlElement* const region : items(find_child(regions, kRegions, "RegionList"))) {
      const std::string_view type = field(*region, kRegions, "Type");
      // What is no face is a pet, a bar code, the focus.
      if (!type.empty() && type != "Face") continue;
      const XmlElement* const area = find_child(*region, kRegions, "Area");
      add(field(*region, kRegions, "Name"), area == nullptr ? std::nullopt : read_area(*area));
    }
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

  void add(std::string_view name, const std::optional<Box>& box) {
    if (name.empty()) return;
    const bool is_place = box && box->x2 > box->x1 && box->y2 > box->y1 && box->x2 > 0 && box->y2 > 0 && box->x1 < 1 &&
                          box->y1 < 1 && box->width() <= 2 && box->height() <= 2;
    if (!is_place) {
      ++names_.unusable;
      return;
    }
    // Programs write both layouts.
    const bool is_there = std::any_of(names_.regions.begin(), names_.regions.end(), [&](const NamedRegion& other) {
      return other.name == name && intersection_over_union(other.box, *box) >= kSameRegionOverlap;
    });
    if (!is_there) names_.regions.push_back({replace_invalid_utf8(std::string(name)), *box});
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

std::vector<std::optional<std::size_t>> match_regions(const std::vector<Box>& regions, const std::vector<Box>& faces) {
  const auto overlap = [&](std::size_t region, std::size_t face) {
    return intersection_over_union(regions[region], faces[face]);
  };
  std::vector<std::optional<std::size_t>> matches(regions.size());
  for (const auto& [region, face] : pair_one_to_one(regions.size(), faces.size(), kOverlapMin, overlap)) {
    matches[region] = face;
  }
  return matches;
}

}  // namespace mien
