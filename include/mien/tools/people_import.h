// Names that other programs wrote beside photos become facts of the store.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "mien/engine.h"
#include "mien/export.h"
#include "mien/tools/people.h"
#include "mien/tools/store.h"

namespace mien {

struct ImportOptions {
  std::vector<std::string> sources;  // files and folders, as they were indexed
  InputOptions input;                // limits; packets are read in this process
  int threads = 0;                   // 0: one a core
};

struct ImportSummary {
  std::int64_t photos = 0;         // that were looked at: those of the store below the sources
  std::int64_t with_names = 0;     // of them: with a region that has a name
  std::int64_t sidecars = 0;       // files beside photos that were read
  std::int64_t regions = 0;        // with a name
  std::int64_t stated = 0;         // of them: a face now bears this name, which it did not before
  std::int64_t known = 0;          // said by an earlier import already
  std::int64_t no_face = 0;        // the store has no face there
  std::int64_t unusable = 0;       // without a place in the picture, or with a name that is none
  std::int64_t persons = 0;        // names
  std::int64_t failed = 0;         // photos and sidecars that could not be read
  bool interrupted = false;        // then nothing was said
  std::vector<std::string> notes;  // one sentence each: the first failures
};

// Takes names from the regions of the Metadata Working Group and of Microsoft in XMP, in every container that mien
// reads XMP in, and in sidecars (photo.jpg.xmp, photo.xmp). A region means the face of the store that it overlaps most
// (IoU 0.2 at least, one to one). One operation a person, of kind `import`, with verdicts `imported`, which never beat
// what was said here. Of two photos with the same content each counts. Nothing is said twice, and what write_names
// wrote from this store is not read. Throws Exception: not_found where the store knows no photo below a source, and
// what Store throws.
MIEN_API ImportSummary import_names(Store& store, const People& people, const ImportOptions& options,
                                    const std::function<void(std::int64_t done, std::int64_t all)>& on_progress = {},
                                    const std::stop_token& stop = {});

}  // namespace mien
