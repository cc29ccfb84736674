// Which way is up, as a file states it: in a tag, in EXIF, in XMP.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "image/decode.h"
#include "mien/image.h"

namespace mien {

// Takes the statements of a file in the order in which they count: the container's own tag, EXIF, XMP. The first that
// can be used decides; another one that says otherwise is a warning.
class StatedOrientation {
 public:
  // `where` names the place for the warning ("EXIF"). A statement of nothing is none.
  void add(std::string_view where, std::optional<int> orientation);
  void add_exif(std::string_view where, Bytes block);
  // Returns what else the packet says.
  std::string add_xmp(std::string_view where, Bytes packet);

  const std::optional<int>& value() const { return orientation_; }
  // Puts the orientation and the warning into `out`.
  void settle(DecodedImage& out) const;

 private:
  std::optional<int> orientation_;
  std::string where_;
  std::string contradiction_;
  std::string problem_;
};

}  // namespace mien
