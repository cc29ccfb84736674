// An index from its options to its summary: a scan with the store as its end. The loop is that of loop.cpp.
#include "mien/tools/index.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "backends/backend.h"
#include "base/utf8.h"
#include "mien/file.h"
#include "mien/tools/people.h"
#include "mien/tools/store.h"
#include "pipeline/analyze.h"
#include "pipeline/tiles.h"
#include "scan/indexed.h"
#include "scan/loop.h"
#include "scan/setup.h"
#include "scan/store_sink.h"
#include "store/places.h"

namespace mien {
namespace {

// A source that is not there may be a disk that is not mounted: all below it would be marked as gone.
std::vector<std::string> absolute_sources(const std::vector<std::string>& named) {
  if (named.empty()) throw Exception(ErrorCode::invalid_argument, "nothing to index: name files or folders");
  std::vector<std::string> sources;
  for (const std::string& source : named) {
    if (is_standard_input(source)) {
      throw Exception(ErrorCode::invalid_argument,
                      "an image on standard input cannot be found again: name files or folders");
    }
    std::error_code failure;
    if (!std::filesystem::exists(source, failure)) {
      throw Exception(ErrorCode::not_found,
                      "no such file or folder: " + replace_invalid_utf8(source) +
                          ": mount its disk, leave it out, or say where it lies now with --moved");
    }
    sources.push_back(canonical_path(source));
  }
  return sources;
}

AnalyzeOptions analyze_options(const IndexOptions& options, const std::stop_token& stop) {
  AnalyzeOptions analyze = options.analyze;
  if (!analyze.stop.stop_possible()) analyze.stop = stop;
  analyze.embed = true;
  analyze.phash = true;
  return analyze;
}

// Unlike a file of records, a store may hold what was read on several terms: what was read on others is read again.
std::string index_terms(const Engine& engine, const AnalyzeOptions& analyze) {
  const Detail detail = choose_detail(engine.options().precision, analyze.detail);
  return terms_fingerprint(
      fmt::format("{} {} {}", analysis_terms(engine, analyze), require_embedder(engine).id, detail_name(detail)));
}

// Refuses, or notes, where it looks as if a disk were not mounted.
void judge_what_is_gone(const IndexedPhotos& photos, Prune prune, std::vector<std::string>& notes) {
  if (!photos.all_gone || prune == Prune::all) return;
  const std::string what = fmt::format("none of the {} photos below {} that the store knows is there any more",
                                       photos.all_gone->count, replace_invalid_utf8(photos.all_gone->folder));
  if (prune == Prune::none) {
    notes.push_back(what + ": is its disk mounted?");
    return;
  }
  throw Exception(
      ErrorCode::invalid_argument,
      "will not prune: " + what + ", as when a disk is not mounted. Mount it, or use --prune=all to drop them too");
}

SourceOptions source_options(const IndexOptions& options, const std::vector<std::string>& sources,
                             const std::shared_ptr<KnownPaths>& paths) {
  SourceOptions wanted;
  wanted.paths = sources;
  wanted.folders.excludes = GlobList(options.excludes);
  wanted.folders.no_skip = options.no_skip;
  wanted.folders.is_known = [paths](const std::string& identity) { return paths->contains(identity); };
  return wanted;
}

// Where writing fails, says what becomes of what is done.
template <typename Write>
void write_with_advice(const Store& store, const Write& write) {
  try {
    write();
  } catch (const Exception& failure) {
    if (failure.error().code != ErrorCode::io) throw;
    throw Exception(ErrorCode::io, fmt::format("{}. What is done is kept in {}: when that is mended, run it again",
                                               failure.error().message, replace_invalid_utf8(store.path())));
  }
}

// Photos that were gone because their disk was away lie there now; others were deleted before.
void find_again(Store& store, const std::string& folder) {
  std::vector<std::string> found;
  store.visit_places([&](const StoredPlace& place) {
    std::error_code failure;
    if (place.is_gone && path_below(folder, place.path) && std::filesystem::exists(place.path, failure)) {
      found.push_back(place.path);
    }
  });
  store.set_gone(found, false);
}

}  // namespace

ScanSummary index_photos(const Engine& engine, const IndexOptions& options, const ScanCallbacks& callbacks,
                         const std::stop_token& stop) {
  const auto begin = std::chrono::steady_clock::now();
  const int threads = choose_scan_threads(options.threads);
  const AnalyzeOptions analyze = analyze_options(options, stop);
  const std::string terms = index_terms(engine, analyze);
  const std::vector<std::string> sources = absolute_sources(options.sources);
  Store store({options.store, StoreOptions::Access::create});

  const auto paths = std::make_shared<KnownPaths>();
  KnownContents contents;
  IndexedPhotos photos = find_indexed(store, sources, terms, *paths, contents);
  ScanSummary summary = std::move(photos.kept);
  judge_what_is_gone(photos, options.prune, summary.notes);
  const SourceOptions wanted = source_options(options, sources, paths);
  const std::unique_ptr<Sink> sink = store_sink(store, sources);
  const auto analyze_all = [&](const ImageStream& images, Workspace& workspace) {
    analyze_stream(engine.state(), analyze, workspace.state(), images);
  };
  const LoopParts parts{.sources = open_sources(wanted),
                        .sink = *sink,
                        .paths = paths,
                        .contents = contents,
                        .analyze = analyze_all,
                        .held_max = static_cast<std::size_t>(engine.batch_max()),
                        .terms = terms,
                        .image_bytes_max = engine.options().limits.bytes_max,
                        .threads = threads};
  write_with_advice(store, [&] {
    store.set_gone(photos.gone, true);
    store.set_gone(photos.back, false);
    run_loop(parts, callbacks, stop, summary);
    // After the loop: a photo that has another name now is known by its content until then.
    if (options.prune != Prune::none && !summary.interrupted) {
      summary.pruned = store.prune(sources);
      summary.images -= summary.gone;
      summary.resumed -= summary.gone;
      summary.gone = 0;
    }
  });
  summary.left_out = wanted.folders.findings->left_out.counts();
  if (!summary.interrupted) refresh_people(store, engine.options().settings, threads);

  log_device_work(engine, summary);
  if (summary.images == 0 && summary.pruned == 0 && !summary.interrupted) {
    throw_no_images(describe_sources(options.sources), summary.left_out);
  }
  summary.gpu_choice = describe_choice(engine, summary);
  if (!engine.state().device) summary.idle_gpu = find_idle_gpu();
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return summary;
}

std::int64_t move_index(const std::string& store_path, const std::string& from, const std::string& to) {
  Store store({store_path, StoreOptions::Access::write});
  const std::string target = canonical_path(to);
  std::int64_t moved = store.move_source(canonical_path(from), target);
  // The folder may have been a link to another place when it was indexed.
  if (moved == 0) moved = store.move_source(std::filesystem::absolute(from).lexically_normal().string(), target);
  if (moved > 0) {
    find_again(store, target);
    return moved;
  }
  throw Exception(ErrorCode::not_found, fmt::format("no photo of {} lies below {}: name the folder as it was indexed",
                                                    replace_invalid_utf8(store.path()), replace_invalid_utf8(from)));
}

}  // namespace mien
