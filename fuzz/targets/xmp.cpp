// A packet of XMP -> what it says, and the names in it; and a JPEG's segments, of which its extension is put together.
//
// The first byte says what the rest is.
#include "image/xmp.h"
#include "../input_reader.h"
#include "../target.h"
#include "image/formats/jpeg_metadata.h"
#include "people/xmp_names.h"

namespace {

using namespace mien;

void require_possible(const std::optional<int>& orientation) {
  fuzz::require(!orientation || (*orientation >= 1 && *orientation <= 8), "the orientation is one of EXIF's");
}

void require_possible(const XmpNames& names) {
  for (const NamedRegion& one : names.regions) {
    fuzz::require(!one.name.empty(), "a region has a name");
    for (int orientation = 1; orientation <= 8; ++orientation) {
      const Box box = region_in_picture(one, names, orientation, 300, 200);
      fuzz::require(box.x1 <= box.x2 && box.y1 <= box.y2 && box.width() < 1000 && box.height() < 1000,
                    "a region is a box in the picture or near it");
    }
  }
}

void read_segments(fuzz::InputReader& reader) {
  JpegMetadata metadata;
  for (Bytes rest = reader.take_rest(); rest.size() > 1;) {
    const std::size_t size = std::min<std::size_t>(std::size_t{rest[0]} << 8 | rest[1], rest.size() - 2);
    metadata.take(rest.subspan(2, size));
    rest = rest.subspan(2 + size);
  }
  StatedFacts stated;
  metadata.state(stated);
  require_possible(stated.orientation());
  DecodedImage image;
  stated.settle(image);
  fuzz::require(image.warnings.size() <= 1, "one warning is enough");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::InputReader reader({data, size});
  if (reader.take_below(2) == 1) {
    read_segments(reader);
    return 0;
  }
  const Bytes packet = reader.take_rest();
  const XmpFacts facts = read_xmp(packet);
  require_possible(facts.orientation);
  fuzz::require(facts.extension.size() <= 64, "a name is short");
  fuzz::require(read_time(facts.times.taken()) == facts.times.taken(), "a time is written in one way");
  if (const Result<XmpNames> names = read_xmp_names(packet)) require_possible(*names);
  return 0;
}
