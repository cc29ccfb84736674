// Going on with a file of records that an earlier scan left behind.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mien/scan.h"
#include "records/output.h"
#include "scan/known.h"

namespace mien {

// The terms that all records of one file must share: otherwise a half of it would say less, or
// something else, than the other.
struct ResumeTerms {
  ModelNames models = {};
  std::string fingerprint = {};  // of the other options that decide what a record says (Record::terms)
  bool like = false;
  EmbeddingFormat embeddings = EmbeddingFormat::none;
  bool image_quality = false;
  Detail detail = Detail::automatic;  // of this scan; records may have another
  bool look_again = false;            // drops the records of photos that were looked at less closely
  Prune prune = Prune::none;
  std::vector<std::string> sources = {};  // of this scan: files and folders
};

// Reads the file once and opens no image. Kept are the records of files with the same size and time
// as then, and of files that are gone unless they are to be pruned; their paths and contents become known. Dropped, and
// so done again by the scan that follows, are those of changed files and of failures that may be over (a
// file that could not be read, a device that was missing). A torn last line is cut off.
// The summary is that of the kept records alone, with what was changed and pruned.
// Throws Exception: invalid_argument for records made on other terms, and where all records of a source would be
// pruned; bad_data for a line that is no record, unless it is the last one; io. The file is as it was then.
ScanSummary resume_records(RecordFile& file, const ResumeTerms& terms, KnownPaths& paths, KnownContents& contents);

}  // namespace mien
