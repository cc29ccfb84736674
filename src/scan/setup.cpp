#include "scan/setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>

#include "backends/backend.h"
#include "base/log.h"
#include "base/processor.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "device/where_it_pays.h"
#include "mien/file.h"
#include "pipeline/analyze.h"
#include "scan/loop.h"

namespace mien {

int choose_scan_threads(int asked) {
  if (asked < 0 || asked > kThreadsMax) {
    throw Exception(
        ErrorCode::invalid_argument,
        fmt::format("cannot run {} threads: allowed are 1 to {}, and 0 for one a core", asked, kThreadsMax));
  }
  return asked > 0 ? asked : usable_processors();
}

const ModelInfo& require_embedder(const Engine& engine) {
  if (const ModelInfo* embedder = engine.embedder()) return *embedder;
  throw Exception(ErrorCode::invalid_argument, "comparing faces and writing embeddings needs a model for embeddings");
}

std::string analysis_terms(const Engine& engine, const AnalyzeOptions& analyze) {
  std::string text = fmt::format("{} {} {} {}", static_cast<int>(engine.options().precision), analyze.rotations,
                                 analyze.enhance, analyze.min_quality);
  // A model that is no row of the catalogue is known by its name alone.
  const Result<Sha256Digest> detector = sha256_file(engine.detector().path);
  text += fmt::format(" {} {} {} {}", detector ? sha256_hex(*detector) : "",
                      engine.options().det_threshold.value_or(-1), analyze.face_quality, analyze.phash);
  if (analyze.min_face > 0) text += fmt::format(" least {}", analyze.min_face);
  for (const DetectSize& size : engine.options().exact_sizes) text += fmt::format(" {}x{}", size.width, size.height);
  return text;
}

std::string terms_fingerprint(const std::string& terms) {
  constexpr std::size_t kFingerprintDigits = 16;
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(terms.data()), terms.size());
  return sha256_hex(sha256(bytes)).substr(0, kFingerprintDigits);
}

std::string describe_sources(const std::vector<std::string>& sources) {
  constexpr std::size_t kSourcesShownMax = 3;
  std::string places;
  for (std::size_t i = 0; i < std::min(sources.size(), kSourcesShownMax); ++i) {
    if (i > 0) places += ", ";
    places += replace_invalid_utf8(sources[i]);
  }
  if (sources.size() > kSourcesShownMax) places += ", ...";
  return places;
}

void throw_no_images(const std::string& where, const std::vector<LeftOut>& left_out) {
  std::string others;
  for (const LeftOut& one : left_out) {
    others +=
        fmt::format("{}{} {}", others.empty() ? "; left out: " : ", ", one.count, one.count == 1 ? one.one : one.kind);
  }
  throw Exception(ErrorCode::not_found, fmt::format("no images in {} (looked for {}, and into files of other names{})",
                                                    where, image_extensions_text(), others));
}

void log_device_work(const Engine& engine, const ScanSummary& summary) {
  if (!engine.state().device) return;
  const std::string& backend = engine.state().device->gpu().backend();
  const bool worked = std::any_of(summary.placement.begin(), summary.placement.end(), [&](const Placement& placement) {
    return placement.ran == backend || placement.ran == "mixed";
  });
  if (!worked) return;
  log(LogLevel::info, fmt::format("GPU batch processing completed: {} images, {} results",
                                  summary.analyzed + summary.duplicates, summary.images - summary.resumed));
}

std::string describe_choice(const Engine& engine, const ScanSummary& summary) {
  if (!engine.state().device) return {};
  const EngineOptions& options = engine.options();
  const bool is_usable = engine.state().device->gpu().is_usable();
  if (!is_usable && without_kept(options.settings, options.many_images).wants_gpu()) return {};
  std::vector<std::string> on_gpu;
  std::map<std::string, std::vector<std::string>> kept;  // by reason
  for (const Placement& placement : summary.placement) {
    const Operation operation = *find_operation(placement.operation);
    const std::string why = kept_by_cpu(options.settings, operation, options.many_images);
    if (placement.ran != "cpu") {
      on_gpu.push_back(placement.operation);
    } else if (!why.empty()) {
      kept[why].push_back(placement.operation);
    }
  }
  if (kept.empty()) return {};
  std::vector<std::string> groups;
  for (const auto& [why, operations] : kept) groups.push_back(fmt::format("{} ({})", fmt::join(operations, ", "), why));
  if (on_gpu.empty()) on_gpu.emplace_back("nothing");
  return fmt::format("GPU: {}; CPU: {}", fmt::join(on_gpu, ", "), fmt::join(groups, "; "));
}

}  // namespace mien
