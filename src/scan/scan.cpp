// A scan from its options to its summary. The loop itself is in loop.cpp.
#include "mien/scan.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "backends/backend.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "mien/file.h"
#include "pipeline/analyze.h"
#include "pipeline/tiles.h"
#include "records/tally.h"
#include "scan/loop.h"
#include "scan/resume.h"
#include "scan/setup.h"

namespace mien {
namespace {

// Throws now for a report that cannot be written, rather than after hours of work.
void check_report_path(const std::string& path) {
  const std::string shown = replace_invalid_utf8(path);
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("{} is a folder: --report names the file to write", shown));
  }
  try {
    require_writable(path);
  } catch (const Exception& error) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("--report: {}: name a file in a folder that you may write to", error.what()));
  }
}

// A file that is written must not take the place of a file that is read, --force or not.
void check_written(const ScanOptions& options) {
  const auto check = [](const char* option, const std::string& path, const std::string& other, const char* what) {
    if (path.empty() || other.empty() || !is_one_file(path, other)) return;
    throw Exception(ErrorCode::invalid_argument, fmt::format("{} {} would overwrite {}: name another file", option,
                                                             replace_invalid_utf8(path), what));
  };
  for (const auto& [option, path] :
       {std::pair("--out", options.out_path), std::pair("--report", options.report_path)}) {
    for (const std::string& source : options.sources) check(option, path, source, "a source");
    check(option, path, options.list_path, "the list");
    check(option, path, options.like_path, "the photo of the person");
    std::error_code ignored;
    if (!path.empty() && has_image_extension(path) && std::filesystem::exists(path, ignored)) {
      throw Exception(ErrorCode::invalid_argument, fmt::format("{} {} would overwrite an image: name another file",
                                                               option, replace_invalid_utf8(path)));
    }
  }
  check("--report", options.report_path, options.out_path, "the records");
  for (const std::string& source : options.sources) {
    if (options.crops_dir.empty() || !is_one_file(options.crops_dir, source)) continue;
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("--crops {} is a source too, and a folder that crops are written to is not read: name "
                                "another folder for them, which may lie in the source",
                                replace_invalid_utf8(options.crops_dir)));
  }
}

// What can be wrong with the photo before anything is opened.
void check_like(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) return;
  throw Exception(ErrorCode::invalid_argument,
                  fmt::format("{} is a folder: --like names one photo of the person", replace_invalid_utf8(path)));
}

void check_resume(const ScanOptions& options) {
  if (options.prune != Prune::none && !options.resume) {
    throw Exception(ErrorCode::invalid_argument, "--prune needs --resume: it drops records of an earlier run");
  }
  if (options.resume && std::any_of(options.sources.begin(), options.sources.end(), is_standard_input)) {
    throw Exception(ErrorCode::invalid_argument,
                    "an image on standard input cannot be resumed: leave out --resume, or name a file");
  }
}

WantedPerson find_wanted_person(const Engine& engine, const ScanOptions& options) {
  const float threshold = choose_threshold(require_embedder(engine), options.threshold);
  // Nothing but the face counts in the photo of the person: no quality is asked of it.
  AnalyzeOptions analyze;
  analyze.face_quality = false;
  analyze.rotations = options.analyze.rotations;
  analyze.enhance = options.analyze.enhance;
  analyze.detail = options.analyze.detail;
  WantedPerson person = read_wanted_person(
      options.like_path,
      [&](Bytes encoded, Workspace& workspace) { return engine.analyze(encoded, analyze, workspace); },
      engine.options().limits.bytes_max);
  person.threshold = threshold;
  person.compare_anyway = options.compare_anyway;
  const std::string warning = poor_photo_warning(person, options.like_path);
  if (!warning.empty()) {
    log(LogLevel::warning, warning);
    person.notes.push_back(warning);
  }
  return person;
}

