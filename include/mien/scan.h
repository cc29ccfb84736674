// The main job: sources (files, folders, lists) in, one record an image out, in order, exactly once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "mien/engine.h"
#include "mien/export.h"
#include "mien/face.h"
#include "mien/result.h"

namespace mien {

struct Match {
  int face = 0;          // index into Record::analysis.faces
  float similarity = 0;  // cosine
};

// One image of a scan: what was found, or why nothing could be.
struct Record {
  std::string source;             // path as found, raw bytes; may not be UTF-8
  std::string source_folder;      // absolute: where a relative source begins; empty: not known
  std::int64_t source_size = -1;  // bytes; -1 when the file could not be read
  std::int64_t source_mtime_ns = 0;
  std::string sha256;
  std::string terms;  // fingerprint of the options that decide what a record says
  Analysis analysis;
  std::vector<Match> matches;  // filled when the scan looks for somebody, the most similar first
  // The cosine of the face most similar to the person, a match or not. In memory alone: it is empty in a record that
  // was read back, and where no face has an embedding.
  std::optional<float> best_similarity;
  bool like = false;            // whether the scan looked for somebody
  bool compare_anyway = false;  // whether poor faces matched by the threshold alone
  std::optional<Error> error;
};

enum class EmbeddingFormat { none, json, base64 };

// One JSON object on one line, without the newline (docs/formats.md).
MIEN_API std::string record_to_json(const Record& record, EmbeddingFormat embeddings);
// Reads such a line back. Embeddings are read when present.
MIEN_API Result<Record> record_from_json(std::string_view line);

// What the folders of a scan hold and was not read, by its kind.
struct LeftOut {
  std::string kind;  // "videos", "documents", ...
  std::string one;   // "video"
  std::int64_t count = 0;
};

struct ReportOptions {
  std::string title = "mien report";
  std::string command;  // as typed, shown in the report
  int thumbnails_max = 2000;
  std::vector<LeftOut> left_out;  // a scan sets what it left out
  InputOptions input;             // how the photos are read again; a scan sets what its engine uses
};

// What becomes of records whose source is not there any more: kept; dropped, but not where all of a source is gone at
// once, as when a disk is not mounted; dropped even then.
enum class Prune { none, gone, all };

struct ScanOptions {
  std::vector<std::string> sources;  // files and folders
  std::string list_path;             // a file with one path a line, "-" for standard input; empty: none
  bool list_is_nul_separated = false;
  std::vector<std::string> excludes;  // globs against the path below the folder and the file name
  std::string out_path;               // JSON lines; empty: none
  bool resume = false;
  bool force = false;
  Prune prune = Prune::none;  // with resume
  bool look_again = false;    // with resume: photos that were looked at less closely than AnalyzeOptions::detail asks
  bool no_skip = false;       // folders of derivatives that photo libraries make are read too
  std::string like_path;      // a photo of the person looked for
  std::optional<float> threshold;  // cosine; empty: the embedder's search threshold
  bool compare_anyway = false;     // poor faces match by the threshold alone, and the output says so
  EmbeddingFormat embeddings = EmbeddingFormat::none;
  std::string crops_dir;    // a JPEG a face; empty: none
  std::string report_path;  // HTML; empty: none
  ReportOptions report;     // what the report says of itself
  int threads = 0;          // 0: one a core
  AnalyzeOptions analyze;
};

struct ScanProgress {
  std::int64_t done = 0;          // records, those of an earlier run included
  std::int64_t found = 0;         // images found so far, likewise
  bool listing_finished = false;  // whether `found` is final
  double images_per_second = 0;   // in the last seconds
};

struct ScanSummary {
  std::int64_t images = 0;      // records in the output, those of an earlier run included
  std::int64_t analyzed = 0;    // in this run: read, and no duplicate; those that failed are counted too
  std::int64_t resumed = 0;     // taken from an earlier run
  std::int64_t gone = 0;        // of them: the source is not there any more
  std::int64_t changed = 0;     // records of an earlier run that were made again: the source is another
  std::int64_t pruned = 0;      // records of an earlier run that were dropped
  std::int64_t duplicates = 0;  // same content under another name
  std::int64_t failed = 0;
  std::int64_t unavailable = 0;  // of them: a GPU that was required failed
  std::int64_t faces = 0;
  std::int64_t matched_images = 0;
  std::int64_t poor_faces = 0;    // too poor to be told from other poor faces
  std::vector<LeftOut> left_out;  // the most frequent first
  double seconds = 0;
  std::optional<float> threshold;     // used for matches
  double expected_false_matches = 0;  // among this many faces at that threshold; 0 with a note: not known
  bool interrupted = false;
  std::vector<Placement> placement;           // one an operation, summed over what this run analysed
  std::vector<std::string> placement_counts;  // "face_detection: cpu 12 of 12 images"
  std::string gpu_choice;  // GPU asked for where it pays: what it did, and what the CPU kept and why; empty: nothing
  std::vector<std::string> notes;  // what the user should know: one sentence each
  std::string idle_gpu;            // name of a hardware GPU that is there and was not asked for
};

struct ScanCallbacks {
  std::function<void(const Record&, const std::string& json_line)> on_record;  // in order, from one thread
  std::function<void(const ScanProgress&)> on_progress;                        // a few times a second
};

// One JSON object without a newline (docs/formats.md).
MIEN_API std::string summary_to_json(const ScanSummary& summary);

// What a scan with these options would say of one image: its record without a source. The error of an image that cannot
// be read is in the record.
MIEN_API Record analyze_to_record(const Engine& engine, Bytes encoded, const AnalyzeOptions& options,
                                  Workspace& workspace);

// Runs to the end, or until the token asks to stop (what is done is kept). Throws Exception for what makes the whole
// scan impossible: no such source, an output that exists, a photo to look for without exactly one usable face.
MIEN_API ScanSummary scan(const Engine& engine, const ScanOptions& options, const ScanCallbacks& callbacks,
                          const std::stop_token& stop = {});

// Reads records (JSON lines) and writes one self-contained HTML file, mode 0600. Throws Exception(io, bad_data).
MIEN_API void write_report(const std::string& records_path, const std::string& html_path, const ReportOptions& options);

}  // namespace mien
