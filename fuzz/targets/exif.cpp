// An EXIF block -> an orientation, and when the photo was taken.
#include "image/exif.h"
#include "../target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const mien::ExifFacts facts = mien::read_exif({data, size});
  const std::optional<int>& orientation = facts.orientation;
  mien::fuzz::require(!orientation || (*orientation >= 1 && *orientation <= 8), "the orientation is one of EXIF's");
  mien::fuzz::require(mien::read_time(facts.times.taken()) == facts.times.taken(), "a time is written in one way");
  return 0;
}
