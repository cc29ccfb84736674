// Names of the store's people go into sidecars, where digiKam, Lightroom and others see them.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "mien/engine.h"
#include "mien/export.h"
#include "mien/result.h"
#include "mien/tools/people.h"
#include "mien/tools/store.h"

namespace mien {

struct WriteNamesOptions {
  std::vector<std::string> sources;  // files and folders, as they were indexed; empty: all photos of the store
  bool dry_run = false;              // nothing is written
  bool also_found = false;           // faces too that joined a person by similarity alone
  InputOptions input;                // limits; photos are decoded in this process
  int threads = 0;                   // 0: one a core
};

// A region that came or went.
struct WrittenName {
  std::string name;
  Box bbox;  // pixels of the upright photo; of one that went and had no place: empty
};

// A sidecar that was written, or would be.
struct SidecarChange {
  std::string path;
  std::string photo;
  bool is_new = false;
  std::vector<WrittenName> added;
  std::vector<WrittenName> removed;
};

// A file that was left as it is, and why.
struct LeftAlone {
  std::string path;
  Error error;
};

struct WriteNamesSummary {
  std::int64_t photos = 0;           // of the store below the sources
  std::int64_t names = 0;            // faces with a name to be written, on photos that are there, each copy counted
  std::int64_t added = 0;            // of them: written now
  std::int64_t in_place = 0;         // of them: written before
  std::int64_t elsewhere = 0;        // of them: not written, because another program wrote the name for this face
  std::int64_t beside_others = 0;    // of them: another program wrote another name for this face, which stays too
  std::int64_t removed = 0;          // regions that mien had written
  std::int64_t gone = 0;             // photos with names that are not there any more
  std::vector<SidecarChange> files;  // by path
  std::vector<LeftAlone> left;       // by path
  bool interrupted = false;          // files that were written before stay so
};

// Writes regions of the Metadata Working Group with the names of people into sidecars: photo.jpg.xmp, or photo.xmp
// where that is there and belongs to this photo alone. Never into photos. Written are faces that somebody said are a
// person's (FaceState::named and confirmed), and imported ones whose person has another name now; not those of people
// who are hidden, of strangers and where somebody was forgotten. Regions are of the pixels as stored, before the
// photo's orientation. Each has a mark by which it is known again: it goes when the store does not say so any more.
// What others wrote stays as it is. Throws Exception: not_found where the store knows no photo below a source,
// unsupported (no libexempi), and what Store throws. The first call puts a filter before the buffer of std::cerr, where
// it stays: it drops what libexempi prints, and nothing of other threads.
MIEN_API WriteNamesSummary write_names(const Store& store, const People& people, const WriteNamesOptions& options,
                                       const std::function<void(std::int64_t done, std::int64_t all)>& on_progress = {},
                                       const std::stop_token& stop = {});

}  // namespace mien
