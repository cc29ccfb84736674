// Files out of a zip archive that somebody else made.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mien/result.h"

namespace mien {

struct ArchiveMember {
  std::string name;         // of the file, in whatever folder of the archive
  std::string target_path;  // where it goes: no path of the archive is ever used
  std::int64_t bytes_max = 0;
};

// Writes the wanted members and reads nothing else. Throws Exception: bad_data (no zip archive, a member that is
// missing or there twice, too many entries), limit_exceeded (a member is larger than allowed), io, unsupported (no
// libarchive).
void extract_members(const std::string& archive_path, const std::vector<ArchiveMember>& wanted);

}  // namespace mien