SourceOptions source_options(const ScanOptions& options, const std::optional<CropFolder>& crops,
                             const std::shared_ptr<KnownPaths>& paths) {
  SourceOptions sources;
  sources.paths = options.sources;
  sources.folders.excludes = GlobList(options.excludes);
  sources.folders.no_skip = options.no_skip;
  sources.folders.is_known = [paths](const std::string& identity) { return paths->contains(identity); };
  if (!options.list_path.empty()) sources.list = {options.list_path, options.list_is_nul_separated};
  if (crops) {
    // Without this a folder that holds its own crops would be scanned for ever.
    if (const std::optional<FolderId> id = folder_id(crops->path())) sources.folders.skip.insert(*id);
  }
  return sources;
}

// Two scans with the same fingerprint say the same of the same image, looked at as closely: a scan keeps records that
// were looked at otherwise, and says so.
std::string fingerprint_of(const Engine& engine, const ScanOptions& options,
                           const std::optional<WantedPerson>& person) {
  std::string terms = analysis_terms(engine, options.analyze);
  if (person) {
    const Result<Sha256Digest> photo = sha256_file(options.like_path);
    terms += fmt::format(" {} {} {}", person->threshold, photo ? sha256_hex(*photo) : "",
                         options.compare_anyway ? "anyway" : "floor");
  }
  return terms_fingerprint(terms);
}

ResumeTerms resume_terms(const Engine& engine, const ScanOptions& options, const std::string& fingerprint) {
  ResumeTerms terms;
  terms.models.detector = engine.detector().name;
  if (engine.embedder()) {
    terms.models.embedder = engine.embedder()->name;
    terms.models.embedder_id = engine.embedder()->id;
  }
  terms.like = !options.like_path.empty();
  terms.embeddings = options.embeddings;
  terms.image_quality = options.analyze.image_quality;
  terms.fingerprint = fingerprint;
  terms.prune = options.prune;
  terms.sources = options.sources;
  terms.detail = choose_detail(engine.options().precision, options.analyze.detail);
  terms.look_again = options.look_again;
  return terms;
}

std::string describe_places(const ScanOptions& options) {
  std::string places = describe_sources(options.sources);
  if (!options.list_path.empty()) {
    if (!places.empty()) places += " and ";
    places += options.list_path == "-" ? "the list on standard input" : replace_invalid_utf8(options.list_path);
  }
  return places;
}

// Whether nobody named anything: a list that is empty, as one of what is new may be, is no mistake.
bool is_nothing_asked(const ScanOptions& options, const SourceFindings& findings) {
  return options.sources.empty() && !options.list_path.empty() && findings.paths_listed == 0;
}

// Where a relative source begins: the file of records may be gone on with from elsewhere.
std::string working_folder(const ScanOptions& options) {
  std::error_code failure;
  const std::filesystem::path folder = std::filesystem::current_path(failure);
  return options.out_path.empty() || failure ? std::string() : folder.string();
}

// Runs what writes; where that fails, says what becomes of the records that are there.
template <typename Write>
void write_with_advice(const RecordFile& records, const ScanOptions& options, const Write& write) {
  try {
    write();
  } catch (const Exception& failure) {
    if (failure.error().code != ErrorCode::io || !records.can_be_resumed()) throw;
    throw Exception(ErrorCode::io,
                    fmt::format("{}. What is done is kept in {}: when that is mended, go on with --resume",
                                failure.error().message, replace_invalid_utf8(options.out_path)));
  }
}

void summarize_matches(const Engine& engine, const WantedPerson& person, ScanSummary& summary) {
  summary.threshold = person.threshold;
  summary.notes.insert(summary.notes.end(), person.notes.begin(), person.notes.end());
  const FalseMatchRate expected = false_match_rate(*engine.embedder(), person.threshold);
  // Poor faces are no candidates of a poor photo.
  const bool counts_poor = !person.is_poor || person.compare_anyway;
  const std::int64_t candidates = summary.faces - (counts_poor ? 0 : summary.poor_faces);
  if (expected.rate) summary.expected_false_matches = static_cast<double>(candidates) * *expected.rate;
  if (!expected.note.empty()) summary.notes.push_back(expected.note);
  if (person.compare_anyway) {
    summary.notes.push_back("poor faces were compared anyway: how many of their matches are false is not known");
  } else if (summary.poor_faces > 0) {
    summary.notes.push_back(fmt::format(
        "{} of {} faces are too poor to be told from other poor faces: where none of them matches, that says nothing",
        summary.poor_faces, summary.faces));
  }
}

