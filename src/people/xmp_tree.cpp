#include "people/xmp_tree.h"

#include "base/text.h"

namespace mien {
namespace {

void add_rdf(const XmlElement& element, std::vector<const XmlElement*>& found) {
  if (is_named(element.name, kRdfSpace, "RDF")) {
    found.push_back(&element);
    return;
  }
  for (const XmlElement& child : element.children) add_rdf(child, found);
}

}  // namespace

bool is_named(std::string_view name, std::string_view space, std::string_view local) {
  return name.size() == space.size() + local.size() && name.starts_with(space) && name.ends_with(local);
}

const XmlElement* find_child(const XmlElement& element, std::string_view space, std::string_view local) {
  for (const XmlElement& child : element.children) {
    if (is_named(child.name, space, local)) return &child;
    if (!is_named(child.name, kRdfSpace, "Description")) continue;
    if (const XmlElement* const found = find_child(child, space, local)) return found;
  }
  return nullptr;
}

std::string_view field(const XmlElement& structure, std::string_view space, std::string_view local) {
  for (const auto& [name, value] : structure.attributes) {
    if (is_named(name, space, local)) return trim(value);
  }
  for (const XmlElement& child : structure.children) {
    if (is_named(child.name, space, local)) return trim(child.text);
    if (!is_named(child.name, kRdfSpace, "Description")) continue;
    const std::string_view inside = field(child, space, local);
    if (!inside.empty()) return inside;
  }
  return {};
}

std::vector<const XmlElement*> items(const XmlElement* list) {
  std::vector<const XmlElement*> found;
  if (list == nullptr) return found;
  for (const XmlElement& kind : list->children) {
    for (const XmlElement& item : kind.children) {
      if (is_named(item.name, kRdfSpace, "li")) found.push_back(&item);
    }
  }
  return found;
}

std::vector<const XmlElement*> rdf_elements(const XmlElement& root) {
  std::vector<const XmlElement*> found;
  add_rdf(root, found);
  return found;
}

std::vector<const XmlElement*> descriptions(const XmlElement& root) {
  std::vector<const XmlElement*> found;
  for (const XmlElement* const rdf : rdf_elements(root)) {
    for (const XmlElement& child : rdf->children) found.push_back(&child);
  }
  return found;
}

}  // namespace mien
