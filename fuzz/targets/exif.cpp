// An EXIF block -> an orientation.
#include "image/exif.h"
#include "../target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::optional<int> orientation = mien::find_exif_orientation({data, size});
  mien::fuzz::require(!orientation || (*orientation >= 1 && *orientation <= 8), "the orientation is one of EXIF's");
  return 0;
}
