#include "people/xmp_toolkit.h"

#include <exempi-2.0/exempi/xmp.h>
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <iostream>
#include <locale>
#include <memory>
#include <mutex>
#include <streambuf>
#include <utility>

#include "base/dynamic_library.h"
#include "base/text.h"
#include "people/xmp_names.h"

namespace mien {
namespace {

constexpr const char* kRegions = "http://www.metadataworkinggroup.com/schemas/regions/";
constexpr const char* kDimensions = "mwg-rs:Regions/mwg-rs:AppliedToDimensions/stDim:";
constexpr const char* kList = "mwg-rs:Regions/mwg-rs:RegionList";
constexpr std::array<std::pair<const char*, const char*>, 4> kPrefixes = {
    {{kRegions, "mwg-rs"},
     {"http://ns.adobe.com/xmp/sType/Area#", "stArea"},
     {"http://ns.adobe.com/xap/1.0/sType/Dimensions#", "stDim"},
     {kMarkNamespace.data(), "mien"}}};

struct Exempi {
  DynamicLibrary library{MIEN_EXEMPI_SONAME, "libexempi8"};
  decltype(&xmp_init) init = library["xmp_init"];
  decltype(&xmp_register_namespace) register_namespace = library["xmp_register_namespace"];
  decltype(&xmp_new_empty) new_empty = library["xmp_new_empty"];
  decltype(&xmp_free) release = library["xmp_free"];
  decltype(&xmp_parse) parse = library["xmp_parse"];
  decltype(&xmp_serialize) serialize = library["xmp_serialize"];
  decltype(&xmp_set_property) set_property = library["xmp_set_property"];
  decltype(&xmp_get_property) get_property = library["xmp_get_property"];
  decltype(&xmp_append_array_item) append_item = library["xmp_append_array_item"];
  decltype(&xmp_get_array_item) get_item = library["xmp_get_array_item"];
  decltype(&xmp_string_new) string_new = library["xmp_string_new"];
  decltype(&xmp_string_free) string_free = library["xmp_string_free"];
  decltype(&xmp_string_cstr) string_text = library["xmp_string_cstr"];
  decltype(&xmp_string_len) string_size = library["xmp_string_len"];
  bool is_ready = false;
};

thread_local bool is_quiet = false;

// libexempi prints what it fails at to std::cerr, where nobody has asked for it. Other threads may print there at the
// same time: what they say is passed on, and there is no buffer that they would share.
class CerrFilter : public std::streambuf {
 public:
  CerrFilter() : target_(std::cerr.rdbuf(this)) {}
  ~CerrFilter() override {
    if (std::cerr.rdbuf() == this) std::cerr.rdbuf(target_);
  }
  CerrFilter(const CerrFilter&) = delete;
  CerrFilter& operator=(const CerrFilter&) = delete;

 protected:
  int_type overflow(int_type one) override {
    if (is_quiet || target_ == nullptr || traits_type::eq_int_type(one, traits_type::eof())) {
      return traits_type::not_eof(one);
    }
    return target_->sputc(traits_type::to_char_type(one));
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    return is_quiet || target_ == nullptr ? size : target_->sputn(text, size);
  }
  void imbue(const std::locale& locale) override {
    if (target_ != nullptr) target_->pubimbue(locale);
  }
  int sync() override { return is_quiet || target_ == nullptr ? 0 : target_->pubsync(); }

 private:
  std::streambuf* target_;
};

// What this thread prints to std::cerr is dropped meanwhile.
class QuietErrors {
 public:
  QuietErrors() { is_quiet = true; }
  ~QuietErrors() { is_quiet = false; }
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;
};

// One at a time: the prefixes of namespaces are the toolkit's for all packets.
std::mutex toolkit_mutex;

class Text {
 public:
  explicit Text(const Exempi& exempi) : exempi_(exempi), text_(exempi.string_new(), exempi.string_free) {}
  XmpStringPtr get() const { return text_.get(); }
  std::string str() const { return {exempi_.string_text(text_.get()), exempi_.string_size(text_.get())}; }

 private:
  const Exempi& exempi_;
  std::unique_ptr<_XmpString, decltype(Exempi::string_free)> text_;
};

Result<Exempi> start() {
  Result<Exempi> exempi = opened(Exempi());
  if (!exempi) return exempi;
  static CerrFilter filter;
  const QuietErrors quiet;
  exempi->is_ready = exempi->init();
  // Before any packet is read, which might have other uses for these prefixes.
  const Text given(*exempi);
  for (const auto& [space, prefix] : kPrefixes) {
    exempi->is_ready = exempi->is_ready && exempi->register_namespace(space, prefix, given.get()) &&
                       given.str() == std::string(prefix) + ":";
  }
  return exempi;
}

const Result<Exempi>& toolkit() {
  static const Result<Exempi> exempi = start();
  return exempi;
}

class Packet {
 public:
  explicit Packet(const Exempi& exempi) : exempi_(exempi), packet_(exempi.new_empty(), exempi.release) {}