// Adds the placement of the report's thumbnails.
void add_placement(const std::vector<Placement>& placements, ScanSummary& summary) {
  PlacementTally tally;
  tally.add(placements);
  for (const Placement& placement : tally.placements()) summary.placement.push_back(placement);
  for (const Placement& placement : placements) {
    summary.placement_counts.push_back(fmt::format("{}: {}{}", placement.operation, placement.ran,
                                                   placement.reason ? " (" + *placement.reason + ")" : ""));
  }
}

// Everything that can be wrong with the call, so that nothing is written then.
void check_call(const Engine& engine, const ScanOptions& options) {
  if (!options.report_path.empty()) check_report_path(options.report_path);
  check_written(options);
  check_resume(options);
  if (!options.like_path.empty()) check_like(options.like_path);
  (void)choose_detail(engine.options().precision, options.analyze.detail);
  if (options.embeddings != EmbeddingFormat::none) require_embedder(engine);
}

}  // namespace

ScanSummary scan(const Engine& engine, const ScanOptions& options, const ScanCallbacks& callbacks,
                 const std::stop_token& stop) {
  const auto begin = std::chrono::steady_clock::now();
  const int threads = choose_scan_threads(options.threads);
  check_call(engine, options);
  std::optional<WantedPerson> person;
  if (!options.like_path.empty()) person = find_wanted_person(engine, options);
  std::optional<CropFolder> crops;
  if (!options.crops_dir.empty()) crops.emplace(options.crops_dir);
  const auto paths = std::make_shared<KnownPaths>();
  const SourceOptions wanted = source_options(options, crops, paths);
  const std::shared_ptr<Source> sources = open_sources(wanted);
  RecordFile records({options.out_path, options.resume, options.force});

  // Embeddings that nobody compares or writes are not computed.
  AnalyzeOptions analyze = options.analyze;
  if (!analyze.stop.stop_possible()) analyze.stop = stop;
  analyze.embed = person || options.embeddings != EmbeddingFormat::none;

  KnownContents contents;
  ScanSummary summary;
  const auto analyze_all = [&](const ImageStream& images, Workspace& workspace) {
    analyze_stream(engine.state(), analyze, workspace.state(), images);
  };
  const std::unique_ptr<Sink> sink = file_sink(records, options.embeddings);
  const LoopParts parts{.sources = sources,
                        .sink = *sink,
                        .paths = paths,
                        .contents = contents,
                        .analyze = analyze_all,
                        .held_max = static_cast<std::size_t>(engine.batch_max()),
                        .person = person ? &*person : nullptr,
                        .crops = crops ? &*crops : nullptr,
                        .terms = fingerprint_of(engine, options, person),
                        .working_folder = working_folder(options),
                        .image_bytes_max = engine.options().limits.bytes_max,
                        .threads = threads};
  if (options.resume) {
    summary = resume_records(records, resume_terms(engine, options, parts.terms), *paths, contents);
  }
  if (!records.lock_problem().empty()) summary.notes.push_back(records.lock_problem());
  if (!records.mode_problem().empty()) summary.notes.push_back(records.mode_problem());
  write_with_advice(records, options, [&] { run_loop(parts, callbacks, stop, summary); });
  summary.left_out = wanted.folders.findings->left_out.counts();

  log_device_work(engine, summary);
  // From here on the records are complete, or as complete as the caller wanted.
  if (summary.images == 0 && !summary.interrupted) {
    records.remove_if_unused();
    if (summary.pruned == 0 && !is_nothing_asked(options, *wanted.folders.findings)) {
      throw_no_images(describe_places(options), summary.left_out);
    }
  }
  if (person) summarize_matches(engine, *person, summary);
  if (!options.report_path.empty() && summary.images > 0) {
    ReportOptions report = options.report;
    report.input = engine.input();
    report.left_out = summary.left_out;
    write_with_advice(records, options, [&] { write_report(records.readable_path(), options.report_path, report); });
    add_placement(input_placement(report.input), summary);
  }
  summary.gpu_choice = describe_choice(engine, summary);
  if (!engine.state().device) summary.idle_gpu = find_idle_gpu();
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return summary;
}

}  // namespace mien
