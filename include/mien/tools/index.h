// The index of one's own photos is made and brought up to date: each photo is read once, its faces are embedded, and
// all of it goes into a store (mien/tools/store.h).
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "mien/engine.h"
#include "mien/export.h"
#include "mien/scan.h"

namespace mien {

struct IndexOptions {
  std::vector<std::string> sources;   // files and folders, which must be there
  std::vector<std::string> excludes;  // globs against the path below the folder and the file name
  bool no_skip = false;               // folders of derivatives that photo libraries make are read too
  std::string store;                  // empty: default_store_path()
  // What becomes of photos below the sources that are gone: they are marked; dropped, but not where all of a source is
  // gone at once; dropped even then. What was said of people stays.
  Prune prune = Prune::none;
  int threads = 0;         // 0: one a core
  AnalyzeOptions analyze;  // embeddings and the perceptual hash are always made
};

// Reads what is new or has changed below the sources, and nothing else: a photo of the same size and time, read on the
// same terms (models, options), is not opened. Photos that are gone are marked, and there again when they are back. The
// same content under two names is analysed once. A photo that changed under its name keeps what was said of its faces,
// face by face, where their embeddings agree. Every SOURCE is kept with its absolute path, links followed.
//
// Of the summary `images` counts the photos of these sources, those that are gone included, `resumed` those that were
// not opened, and `faces` those found in this run; the callback's line is empty. Runs to the end or until the token
// asks to stop; whatever ends it, what is done is kept, and the next call goes on there. Throws Exception as Store and
// scan do, and not_found where a source is not there: then nothing was changed.
MIEN_API ScanSummary index_photos(const Engine& engine, const IndexOptions& options, const ScanCallbacks& callbacks,
                                  const std::stop_token& stop = {});

// What lay below a folder lies below another one now: another disk, another mount. No photo is read. Returns how many
// photos that are; throws Exception(not_found) where the store knows none there.
MIEN_API std::int64_t move_index(const std::string& store, const std::string& from, const std::string& to);

}  // namespace mien
