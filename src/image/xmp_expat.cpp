// Handlers are called through libexpat, which is C, so that nothing may be thrown through it: they allocate nothing, or
// catch what that throws.
#include <expat.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "base/dynamic_library.h"
#include "image/codecs_built.h"
#include "image/xmp.h"

namespace mien {
namespace {

// Packets hold captions and histories. What is larger holds pictures, and states nothing that is not said elsewhere.
constexpr std::size_t kPacketBytesMax = std::size_t{4} << 20;

// Between a namespace and a name; in neither of them.
constexpr char kSeparator = '\n';
constexpr std::string_view kRdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#\nRDF";
constexpr std::string_view kRdfValue = "http://www.w3.org/1999/02/22-rdf-syntax-ns#\nvalue";

enum class Property { orientation, extension, created, original, digitized, xmp_created, other };
constexpr std::size_t kProperties = static_cast<std::size_t>(Property::other);
constexpr std::array<std::string_view, kProperties> kNames = {
    "http://ns.adobe.com/tiff/1.0/\nOrientation",       "http://ns.adobe.com/xmp/note/\nHasExtendedXMP",
    "http://ns.adobe.com/photoshop/1.0/\nDateCreated",  "http://ns.adobe.com/exif/1.0/\nDateTimeOriginal",
    "http://ns.adobe.com/exif/1.0/\nDateTimeDigitized", "http://ns.adobe.com/xap/1.0/\nCreateDate"};

struct Expat {
  DynamicLibrary library{kEXPATSoname, "libexpat1"};
  decltype(&XML_ParserCreateNS) create = library["XML_ParserCreateNS"];
  decltype(&XML_ParserFree) release = library["XML_ParserFree"];
  decltype(&XML_SetUserData) set_user = library["XML_SetUserData"];
  decltype(&XML_SetElementHandler) set_elements = library["XML_SetElementHandler"];
  decltype(&XML_SetCharacterDataHandler) set_text = library["XML_SetCharacterDataHandler"];
  decltype(&XML_SetStartDoctypeDeclHandler) set_doctype = library["XML_SetStartDoctypeDeclHandler"];
  decltype(&XML_StopParser) stop = library["XML_StopParser"];
  decltype(&XML_Parse) parse = library["XML_Parse"];
  decltype(&XML_GetCurrentByteIndex) byte_index = library["XML_GetCurrentByteIndex"];
  decltype(&XML_GetCurrentByteCount) byte_count = library["XML_GetCurrentByteCount"];
};

// One parser. What it meets goes to the handlers of a Listener: on_start, on_text, on_end and on_doctype.
class Parser {
 public:
  explicit Parser(const Expat& expat) : expat_(expat), parser_(expat.create(nullptr, kSeparator), expat.release) {}

  bool is_there() const { return parser_ != nullptr; }

  template <typename Listener>
  XML_Status read(Bytes text, Listener& listener) {
    expat_.set_user(parser_.get(), &listener);
    expat_.set_elements(parser_.get(), Listener::on_start, Listener::on_end);
    expat_.set_text(parser_.get(), Listener::on_text);
    expat_.set_doctype(parser_.get(), Listener::on_doctype);
    constexpr int kIsLast = 1;
    return expat_.parse(parser_.get(), reinterpret_cast<const char*>(text.data()), static_cast<int>(text.size()),
                        kIsLast);
  }

  void stop() const { expat_.stop(parser_.get(), XML_FALSE); }

  // Of the tag that a handler is called for.
  std::size_t tag_begin() const { return static_cast<std::size_t>(expat_.byte_index(parser_.get())); }
  std::size_t tag_end() const { return tag_begin() + static_cast<std::size_t>(expat_.byte_count(parser_.get())); }

