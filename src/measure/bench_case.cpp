#include "measure/bench_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/cancel.h"
#include "image/resample.h"
#include "measure/measure.h"
#include "pipeline/analyze.h"
#include "pipeline/placement.h"
#include "pipeline/stages.h"
#include "pipeline/thumbnail.h"

namespace mien {
namespace {

constexpr int kThumbnailSide = 150;
constexpr std::string_view kThumbnailName = "thumbnail_creation";
constexpr double kCompileMsMax = 300e3;

// Returns the options of the stages when they run alone: each stage reads its own flag.
AnalyzeOptions stage_options(const std::stop_token& stop) {
  AnalyzeOptions options;
  options.embed = true;
  options.face_quality = false;
  options.image_quality = true;
  options.enhance = true;
  options.stop = stop;
  return options;
}

AnalyzeOptions options_before(const std::stop_token& stop) {
  AnalyzeOptions options;
  options.embed = options.face_quality = false;
  options.stop = stop;
  return options;
}

void add_note(StageNote& sum, const StageNote& note) {
  sum.on_device += note.on_device;
  sum.on_cpu += note.on_cpu;
  if (!note.reason.empty()) sum.reason = note.reason;
}

}  // namespace

std::vector<BenchCase> bench_cases() {
  std::vector<BenchCase> cases;
  for (const OperationRow& row : kOperations) {
    const bool is_processing = row.operation == Operation::image_processing;
    if (is_processing || has_stage(row.operation)) cases.push_back({row.name, row.operation});
  }
  cases.push_back({kThumbnailName, Operation::image_processing});
  return cases;
}

void check_names(const std::vector<std::string>& asked, const std::vector<std::string_view>& known, const char* what) {
  for (const std::string& name : asked) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("there is no {} '{}': use {}", what, name, fmt::join(known, ", ")));
  }
}

bool is_asked(const std::vector<std::string>& asked, std::string_view name) {
  return asked.empty() || std::find(asked.begin(), asked.end(), name) != asked.end();
}

EngineOptions with_gpu_mode(EngineOptions options, GpuMode mode) {
  options.settings.all_gpu = options.settings.all_gpu_where_it_pays = false;
  options.settings.operation_gpu.fill(mode);
  return options;
}

PreparedPictures prepare_pictures(const Engine::State& engine, const BenchCase& bench_case,
                                  const std::vector<Image>& pictures, const std::stop_token& stop) {
  PreparedPictures prepared;
  Workspace workspace;
  for (const Image& picture : pictures) {
    throw_if_stopped(stop);
    Group group;
    add_upright(workspace.state(), group, picture);
    const double start = wall_ms();
    if (has_stage(bench_case.operation)) {
      run_stages_before(bench_case.operation, engine, options_before(stop), workspace.state(), group);
    }
    prepared.detect_ms += wall_ms() - start;
    GroupItem& item = group.front();
    if (item.error) throw Exception(*item.error);
    if (bench_case.operation == Operation::face_embedding && item.faces.empty()) continue;
    prepared.faces += static_cast<double>(item.faces.size());
    item.upright = item.image = prepared.pictures.emplace_back(copy_picture(picture));
    item.always_enhance = true;
    item.waits_for_device = true;
    item.notes = {};
    prepared.items.push_back(std::move(item));
  }
  if (prepared.items.empty()) {
    throw Exception(ErrorCode::not_found, "no face is left in the photos at this size: name others by --images DIR");
  }
  prepared.detect_ms /= static_cast<double>(pictures.size());
  prepared.faces /= static_cast<double>(prepared.items.size());
  return prepared;
}

CaseRun::CaseRun(const Engine::State& engine, const BenchCase& bench_case, const PreparedPictures& prepared)
    : engine_(engine), case_(bench_case), prepared_(prepared) {}

bool CaseRun::uses_device() const { return engine_.device && engine_.device->gpu().is_usable(); }

