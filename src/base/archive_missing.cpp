// In the place of archive_libarchive.cpp where libarchive's headers are missing.
#include "base/archive.h"

namespace mien {

void extract_members(const std::string&, const std::vector<ArchiveMember>&) {
  throw Exception(ErrorCode::unsupported,
                  "zip archives are not built into this mien: install libarchive-dev and build it again, or unpack the "
                  "archive yourself (models: 'mien models add NAME FILE')");
}

}  // namespace mien
