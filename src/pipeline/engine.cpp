// The public face of the pipeline.
#include "mien/engine.h"

#include <fmt/format.h>

#include <future>

#include "device/backend.h"
#include "image/encode.h"
#include "image/orientation.h"
#include "image/sandbox.h"
#include "ops/crop.h"
#include "ops/enhance.h"
#include "ops/phash.h"
#include "ops/pixels.h"
#include "ops/quality.h"
#include "pipeline/analyze.h"
#include "pipeline/state.h"

namespace mien {
namespace {

constexpr int kCropJpegQuality = 95;
constexpr int kEnhancedJpegQuality = 95;
constexpr int kThumbnailJpegQuality = 85;

ModelFile require_model(const Settings& settings, std::string_view role, const std::string& name) {
  Result<ModelFile> file = find_model(settings, role, name);
  return std::move(file).take();
}

void load_models(Engine::State& state) {
  const EngineOptions& options = state.options;
  state.detector_file = require_model(options.settings, "detector", options.detector);
  const LoadOptions load{.keep_declared_size = options.precision == Precision::exact,
                         .score_threshold = options.det_threshold,
                         .keep_model = state.device != nullptr && state.device->gpu().is_usable()};
  if (!options.load_embedder) {
    state.detector = load_detector(*state.runtime, state.detector_file, load);
    return;
  }
  state.embedder_file = require_model(options.settings, "embedder", options.embedder);
  // Both at once: opening a model is a tenth of a second of one core.
  std::future<std::unique_ptr<Embedder>> embedder = std::async(
      std::launch::async, [&] { return load_embedder(*state.runtime, state.embedder_file, load.keep_model); });
  state.detector = load_detector(*state.runtime, state.detector_file, load);
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

// Decodes and turns upright; the pixels live in `decoded` or `upright`.
Result<ImageView> decode_upright(Bytes encoded, const InputOptions& input, DecodedImage& decoded, Image& upright) {
  const Result<Done> done = decode_image(encoded, decode_options(input), decoded);
  if (!done) return done.error();
  return upright_view(decoded.pixels, decoded.orientation, upright);
}

}  // namespace

Workspace::Workspace() : state_(std::make_unique<State>()) {}
Workspace::~Workspace() = default;
Workspace::Workspace(Workspace&&) noexcept = default;
Workspace& Workspace::operator=(Workspace&&) noexcept = default;

Engine::Engine(EngineOptions options) : state_(std::make_unique<State>()) {
  if (options.precision == Precision::fast) {
    throw Exception(ErrorCode::unsupported, "--precision fast is not built into this version: use default or exact");
  }
  state_->options = std::move(options);
  state_->input = open_input(state_->options.limits, state_->options.sandbox, state_->options.settings);
  state_->runtime = open_onnxruntime(state_->options.settings);
  state_->processor = probe_cpu().front().name;
  // Before the models are loaded: a required GPU that is not there ends it here.
  if (std::shared_ptr<Gpu> gpu = Gpu::open(state_->options.settings, *state_->runtime)) {
    state_->device = std::make_unique<DeviceStages>(std::move(gpu), state_->options.precision);
  }
  load_models(*state_);
  if (state_->device) state_->device->set_models(state_->detector, state_->embedder);
}

Engine::~Engine() = default;

Result<Analysis> Engine::analyze(Bytes encoded, const AnalyzeOptions& options, Workspace& workspace) const {
  std::vector<Result<Analysis>> results = analyze_images(*state_, {&encoded, 1}, options, workspace.state(), {});
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

const ModelInfo& Engine::detector() const { return state_->detector_file.info; }
const ModelInfo* Engine::embedder() const {
  return state_->embedder != nullptr ? &state_->embedder_file.info : nullptr;
}
const EngineOptions& Engine::options() const { return state_->options; }
const InputOptions& Engine::input() const { return state_->input; }
std::string Engine::runtime() const { return state_->runtime->name(); }
int Engine::batch_max() const {
  return state_->device && state_->device->gpu().is_usable() ? state_->device->gpu().batch_max() : 1;
}

InputOptions open_input(const ImageLimits& limits, bool sandbox, const Settings& settings) {
  InputOptions input{.limits = limits, .decoder = {}};
  if (!sandbox && !settings.sandbox) return input;
  input.decoder = find_decoder_program(settings.decoder).take();
  start_sandbox(decode_options(input));
  return input;
}

Result<EnhancedImage> enhance_image(Bytes encoded, const InputOptions& input) {
  DecodedImage decoded;
  Image upright;
  const Result<ImageView> pixels = decode_upright(encoded, input, decoded, upright);
  if (!pixels) return pixels.error();
  if (!needs_enhancement(pixels->width, pixels->height)) {
    return EnhancedImage{{encoded.begin(), encoded.end()}, 1.0};
  }
  Image enhanced;
  const double scale = enhance_pixels(*pixels, enhanced);
  return EnhancedImage{encode_jpeg(enhanced, kEnhancedJpegQuality), scale};
}

Result<std::vector<std::uint8_t>> crop_face(Bytes encoded, Box bbox, double margin, const InputOptions& input) {
  DecodedImage decoded;
  Image upright;
  const Result<ImageView> pixels = decode_upright(encoded, input, decoded, upright);
  if (!pixels) return pixels.error();
  const PixelRect rect = clip_box(bbox, margin, pixels->width, pixels->height);
  if (rect.width <= 0 || rect.height <= 0) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("the box ({:.1f}, {:.1f}, {:.1f}, {:.1f}) lies outside the image of {}x{} pixels", bbox.x1,
                             bbox.y1, bbox.x2, bbox.y2, pixels->width, pixels->height)};
  }
  return encode_jpeg(pixels->crop(rect.x, rect.y, rect.width, rect.height), kCropJpegQuality);
}

Result<std::vector<std::uint8_t>> create_thumbnail(Bytes encoded, int width, int height, const InputOptions& input) {
  if (width < 1 || height < 1) {
    return Error{ErrorCode::invalid_argument, fmt::format("a thumbnail cannot have {}x{} pixels", width, height)};
  }
  DecodedImage decoded;
  Image upright;
  const Result<ImageView> pixels = decode_upright(encoded, input, decoded, upright);
  if (!pixels) return pixels.error();
  Image thumbnail;
  make_thumbnail(*pixels, width, height, thumbnail);
  return encode_jpeg(thumbnail, kThumbnailJpegQuality);
}

Result<std::string> compute_phash(Bytes encoded, const InputOptions& input) {
  DecodedImage decoded;
  DecodeOptions decoding = decode_options(input);
  decoding.convert_colours = false;
  const Result<Done> done = decode_image(encoded, decoding, decoded);
  if (!done) return done.error();
  return perceptual_hash_hex(perceptual_hash(decoded.pixels));
}

Result<ImageQuality> assess_quality(Bytes encoded, const InputOptions& input) {
  DecodedImage decoded;
  Image upright;
  const Result<ImageView> pixels = decode_upright(encoded, input, decoded, upright);
  if (!pixels) return pixels.error();
  return ImageQuality{pixels->width, pixels->height, assess_part(*pixels, nullptr, nullptr)};
}

Result<Quality> assess_quality(const PixelView& pixels, const Box* bbox, const Landmarks* landmarks) {
  Image converted;
  Image upright;
  const Result<ImageView> view = open_pixels(pixels, {}, converted);
  if (!view) return view.error();
  return assess_part(upright_view(*view, pixels.orientation, upright), bbox, landmarks);
}

}  // namespace mien