 private:
  const Expat& expat_;
  std::unique_ptr<XML_ParserStruct, decltype(Expat::release)> parser_;
};

// The value of a property: what is longer is none of ours.
class Value {
 public:
  void clear() { size_ = 0; }
  void add(std::string_view text) {
    const std::size_t count = std::min(text.size(), bytes_.size() - size_);
    std::copy_n(text.begin(), count, bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += count;
  }
  // Without the white space around it.
  std::string_view text() const {
    constexpr std::string_view kSpaces = " \t\r\n";
    std::string_view all(bytes_.data(), size_);
    all.remove_prefix(std::min(all.find_first_not_of(kSpaces), all.size()));
    return all.substr(0, all.find_last_not_of(kSpaces) + 1);
  }

 private:
  std::array<char, 64> bytes_{};
  std::size_t size_ = 0;
};

// Goes along with the elements. Only properties of the image itself count: a child of rdf:RDF has them as attributes or
// as elements of its own. Deeper ones are those of other images that went into this one.
class Packet {
 public:
  explicit Packet(const Parser& parser) : parser_(parser) {}

  std::optional<int> orientation() const {
    const std::string_view digit = text(Property::orientation);
    return digit.empty() ? std::nullopt : std::optional(digit[0] - '0');
  }
  std::string_view text(Property property) const { return found_[static_cast<std::size_t>(property)].text(); }

 private:
  static Property property_of(std::string_view name) {
    return static_cast<Property>(std::find(kNames.begin(), kNames.end(), name) - kNames.begin());
  }
  int level() const { return rdf_depth_ == 0 ? 0 : depth_ - rdf_depth_; }

  static void on_start(void* user, const XML_Char* name, const XML_Char** attributes) {
    Packet& packet = *static_cast<Packet*>(user);
    ++packet.depth_;
    if (packet.rdf_depth_ == 0) {
      if (name == kRdf) packet.rdf_depth_ = packet.depth_;
      return;
    }
    if (packet.level() == 1) {
      for (; attributes[0] != nullptr; attributes += 2) packet.take(property_of(attributes[0]), attributes[1]);
    }
    if (packet.level() == 2) {
      packet.property_ = property_of(name);
      packet.text_.clear();
    }
    packet.is_value_ = packet.level() == 2 || (packet.level() == 3 && name == kRdfValue);
  }

  static void on_text(void* user, const XML_Char* text, int size) {
    Packet& packet = *static_cast<Packet*>(user);
    if (packet.is_value_ && packet.property_ != Property::other) {
      packet.text_.add({text, static_cast<std::size_t>(size)});
    }
  }

  static void on_end(void* user, const XML_Char*) {
    Packet& packet = *static_cast<Packet*>(user);
    if (packet.level() == 2) {
      packet.take(packet.property_, packet.text_.text());
      packet.property_ = Property::other;
    }
    packet.is_value_ = packet.level() == 3;
    if (packet.depth_ == packet.rdf_depth_) packet.rdf_depth_ = 0;
    --packet.depth_;
  }

  // XMP has no DTD, and without one there are no entities that grow.
  static void on_doctype(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) {
    static_cast<const Packet*>(user)->parser_.stop();
  }

  // The first that can be used counts; of the extension the last.
  void take(Property property, std::string_view text) {
    if (property == Property::other) return;
    Value value;
    value.add(text);
    const std::string_view stated = value.text();
    if (property == Property::orientation && (stated.size() != 1 || stated[0] < '1' || stated[0] > '8')) return;
    Value& found = found_[static_cast<std::size_t>(property)];
    if (property == Property::extension || found.text().empty()) found = value;
  }

  friend class Parser;

  const Parser& parser_;
  int depth_ = 0;
  int rdf_depth_ = 0;  // of the element rdf:RDF; 0: outside of it
  Property property_ = Property::other;
  bool is_value_ = false;
  Value text_;
  std::array<Value, kProperties> found_;
};

StatedTimes read_times(const Packet& packet) {
  StatedTimes times{read_time(packet.text(Property::created)), read_time(packet.text(Property::digitized))};
  times.add({read_time(packet.text(Property::original)), read_time(packet.text(Property::xmp_created))});
  return times;
}

// Makes a tree of the elements. Its depth is bounded, because what is done with it goes down as deep.
class Tree {
 public:
  explicit Tree(const Parser& parser) : parser_(parser) {}

  XmlElement take() { return std::move(root_); }
  const std::optional<Error>& problem() const { return problem_; }

 private:
  static constexpr std::size_t kDepthMax = 64;  // packets are about 12 deep
  static constexpr std::size_t kElementsMax = 1'000'000;