  bool parse(std::string_view text) { return exempi_.parse(packet_.get(), text.data(), text.size()); }

  bool set(const std::string& path, const std::string& value) {
    return exempi_.set_property(packet_.get(), kRegions, path.c_str(), value.c_str(), 0);
  }

  bool add(const NewRegion& region) {
    constexpr std::uint32_t kBag = XMP_PROP_VALUE_IS_ARRAY;
    constexpr std::uint32_t kStructure = XMP_PROP_VALUE_IS_STRUCT;
    const std::string path = std::string(kList) + "[last()]/";
    const std::string area = path + "mwg-rs:Area/stArea:";
    const std::string mark = path + "mwg-rs:Extensions/mien:";
    const auto part = [](float value) { return fmt::format("{:.6f}", value); };
    const Box& box = region.box;
    return exempi_.append_item(packet_.get(), kRegions, kList, kBag, nullptr, kStructure) &&
           set(path + "mwg-rs:Name", region.name) && set(path + "mwg-rs:Type", "Face") &&
           set(area + "x", part((box.x1 + box.x2) / 2)) && set(area + "y", part((box.y1 + box.y2) / 2)) &&
           set(area + "w", part(box.width())) && set(area + "h", part(box.height())) &&
           set(area + "unit", "normalized") && set(mark + "person", region.person) && set(mark + "name", region.name);
  }

  // Empty: it cannot be written.
  std::string text() const {
    const Text out(exempi_);
    const std::uint32_t options = XMP_SERIAL_OMITPACKETWRAPPER | XMP_SERIAL_USECOMPACTFORMAT;
    return exempi_.serialize(packet_.get(), out.get(), options, 0) ? out.str() : std::string();
  }

  std::vector<std::string> names() const {
    std::vector<std::string> found;
    const Text value(exempi_);
    std::uint32_t kind = 0;
    for (std::int32_t i = 1; exempi_.get_item(packet_.get(), kRegions, kList, i, value.get(), &kind); ++i) {
      const std::string path = fmt::format("{}[{}]/mwg-rs:Name", kList, i);
      const Text name(exempi_);
      const bool is_there = exempi_.get_property(packet_.get(), kRegions, path.c_str(), name.get(), &kind);
      found.emplace_back(is_there ? trim(name.str()) : std::string_view());
    }
    return found;
  }

 private:
  const Exempi& exempi_;
  std::unique_ptr<_Xmp, decltype(Exempi::release)> packet_;
};

}  // namespace

Result<Done> open_xmp_toolkit() {
  const std::lock_guard lock(toolkit_mutex);
  if (!toolkit()) return toolkit().error();
  if (!toolkit()->is_ready) return Error{ErrorCode::internal, "libexempi cannot be started"};
  return Done{};
}

Result<std::string> packet_of_regions(const RegionChange& change) {
  if (const Result<Done> is_open = open_xmp_toolkit(); !is_open) return is_open.error();
  const std::lock_guard lock(toolkit_mutex);
  const QuietErrors quiet;
  Packet packet(*toolkit());
  bool is_made = packet.set(std::string(kDimensions) + "w", std::to_string(change.width)) &&
                 packet.set(std::string(kDimensions) + "h", std::to_string(change.height)) &&
                 packet.set(std::string(kDimensions) + "unit", "pixel") &&
                 packet.set(std::string("mwg-rs:Regions/mien:") + kOwnStructure, "True");
  for (const NewRegion& region : change.added) is_made = is_made && packet.add(region);
  std::string text = is_made ? packet.text() : std::string();
  if (text.empty()) return Error{ErrorCode::internal, "libexempi cannot write these regions"};
  return text;
}

Result<std::vector<std::string>> region_names_in(std::string_view text) {
  if (const Result<Done> is_open = open_xmp_toolkit(); !is_open) return is_open.error();
  const std::lock_guard lock(toolkit_mutex);
  const QuietErrors quiet;
  Packet packet(*toolkit());
  if (!packet.parse(text)) return Error{ErrorCode::bad_data, "it is no XMP that libexempi can read"};
  return packet.names();
}

}  // namespace mien
