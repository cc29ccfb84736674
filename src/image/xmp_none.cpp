// Built instead of xmp_expat.cpp where the headers of libexpat are missing: XMP is not read, and it says so.
#include <algorithm>
#include <string_view>

#include "image/xmp.h"

namespace mien {

XmpFacts read_xmp(Bytes packet) {
  constexpr std::string_view kName = "Orientation";
  const bool may_state = std::search(packet.begin(), packet.end(), kName.begin(), kName.end()) != packet.end();
  return {{}, {}, {}, may_state ? "this build has no libexpat: build it with libexpat1-dev installed" : ""};
}

Result<XmlElement> read_xml(Bytes) {
  return Error{ErrorCode::unsupported, "this build has no libexpat: build it with libexpat1-dev installed"};
}

}  // namespace mien
