// The elements of RDF in which regions are written, in any of its spellings.
#pragma once

#include <string_view>
#include <vector>

#include "image/xmp.h"

namespace mien {

// Namespaces as they stand before names of elements.
inline constexpr std::string_view kRdfSpace = "http://www.w3.org/1999/02/22-rdf-syntax-ns#\n";
inline constexpr std::string_view kRegionsSpace = "http://www.metadataworkinggroup.com/schemas/regions/\n";

bool is_named(std::string_view name, std::string_view space, std::string_view local);
// A child, or one of a description that is a child: a structure may be written so.
const XmlElement* find_child(const XmlElement& element, std::string_view space, std::string_view local);
// A field of a structure: an attribute or an element, of the structure or of its description; without white space
// around it, empty where there is none.
std::string_view field(const XmlElement& structure, std::string_view space, std::string_view local);
// The members of a list; of null none.
std::vector<const XmlElement*> items(const XmlElement* list);
// All elements rdf:RDF that are in no other one.
std::vector<const XmlElement*> rdf_elements(const XmlElement& root);

// What rdf:RDF says something of: all its children, whatever they are called.
std::vector<const XmlElement*> descriptions(const XmlElement& root);

}  // namespace mien
