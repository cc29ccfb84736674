// Which regions of a photo's sidecars come and go, before anything is written.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "mien/tools/people_write.h"
#include "people/xmp_change.h"
#include "people/xmp_names.h"

namespace mien {

struct WantedName {
  std::string name;
  std::string person;  // a PersonToken
  Box bbox;            // pixels of the upright photo, inside it
};

// How a photo lies in its file.
struct PhotoFrame {
  int orientation = 1;
  int width = 0;  // of the upright photo
  int height = 0;
};

// Of the store's PersonTokens: whether they were forgotten. Others are another store's.
using KnownTokens = std::map<std::string, bool>;

// What somebody else than this store wrote.
struct ForeignName {
  std::string name;
  Box bbox;  // pixels of the upright photo
};
void add_foreign(const XmpNames& names, const PhotoFrame& frame, const KnownTokens& tokens,
                 std::vector<ForeignName>& foreign);

struct WantedNames {
  std::vector<WantedName> names;  // that are to be there
  std::int64_t elsewhere = 0;     // not among them: another program wrote them for this face
  std::int64_t beside_others = 0;
};
WantedNames leave_to_others(std::span<const WantedName> wanted, std::span<const ForeignName> foreign);

struct FilePlan {
  RegionChange change;
  std::vector<WrittenName> added;
  std::vector<WrittenName> removed;
  std::int64_t in_place = 0;
};
// Of a file with `names` in it. Regions that this store wrote go, but for those that are wanted and lie within half a
// pixel.
FilePlan plan_file(const XmpNames& names, std::span<const WantedName> wanted, const PhotoFrame& frame,
                   const KnownTokens& tokens);
// Of a photo that is not as it was indexed: only what was forgotten goes.
FilePlan plan_forgetting(const XmpNames& names, const KnownTokens& tokens);

}  // namespace mien
