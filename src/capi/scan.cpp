// Scanning folders.
#include "mien/scan.h"

#include "capi/handles.h"

namespace mien::capi {
namespace {

std::vector<std::string> read_texts(const char* const* texts, std::size_t count, const char* what) {
  if (texts == nullptr && count > 0) fail(std::string(what) + " is a null pointer");
  std::vector<std::string> result;
  for (std::size_t i = 0; i < count; ++i) {
    if (texts[i] == nullptr) fail(std::string(what) + " holds a null pointer");
    result.emplace_back(texts[i]);
  }
  return result;
}

ScanOptions read_scan_options(const mien_scan_options& options) {
  ScanOptions result;
  result.sources = read_texts(options.sources, options.sources_count, "sources");
  result.excludes = read_texts(options.excludes, options.excludes_count, "excludes");
  result.analyze = read_options(options.analyze);
  result.analyze.stop = {};  // the scan's own stop counts
  if (options.embeddings < MIEN_EMBEDDINGS_NONE || options.embeddings > MIEN_EMBEDDINGS_BASE64) {
    fail("there is no embedding format number " + std::to_string(options.embeddings));
  }
  if (options.prune < MIEN_PRUNE_NONE || options.prune > MIEN_PRUNE_ALL) {
    fail("there is no way to prune number " + std::to_string(options.prune));
  }
  result.prune = static_cast<Prune>(options.prune);
  result.no_skip = options.no_skip != 0;
  result.list_path = or_empty(options.list_path);
  result.list_is_nul_separated = options.list_is_nul_separated != 0;
  result.out_path = or_empty(options.out_path);
  result.resume = options.resume != 0;
  result.force = options.force != 0;
  result.like_path = or_empty(options.like_path);
  if (options.threshold >= -1 && options.threshold <= 1) result.threshold = options.threshold;
  result.compare_anyway = options.compare_anyway != 0;
  result.embeddings = static_cast<EmbeddingFormat>(options.embeddings);
  result.crops_dir = or_empty(options.crops_dir);
  result.report_path = or_empty(options.report_path);
  result.threads = options.threads;
  return result;
}

ScanCallbacks read_callbacks(const mien_scan_options& options) {
  ScanCallbacks callbacks;
  void* const context = options.context;
  if (const mien_scan_on_record on_record = options.on_record; on_record != nullptr) {
    callbacks.on_record = [=](const Record&, const std::string& line) {
      on_record(context, line.c_str(), line.size());
    };
  }
  if (const mien_scan_on_progress on_progress = options.on_progress; on_progress != nullptr) {
    callbacks.on_progress = [=](const ScanProgress& progress) {
      const mien_scan_progress shown = {sizeof(mien_scan_progress), progress.done, progress.found,
                                        progress.listing_finished, progress.images_per_second};
      on_progress(context, &shown);
    };
  }
  return callbacks;
}

mien_scan_summary to_c(const ScanSummary& summary) {
  mien_scan_summary result{};
  result.images = summary.images;
  result.analyzed = summary.analyzed;
  result.resumed = summary.resumed;
  result.duplicates = summary.duplicates;
  result.failed = summary.failed;
  result.faces = summary.faces;
  result.matched_images = summary.matched_images;
  result.seconds = summary.seconds;
  result.interrupted = summary.interrupted;
  result.gone = summary.gone;
  result.changed = summary.changed;
  result.pruned = summary.pruned;
  for (const LeftOut& one : summary.left_out) result.left_out += one.count;
  result.poor_faces = summary.poor_faces;
  return result;
}

}  // namespace
}  // namespace mien::capi

// The functions of mien.h are global; these files hold nothing else below.
using namespace mien;        // NOLINT(google-build-using-namespace)
using namespace mien::capi;  // NOLINT(google-build-using-namespace)

void mien_scan_options_init(mien_scan_options* options, size_t struct_size) {
  mien_scan_options defaults{};
  defaults.threshold = 2;  // beyond every cosine: the embedder's own
  init_struct(defaults, options, struct_size);
}

mien_status mien_scan(const mien_engine* engine, const mien_scan_options* options, mien_scan_summary* summary,
                      mien_error** error) {
  return guard(error, [&] {
    if (engine == nullptr) fail("the engine is a null pointer");
    if (options == nullptr) fail("the options are a null pointer, and a scan needs sources");
    mien_scan_options known{};
    mien_scan_options_init(&known, sizeof known);
    read_struct(options, known);
    if (summary != nullptr && summary->struct_size < sizeof(std::size_t)) {
      fail("the summary's struct_size is not set");
    }
    const ScanOptions wanted = read_scan_options(known);
    const std::stop_token stop = known.stop != nullptr ? known.stop->source.get_token() : std::stop_token{};
    const ScanSummary done = scan(engine->engine, wanted, read_callbacks(known), stop);
    if (summary != nullptr) write_struct(to_c(done), summary);
  });
}
