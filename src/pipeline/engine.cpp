// The engine: which runtimes and models it opens, and its calls.
#include "mien/engine.h"

#include <fmt/format.h>

#include <future>

#include "backends/backend.h"
#include "base/log.h"
#include "base/processor.h"
#include "device/choose_runtime.h"
#include "device/where_it_pays.h"
#include "ops/pixels.h"
#include "pipeline/analyze.h"
#include "pipeline/input.h"
#include "pipeline/placement.h"
#include "pipeline/state.h"

namespace mien {
namespace {

// Square planes of values from 0 to 255, in the order red, green, blue, as pixels.
Image from_planes(const float* planes, int side) {
  Image image;
  image.reset(side, side, 3);
  const std::size_t plane = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  std::uint8_t* out = image.row(0);  // no gaps between rows
  for (std::size_t i = 0; i < plane; ++i) {
    for (std::size_t channel = 0; channel < 3; ++channel) {
      *out++ = static_cast<std::uint8_t>(planes[channel * plane + i]);
    }
  }
  return image;
}

ModelFile require_model(const Settings& settings, std::string_view role, const std::string& name) {
  Result<ModelFile> file = find_model(settings, role, name);
  return std::move(file).take();
}

// Returns false for a model that is not there: opening it reports the error.
bool gains(const EngineOptions& options, std::string_view role, const std::string& name) {
  if (!options.many_images) return false;
  const Result<ModelFile> file = find_model(options.settings, role, name);
  return file && gains_by_openvino(*file);
}

// Devices compute in 32 bits, and what they leave to the CPU must not differ from what they do.
bool models_want_gpu(const Settings& settings) {
  return std::any_of(std::begin(kOperations), std::end(kOperations), [&](const OperationRow& row) {
    return has_model(row.operation) && settings.gpu_mode(row.operation) != GpuMode::off;
  });
}

// `settings` are those without what the CPU keeps.
RuntimeWish wish_for(const EngineOptions& options, const Settings& settings, std::string_view role,
                     const std::string& name) {
  return {.many_images = gains(options, role, name),
          .reduced_precision = options.precision == Precision::fast && !models_want_gpu(settings)};
}

bool is_onnxruntime(const Runtime& runtime) { return runtime.kind() == RuntimeKind::onnxruntime; }

void open_runtimes(Engine::State& state) {
  const EngineOptions& options = state.options;
  const Settings settings = without_kept(options.settings, options.many_images);
  const RuntimeWish of_detector = wish_for(options, settings, "detector", options.detector);
  ChosenRuntime chosen = choose_runtime(settings, of_detector);
  state.detector_runtime = std::move(chosen.runtime);
  if (options.load_embedder) {
    const RuntimeWish of_embedder = wish_for(options, settings, "embedder", options.embedder);
    state.embedder_runtime = state.detector_runtime;  // asked once, what is wrong is said once
    if (of_embedder != of_detector) state.embedder_runtime = choose_runtime(settings, of_embedder).runtime;
  }
  if (options.precision == Precision::fast && models_want_gpu(settings)) {
    chosen.why_not_reduced = "a GPU is asked for, which computes in 32 bits";
  }
  if (!chosen.why_not_reduced.empty()) {
    state.why_not_fast = "precision fast computes like default: " + chosen.why_not_reduced;
    log(LogLevel::warning, state.why_not_fast);
  }
  if (!options.settings.wants_gpu()) return;
  // GPUs are ONNX Runtime's. Where the CPU keeps everything, none is opened.
  const bool can_open = is_onnxruntime(*state.detector_runtime) || !settings.wants_gpu();
  state.device_runtime = can_open ? state.detector_runtime : open_onnxruntime(options.settings);
}

void load_models(Engine::State& state) {
  const EngineOptions& options = state.options;
  state.detector_file = require_model(options.settings, "detector", options.detector);
  log_int8_copy(options.settings, state.detector_file);
  const LoadOptions load{.keep_declared_size = options.precision == Precision::exact,
                         .score_threshold = options.det_threshold,
                         .exact_sizes = options.exact_sizes,
                         .keep_model = state.device != nullptr && state.device->gpu().is_usable()};
  if (!options.load_embedder) {
    state.detector = load_detector(*state.detector_runtime, state.detector_file, load);
    return;
  }
  state.embedder_file = require_model(options.settings, "embedder", options.embedder);
  // Both models are opened at once: opening a model is a tenth of a second of one core.
  std::future<std::unique_ptr<Embedder>> embedder = std::async(
      std::launch::async, [&] { return load_embedder(*state.embedder_runtime, state.embedder_file, load.keep_model); });
  state.detector = load_detector(*state.detector_runtime, state.detector_file, load);
  state.embedder = embedder.get();
  state.embedder_file.info.dimension = state.embedder->dimension;
  state.embedder_file.info.id = state.embedder->id;
  if (!state.detector->has_landmarks) {
    throw Exception(ErrorCode::unsupported,
                    fmt::format("{} gives no landmarks, and without them faces cannot be aligned for {}: use another "
                                "detector",
                                state.detector_file.info.path, state.embedder_file.info.name));
  }
}

}  // namespace

Workspace::Workspace() : state_(std::make_unique<State>()) {}
Workspace::~Workspace() = default;
Workspace::Workspace(Workspace&&) noexcept = default;
Workspace& Workspace::operator=(Workspace&&) noexcept = default;

Engine::Engine(EngineOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->input = open_decoding(state_->options.limits, state_->options.sandbox, state_->options.settings);
  open_runtimes(*state_);
  state_->cpu = read_cpu().name;
  // The device is opened before the models are loaded: a required GPU that is not there ends the call here.
  if (state_->device_runtime) {
    state_->device = open_device(state_->options.settings, *state_->device_runtime, state_->options.precision,
                                 state_->options.many_images);
  }
  state_->input.device = state_->device;
  load_models(*state_);
  if (!state_->device) return;
  state_->device->set_models(state_->detector, state_->embedder, state_->device_runtime);
  if (const Device* const device = state_->device->gpu().device()) {
    log(LogLevel::info, "Face analysis model loaded with GPU acceleration: " + to_string(*device));
  }
}

Engine::~Engine() = default;

Result<Analysis> Engine::analyze(Bytes encoded, const AnalyzeOptions& options, Workspace& workspace) const {
  std::vector<Result<Analysis>> results = analyze_images(*state_, {&encoded, 1}, options, workspace.state());
  return std::move(results.front());
}

Result<Analysis> Engine::analyze(Bytes encoded, const AnalyzeOptions& options) const {
  Workspace workspace;
  return analyze(encoded, options, workspace);
}

Result<Analysis> Engine::analyze_pixels(const PixelView& pixels, const AnalyzeOptions& options,
                                        Workspace& workspace) const {
  return mien::analyze_pixels(*state_, pixels, options, workspace.state());
}

Result<Analysis> Engine::analyze_pixels(const PixelView& pixels, const AnalyzeOptions& options) const {
  Workspace workspace;
  return analyze_pixels(pixels, options, workspace);
}

std::vector<Result<Analysis>> Engine::analyze_batch(std::span<const Bytes> images, const AnalyzeOptions& options,
                                                    Workspace& workspace, const BatchProgress& progress) const {
  return analyze_images(*state_, images, options, workspace.state(), progress);
}

Result<std::vector<std::vector<float>>> Engine::embed_aligned(std::span<const PixelView> faces,
                                                              const std::stop_token& stop) const {
  if (state_->embedder == nullptr) {
    return Error{ErrorCode::invalid_argument, "this engine was opened without an embedder: set load_embedder"};
  }
  AlignedFaces aligned;
  std::vector<Image> crops;  // for a device
  Image converted;
  ResizeScratch scratch;
  for (const PixelView& face : faces) {
    const Result<ImageView> view = open_pixels(face, state_->options.limits, converted, stop);
    if (!view) return view.error();
    constexpr LetterboxSize kSquare{kAlignedSide, kAlignedSide, kAlignedSide, kAlignedSide};
    if (!state_->device) {
      letterbox_into(*view, kSquare, state_->embedder->feed, scratch, aligned.add());
      continue;
    }
    aligned.clear();
    letterbox_into(*view, kSquare, {}, scratch, aligned.add());
    crops.push_back(from_planes(aligned.face(0), kAlignedSide));
  }
  try {
    if (!state_->device) return embed_faces(*state_->embedder, aligned, stop);
    Workspace workspace;
    const std::vector<ImageView> views(crops.begin(), crops.end());
    return embed_crops(*state_, views, stop, workspace.state());
  } catch (const Exception& error) {
    return error.error();
  }
}

const ModelInfo& Engine::detector() const { return state_->detector_file.info; }
const ModelInfo* Engine::embedder() const {
  return state_->embedder != nullptr ? &state_->embedder_file.info : nullptr;
}
const EngineOptions& Engine::options() const { return state_->options; }
const InputOptions& Engine::input() const { return state_->input; }
std::string Engine::runtime() const {
  const std::string detector = state_->detector_runtime->name();
  if (state_->embedder_runtime == nullptr || state_->embedder_runtime->name() == detector) return detector;
  return fmt::format("{} (detector), {} (embedder)", detector, state_->embedder_runtime->name());
}
const std::string& Engine::why_not_fast() const { return state_->why_not_fast; }
std::vector<DeviceStatus> Engine::device_status() const {
  if (!state_->device || !state_->device->gpu().is_usable()) return {};
  const Gpu& gpu = state_->device->gpu();
  DeviceStatus status;
  status.device = gpu.device_now();
  status.held_bytes = static_cast<std::int64_t>(gpu.counters()->held.load());
  status.ceiling_bytes = static_cast<std::int64_t>(gpu.memory_bytes_max());
  for (const OperationRow& row : kOperations) {
    status.breaker_open[index_of(row.operation)] = gpu.is_paused(row.operation);
  }
  const BatcherCounts counts = state_->device->counts();
  status.batches = static_cast<std::int64_t>(counts.runs);
  status.batch_images = static_cast<std::int64_t>(counts.items);
  return {std::move(status)};
}

int Engine::batch_max() const {
  return state_->device && state_->device->gpu().is_usable() ? state_->device->gpu().batch_max() : 1;
}

}  // namespace mien