// A device gets as many images at a time as its batches hold; for the CPU one group is like many of one image.
bool CaseRun::is_group_full(const Group& group, int images) const {
  return static_cast<int>(group.size()) >= (uses_device() ? engine_.device->gpu().batch_max() : images);
}

BatchSample CaseRun::run(int images, const std::stop_token& stop) {
  BatchSample sample;
  const AnalyzeOptions options = stage_options(stop);
  StageNote& sum = sum_.note(case_.operation);
  for (int next = 0; next < images;) {
    Group group;
    for (; next < images && !is_group_full(group, images); ++next) {
      GroupItem& item = group.emplace_back(prepared_.items[static_cast<std::size_t>(next) % prepared_.items.size()]);
      item.index = group.size() - 1;
      // All images share one memory: nobody reads what is written there.
      item.memory = memory_;
    }
    const double wall = wall_ms(), cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    try {
      run_group(group, options);
    } catch (const Exception& error) {
      if (error.error().code == ErrorCode::cancelled) throw;
      for (GroupItem& item : group) item.error = error.error();
    }
    sample.wall_ms += wall_ms() - wall;
    sample.cpu_ms += clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    throw_if_stopped(stop);
    for (const GroupItem& item : group) {
      add_note(sum, item.note(case_.operation));
      if (!item.error) continue;
      if (sample.failed++ == 0) sample.error = item.error->message;
    }
    if (!uses_device()) continue;
    sample.gpu_memory_mb = static_cast<double>(engine_.device->gpu().counters()->held) / (1 << 20);
    engine_.device->release(group);
  }
  return sample;
}

BatchSample CaseRun::warm_up(int images, const std::stop_token& stop) {
  const double start = wall_ms();
  BatchSample sample = run(images, stop);
  while (uses_device() && engine_.device->is_preparing() && wall_ms() - start < kCompileMsMax) {
    throw_if_stopped(stop);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (!engine_.device->is_preparing()) sample = run(images, stop);
  }
  sample.wall_ms = wall_ms() - start;
  return sample;
}

void CaseRun::run_group(Group& group, const AnalyzeOptions& options) {
  if (!has_stage(case_.operation)) return process_images(group);
  run_stage(case_.operation, engine_, options, workspace_.state(), group);
  if (case_.operation != Operation::image_enhancement || !engine_.device) return;
  // With this flag alone the next stage is the CPU's: the pixels come down.
  for (GroupItem& item : group) {
    if (!item.error) engine_.device->fetch_image(item);
  }
}

void CaseRun::process_images(Group& group) {
  for (GroupItem& item : group) {
    const StageNote before = engine_.device ? engine_.device->counted(case_.operation) : StageNote();
    try {
      if (case_.name == kThumbnailName) {
        make_thumbnail(engine_.input, item.upright, kThumbnailSide, kThumbnailSide, out_);
      } else {
        const PixelSize half = {std::max(1, item.upright.width / 2), std::max(1, item.upright.height / 2)};
        if (!engine_.device || !engine_.device->shrink(item.upright, half, out_)) {
          resample(item.upright, half.width, half.height, ResampleFilter::lanczos, out_);
        }
      }
    } catch (const Exception& error) {
      item.error = error.error();
      continue;
    }
    const StageNote after = engine_.device ? engine_.device->counted(case_.operation) : StageNote{0, 1, {}};
    StageNote& note = item.note(case_.operation);
    note = {after.on_device - before.on_device, after.on_cpu - before.on_cpu, {}};
    if (note.on_cpu > 0) note.reason = after.reason;
  }
}

Placement CaseRun::take_placement() {
  std::vector<Placement> placements = describe_placement(engine_, sum_);
  sum_.notes = {};
  if (!placements.empty()) return std::move(placements.front());
  Placement none;
  none.operation = operation_name(case_.operation);
  none.requested = engine_.device ? "gpu" : "cpu";
  none.ran = "none";
  return none;
}

}  // namespace mien
