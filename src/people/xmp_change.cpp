#include "people/xmp_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "base/utf8.h"
#include "people/xmp_names.h"
#include "people/xmp_toolkit.h"
#include "people/xmp_tree.h"

namespace mien {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";
// The prefixes that libexempi writes, with `rdf`.
constexpr std::array<std::string_view, 5> kPrefixes = {"rdf", "mwg-rs", "stArea", "stDim", "mien"};

Bytes bytes_of(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

std::string_view start_tag(std::string_view text, const XmlElement& element) {
  return text.substr(element.begin, element.begin_inside - element.begin);
}

// As it is written, with its prefix.
std::string_view written_name(std::string_view text, const XmlElement& element) {
  const std::size_t begin = element.begin + 1;
  return text.substr(begin, std::min(text.find_first_of(" \t\r\n/>", begin), text.size()) - begin);
}

// What the start tag says the prefix is, as it is written; empty: nothing.
std::string_view declared(std::string_view tag, std::string_view prefix) {
  const std::string name = fmt::format("xmlns:{}=", prefix);
  for (std::size_t at = tag.find(name); at != std::string_view::npos; at = tag.find(name, at + 1)) {
    if (at == 0 || kSpaces.find(tag[at - 1]) == std::string_view::npos) continue;
    const std::string_view value = tag.substr(at + name.size());
    const std::size_t end = value.empty() ? std::string_view::npos : value.find(value[0], 1);
    return end == std::string_view::npos ? std::string_view() : value.substr(1, end - 1);
  }
  return {};
}

// The prefix that the text declares for the namespace, wherever it does first; empty: none.
std::string_view declared_prefix(std::string_view text, std::string_view space) {
  constexpr std::string_view kDeclaration = "xmlns:";
  for (std::size_t at = text.find(space); at != std::string_view::npos; at = text.find(space, at + 1)) {
    const std::size_t end = at + space.size();
    if (at < 2 || end >= text.size() || text[at - 1] != text[end] || text[at - 2] != '=') continue;
    const std::string_view before = text.substr(0, at - 2);
    const std::size_t begin = before.rfind(kDeclaration);
    if (begin == std::string_view::npos) continue;
    const std::string_view prefix = before.substr(begin + kDeclaration.size());
    if (!prefix.empty() && prefix.find_first_of(" \t\r\n=<>/'\":") == std::string_view::npos) return prefix;
  }
  return {};
}

// Markup with other prefixes of names, as libexempi writes it: no text between tags, values in double quotes.
std::string with_prefix(std::string_view markup, std::string_view from, std::string_view to) {
  const std::string name = fmt::format("{}:", from);
  std::string result;
  bool is_value = false;
  for (std::size_t i = 0; i < markup.size();) {
    const bool begins_name =
        !is_value && i > 0 &&
        (kSpaces.find(markup[i - 1]) != std::string_view::npos || markup[i - 1] == '<' || markup[i - 1] == '/');
    if (begins_name && markup.substr(i).starts_with(name)) {
      result += fmt::format("{}:", to);
      i += name.size();
      continue;
    }
    if (markup[i] == '"') is_value = !is_value;
    result += markup[i++];
  }
  return result;
}

// From the outermost element to the one that begins there.
void add_way(const XmlElement& element, std::size_t begin, std::vector<const XmlElement*>& way) {
  way.push_back(&element);
  for (const XmlElement& child : element.children) {
    if (element.begin < begin && child.begin <= begin && begin < child.end) return add_way(child, begin, way);
  }
}

// The structures mwg-rs:Regions, where those who read names look for them.
std::vector<const XmlElement*> regions_in(const XmlElement& root) {
  std::vector<const XmlElement*> found;
  for (const XmlElement* const description : descriptions(root)) {
    if (const XmlElement* const one = find_child(*description, kRegionsSpace, "Regions")) found.push_back(one);
  }
  return found;
}

// All texts that a list of regions holds under this name.
std::vector<std::string> names_in_list(const XmlElement& root) {
  std::vector<std::string> names;
  for (const XmlElement* const regions : regions_in(root)) {
    for (const XmlElement* const item : items(find_child(*regions, kRegionsSpace, "RegionList"))) {
      names.emplace_back(field(*item, kRegionsSpace, "Name"));
    }
  }
  return names;
}

// A text, and what is to be put into it and cut out of it.
class Splice {
 public:
  Splice(std::string_view text, const XmlElement& root) : text_(text), root_(root) {}

  void cut(const XmlElement& element) {
    const std::size_t before = text_.find_last_not_of(kSpaces, element.begin - 1);
    edits_.push_back({before == std::string_view::npos ? element.begin : before + 1, element.end, {}});
  }

  // `piece`, an element of `source`, as the last one in `parent`.
  void put(const XmlElement& parent, std::string_view source, const XmlElement& source_root, const XmlElement& piece) {
    std::string text = "\n" + with_prefixes(parent, source, source_root, piece);
    if (parent.begin_inside < parent.end) {
      const std::size_t last = text_.find_last_not_of(kSpaces, parent.end_inside - 1);
      edits_.push_back({last + 1, last + 1, std::move(text)});
      return;
    }
    const std::size_t slash = parent.end - 2;  // of "/>"
    edits_.push_back({slash, parent.end, fmt::format(">{}\n</{}>", text, written_name(text_, parent))});
  }

  std::string apply() {
    std::stable_sort(edits_.begin(), edits_.end(), [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
    std::string result;
    std::size_t done = 0;
    for (const Edit& edit : edits_) {
      // A cut takes white space along in which something may be put.
      const std::size_t begin = std::max(edit.begin, done);
      result += text_.substr(done, begin - done);
      result += edit.text;
      done = std::max(edit.end, begin);
    }
    result += text_.substr(done);
    return result;
  }

 private:
  struct Edit {
    std::size_t begin;
    std::size_t end;
    std::string text;
  };

  std::string with_prefixes(const XmlElement& parent, std::string_view source, const XmlElement& source_root,
                            const XmlElement& piece) const {
    std::string body(source.substr(piece.begin, piece.end - piece.begin));
    std::string declarations;
    for (const std::string_view prefix : kPrefixes) {
      if (body.find(fmt::format("{}:", prefix)) == std::string::npos) continue;
      const std::string_view meaning = in_scope(source, source_root, piece.begin, prefix);
      // Exiv2 refuses a file that has two prefixes for one of the namespaces that it knows.
      std::string_view own = declared_prefix(text_, meaning);
      if (own.empty()) own = prefix;
      if (own != prefix) body = with_prefix(body, prefix, own);
      const bool is_declared = !declared(start_tag(source, piece), own).empty();
      if (is_declared || in_scope(text_, root_, parent.begin, own) == meaning) continue;
      declarations += fmt::format(" xmlns:{}=\"{}\"", own, meaning);
    }
    body.insert(std::min(body.find_first_of(" \t\r\n/>", 1), body.size()), declarations);
    return body;
  }

  static std::string_view in_scope(std::string_view text, const XmlElement& root, std::size_t begin,
                                   std::string_view prefix) {
    std::vector<const XmlElement*> way;
    add_way(root, begin, way);
    for (auto element = way.rbegin(); element != way.rend(); ++element) {
      const std::string_view meaning = declared(start_tag(text, **element), prefix);
      if (!meaning.empty()) return meaning;
    }
    return {};
  }

  std::string_view text_;
  const XmlElement& root_;
  std::vector<Edit> edits_;
};

// The packet of the new regions, as libexempi writes it.
struct NewPacket {
  std::string text;
  XmlElement root;
  const XmlElement& description() const { return rdf_elements(root).at(0)->children.at(0); }
  const XmlElement& regions() const { return description().children.at(0); }
  const XmlElement& list() const { return *find_child(regions(), kRegionsSpace, "RegionList"); }
};

Result<NewPacket> make_packet(const RegionChange& change) {
  Result<std::string> text = packet_of_regions(change);
  if (!text) return text.error();
  Result<XmlElement> root = read_xml(bytes_of(*text));
  if (!root) return root.error();
  return NewPacket{std::move(*text), std::move(*root)};
}

// Whether nothing that somebody else wrote is left of the structure once its list is empty.
bool is_only_list(const XmlElement& regions) {
  const std::string space = fmt::format("{}\n", kMarkNamespace);
  const auto says_nothing = [&](const auto& attribute) {
    return attribute.first.starts_with(kRdfSpace) || attribute.first.starts_with(space);
  };
  if (!std::ranges::all_of(regions.attributes, says_nothing)) return false;
  return std::ranges::all_of(regions.children, [&](const XmlElement& child) {
    if (is_named(child.name, kRdfSpace, "Description")) return is_only_list(child);
    return is_named(child.name, kRegionsSpace, "RegionList") ||
           is_named(child.name, kRegionsSpace, "AppliedToDimensions") || child.name.starts_with(space);
  });
}

// Whether the structure is one that mien put there, and nobody else has put anything into it.
bool is_own(const XmlElement& regions) {
  return !field(regions, fmt::format("{}\n", kMarkNamespace), kOwnStructure).empty() && is_only_list(regions);
}

void put_regions(Splice& splice, const XmlElement& rdf, const XmlElement* regions, const NewPacket& packet) {
  const auto put = [&](const XmlElement& parent, const XmlElement& piece) {
    splice.put(parent, packet.text, packet.root, piece);
  };
  if (regions == nullptr) {
    const auto description = std::ranges::find_if(
        rdf.children, [](const XmlElement& child) { return is_named(child.name, kRdfSpace, "Description"); });
    // Where a description says what it is about, another one that says it otherwise would be an error.
    if (description != rdf.children.end()) return put(*description, packet.regions());
    return put(rdf, packet.description());
  }
  const XmlElement* const list = find_child(*regions, kRegionsSpace, "RegionList");
  if (list != nullptr && !list->children.empty()) {
    for (const XmlElement* const item : items(&packet.list())) put(list->children.front(), *item);
    return;
  }
  if (list != nullptr) return put(*list, packet.list().children.at(0));
  const XmlElement* const inside = find_child(*regions, kRdfSpace, "Description");
  put(inside == nullptr ? *regions : *inside, packet.list());
}

Result<std::string> change_text(std::string_view sidecar, const XmlElement& root, const RegionChange& change) {
  const std::vector<const XmlElement*> rdf = rdf_elements(root);
  if (rdf.size() != 1) {
    return Error{ErrorCode::bad_data, rdf.empty() ? "it is no XMP: it has no rdf:RDF" : "it has several rdf:RDF"};
  }
  const std::vector<const XmlElement*> found = regions_in(root);
  if (found.size() > 1) return Error{ErrorCode::bad_data, "it has several lists of regions"};
  const XmlElement* const regions = found.empty() ? nullptr : found[0];
  const std::vector<const XmlElement*> all =
      items(regions == nullptr ? nullptr : find_child(*regions, kRegionsSpace, "RegionList"));
  const bool is_there = std::ranges::all_of(change.removed, [&](std::size_t place) { return place < all.size(); });
  if (!is_there) return Error{ErrorCode::bad_data, "it has fewer regions than are to go"};
  Splice splice(sidecar, root);
  if (!change.removed.empty() && change.removed.size() == all.size() && change.added.empty() && is_own(*regions)) {
    splice.cut(*regions);
  } else {
    for (const std::size_t place : change.removed) splice.cut(*all[place]);
  }
  if (!change.added.empty()) {
    const Result<NewPacket> packet = make_packet(change);
    if (!packet) return packet.error();
    put_regions(splice, *rdf[0], regions, *packet);
  }
  return splice.apply();
}

// What the declaration of the document says, in lower case; empty: nothing.
std::string stated_encoding(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (!text.starts_with("<?xml")) return {};
  const std::string_view declaration = text.substr(0, text.find("?>"));
  constexpr std::string_view kName = "encoding";
  const std::size_t name = declaration.find(kName);
  if (name == std::string_view::npos) return {};
  const std::size_t begin = declaration.find_first_of("\"'", name);
  if (begin == std::string_view::npos) return {};
  const std::size_t end = declaration.find(declaration[begin], begin + 1);
  return lower(declaration.substr(begin + 1, end == std::string_view::npos ? end : end - begin - 1));
}

// libexempi wants x:xmpmeta around RDF, which XMP leaves to the writer.
std::string for_toolkit(const std::string& text, const XmlElement& root) {
  if (!is_named(root.name, kRdfSpace, "RDF")) return text;
  return fmt::format("<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">{}</x:xmpmeta>",
                     std::string_view(text).substr(root.begin, root.end - root.begin));
}

bool is_in_utf8(std::string_view text) {
  const std::string encoding = stated_encoding(text);
  const bool has_nul = text.find('\0') != std::string_view::npos;  // UTF-16 without a mark
  return !has_nul && is_valid_utf8(text) && (encoding.empty() || encoding == "utf-8" || encoding == "us-ascii");
}

}  // namespace

Result<std::string> change_regions(std::string_view sidecar, const RegionChange& change) {
  if (trim(sidecar).empty()) return packet_of_regions(change);
  if (!is_in_utf8(sidecar)) return Error{ErrorCode::bad_data, "it is not in UTF-8"};
  const Result<XmlElement> before = read_xml(bytes_of(sidecar));
  if (!before) return before.error();
  Result<std::string> text = change_text(sidecar, *before, change);
  if (!text) return text;
  // What takes a file's place is read once more, by both readers.
  std::vector<std::string> wanted = names_in_list(*before);
  for (auto place = change.removed.rbegin(); place != change.removed.rend(); ++place) {
    wanted.erase(wanted.begin() + static_cast<std::ptrdiff_t>(*place));
  }
  for (const NewRegion& region : change.added) wanted.push_back(region.name);
  const Result<XmlElement> after = read_xml(bytes_of(*text));
  if (!after) return after.error();
  const Result<std::vector<std::string>> names = region_names_in(for_toolkit(*text, *after));
  if (!names) return names.error();
  if (names_in_list(*after) != wanted || *names != wanted) {
    return Error{ErrorCode::bad_data, "its regions are not as the Metadata Working Group writes them"};
  }
  return text;
}

}  // namespace mien
