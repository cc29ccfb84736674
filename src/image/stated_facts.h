// Which way is up and when the photo was taken, as a file states it: in a tag, in EXIF, in XMP.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "image/decode.h"
#include "image/taken_time.h"
#include "mien/image.h"

namespace mien {

// Takes the statements of a file in the order in which they count: the container's own tag, EXIF, XMP. The first that
// can be used decides; another orientation is a warning, another time is none: programs keep them apart.
class StatedFacts {
 public:
  StatedFacts() = default;
  explicit StatedFacts(const DecodeOptions& options) : keep_xmp_(options.keep_xmp) {}

  // `where` names the place for the warning ("EXIF"). A statement of nothing is none.
  void add(std::string_view where, std::optional<int> orientation);
  void add(const StatedTimes& times) { times_.add(times); }
  void add_exif(std::string_view where, Bytes block);
  // Returns what else the packet says.
  std::string add_xmp(std::string_view where, Bytes packet);

  const std::optional<int>& orientation() const { return orientation_; }
  const StatedTimes& times() const { return times_; }
  const std::string& taken() const { return times_.taken(); }
  // Puts all of it and the warning into `out`.
  void settle(DecodedImage& out) const;
  // Puts the packets alone, where they are kept and there are some.
  void settle_xmp(DecodedImage& out) const {
    if (!xmp_.empty()) out.xmp = xmp_;
  }

 private:
  bool keep_xmp_ = false;
  std::vector<std::vector<std::uint8_t>> xmp_;
  std::optional<int> orientation_;
  std::string where_;
  std::string contradiction_;
  std::string problem_;
  StatedTimes times_;
};

}  // namespace mien