  static void on_start(void* user, const XML_Char* name, const XML_Char** attributes) {
    Tree& tree = *static_cast<Tree*>(user);
    if (tree.problem_) return;
    try {
      tree.start(name, attributes);
    } catch (const std::bad_alloc&) {
      tree.stop({ErrorCode::limit_exceeded, "there is no memory for this XML"});
    }
  }

  static void on_text(void* user, const XML_Char* text, int size) {
    Tree& tree = *static_cast<Tree*>(user);
    if (tree.problem_ || tree.open_.empty()) return;
    try {
      tree.open_.back()->text.append(text, static_cast<std::size_t>(size));
    } catch (const std::bad_alloc&) {
      tree.stop({ErrorCode::limit_exceeded, "there is no memory for this XML"});
    }
  }

  static void on_end(void* user, const XML_Char*) {
    Tree& tree = *static_cast<Tree*>(user);
    if (tree.problem_ || tree.open_.empty()) return;
    tree.open_.back()->end_inside = tree.parser_.tag_begin();
    tree.open_.back()->end = tree.parser_.tag_end();
    tree.open_.pop_back();
  }

  // Without a DTD there are no entities that grow.
  static void on_doctype(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) {
    static_cast<Tree*>(user)->stop({ErrorCode::bad_data, "it has a DTD, which XMP has not"});
  }

  void start(const XML_Char* name, const XML_Char** attributes) {
    if (open_.size() == kDepthMax) {
      return stop({ErrorCode::limit_exceeded, fmt::format("its elements are more than {} deep", kDepthMax)});
    }
    if (++elements_ > kElementsMax) {
      return stop({ErrorCode::limit_exceeded, fmt::format("it has more than {} elements", kElementsMax)});
    }
    XmlElement& element = open_.empty() ? root_ : open_.back()->children.emplace_back();
    element.name = name;
    element.begin = parser_.tag_begin();
    element.begin_inside = parser_.tag_end();
    for (; attributes[0] != nullptr; attributes += 2) element.attributes.emplace_back(attributes[0], attributes[1]);
    open_.push_back(&element);
  }

  void stop(Error problem) {
    if (!problem_) problem_ = std::move(problem);
    parser_.stop();
  }

  friend class Parser;

  const Parser& parser_;
  XmlElement root_;
  std::vector<XmlElement*> open_;  // only the last one's children grow, so that the others stay where they are
  std::size_t elements_ = 0;
  std::optional<Error> problem_;
};

// In UTF-8; in UTF-16 it is not worth looking for.
bool may_state_orientation(Bytes packet) {
  constexpr std::string_view kName = "Orientation";
  return std::search(packet.begin(), packet.end(), kName.begin(), kName.end()) != packet.end();
}

}  // namespace

XmpFacts read_xmp(Bytes packet) {
  if (packet.empty() || packet.size() > kPacketBytesMax) return {};
  const Result<Expat>& expat = opened_once<Expat>();
  if (!expat) return {{}, {}, {}, may_state_orientation(packet) ? expat.error().message : ""};
  Parser parser(*expat);
  if (!parser.is_there()) return {};
  Packet facts(parser);
  // What comes behind the last element, and what is broken, is an error that changes nothing of what was seen before.
  (void)parser.read(packet, facts);
  return {facts.orientation(), std::string(facts.text(Property::extension)), read_times(facts), {}};
}

Result<XmlElement> read_xml(Bytes text) {
  if (text.size() > kPacketBytesMax) {
    return Error{ErrorCode::limit_exceeded,
                 fmt::format("it has {} bytes, and {} are read", text.size(), kPacketBytesMax)};
  }
  const Result<Expat>& expat = opened_once<Expat>();
  if (!expat) return expat.error();
  Parser parser(*expat);
  if (!parser.is_there()) return Error{ErrorCode::internal, "libexpat cannot be started"};
  Tree tree(parser);
  const XML_Status status = parser.read(text, tree);
  if (tree.problem()) return *tree.problem();
  if (status != XML_STATUS_OK) return Error{ErrorCode::bad_data, "it is no XML, or broken"};
  return tree.take();
}

}  // namespace mien
