// What the APP1 segments of a JPEG say of the image: EXIF, and XMP with the rest that did not fit into one segment.
#pragma once

#include <array>
#include <cstddef>

#include "image/stated_facts.h"
#include "mien/image.h"

namespace mien {

class JpegMetadata {
 public:
  // The payload of any APP1 segment, which must stay where it is; others than EXIF and XMP are left out. Allocates
  // nothing, because libjpeg calls it.
  void take(Bytes payload);
  // EXIF before XMP, each in the order of the file.
  void state(StatedFacts& stated) const;

 private:
  template <std::size_t kMax>
  struct Segments {
    std::array<Bytes, kMax> all{};
    std::size_t count = 0;
    void add(Bytes segment) {
      if (count < kMax) all[count++] = segment;
    }
    auto begin() const { return all.begin(); }
    auto end() const { return all.begin() + static_cast<std::ptrdiff_t>(count); }
  };

  std::vector<std::uint8_t> join_extension(const std::string& name) const;

  // A file has one of each; some programs leave the one that was there and add another.
  static constexpr std::size_t kBlocksMax = 8;
  static constexpr std::size_t kExtensionsMax = 128;  // of 64 KB

  Segments<kBlocksMax> exif_;
  Segments<kBlocksMax> xmp_;
  Segments<kExtensionsMax> extensions_;
};

}  // namespace mien
