// In the place of xmp_toolkit_exempi.cpp where libexempi's headers are missing.
#include "people/xmp_toolkit.h"

namespace mien {
namespace {

Error not_built_in() {
  return {ErrorCode::unsupported,
          "names cannot be written into sidecars by this mien: install libexempi-dev and build it again"};
}

}  // namespace

Result<Done> open_xmp_toolkit() { return not_built_in(); }

Result<std::string> packet_of_regions(const RegionChange&) { return not_built_in(); }

Result<std::vector<std::string>> region_names_in(std::string_view) { return not_built_in(); }

}  // namespace mien
