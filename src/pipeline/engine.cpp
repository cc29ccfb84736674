// The public face of the pipeline.
#include "mien/engine.h"

#include <fmt/format.h>

#include <future>

#include "backends/backend.h"
#include "base/log.h"
#include "base/processor.h"
#include "device/choose_runtime.h"
#include "image/encode.h"
#include "image/orientation.h"
#include "image/sandbox.h"
#include "models/int8_file.h"
#include "ops/crop.h"
#include "ops/enhance.h"
#include "ops/phash.h"
#include "ops/pixels.h"
#include "ops/quality.h"
#include "pipeline/analyze.h"
#include "pipeline/placement.h"
#include "pipeline/state.h"
#include "pipeline/thumbnail.h"

namespace mien {
namespace {

constexpr int kCropJpegQuality = 95;
constexpr int kEnhancedJpegQuality = 95;
constexpr int kThumbnailJpegQuality = 85;

// What `work` gives or throws.
template <typename Work>
auto caught(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const Exception& error) {
    return error.error();
  }
}

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

InputOptions open_decoding(const ImageLimits& limits, bool sandbox, const Settings& settings) {
  InputOptions input{.limits = limits, .decoder = {}};
  if (!sandbox && !settings.sandbox) return input;
  input.decoder = find_decoder_program(settings.decoder).take();
  start_sandbox(decode_options(input));
  return input;
}

// Null when no operation asks for a GPU.
std::shared_ptr<DeviceStages> open_device(const Settings& settings, const Runtime& runtime, Precision precision) {
  std::shared_ptr<Gpu> gpu = Gpu::open(settings, runtime);
  return gpu ? std::make_shared<DeviceStages>(std::move(gpu), precision) : nullptr;
}

// Of a model that is not there something else complains.
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

RuntimeWish wish_for(const EngineOptions& options, std::string_view role, const std::string& name) {
  return {.many_images = gains(options, role, name),
          .cheaply = options.precision == Precision::fast && !models_want_gpu(options.settings)};
}

bool is_onnxruntime(const Runtime& runtime) { return runtime.name().starts_with("onnxruntime"); }

// Where the runtime has no cheaper arithmetic, a detector in 8 bits, where 'mien models optimize' made one. It was
// measured with ONNX Runtime, and not as a device runs it.
void find_other_fast(Engine::State& state, const std::string& why_not_cheap) {
  const Settings& settings = state.options.settings;
  std::string why_not;
  const Result<ModelFile> model = find_model(settings, "detector", state.options.detector);
  if (!model) return;  // something else complains
  Int8File int8 = find_int8_file(settings, *model);
  if (!int8.is_usable()) {
    why_not = int8.problem;
  } else if (settings.runtime == "openvino") {
    why_not = fmt::format("{} is for ONNX Runtime", int8.path);
  } else if (settings.gpu_mode(Operation::face_detection) != GpuMode::off) {
    why_not = fmt::format("{} is for the CPU", int8.path);
  } else {
    log(LogLevel::info,
        fmt::format("precision fast: faces are detected in int8 by {} ({})", int8.path, int8.origin.measured));
    if (!is_onnxruntime(*state.detector_runtime)) state.detector_runtime = open_onnxruntime(settings);
    state.int8 = std::move(int8.bytes);
    return;
  }
  state.why_not_fast = fmt::format("precision fast computes like default: {}; {}", why_not_cheap, why_not);
  log(LogLevel::warning, state.why_not_fast);
}

void open_runtimes(Engine::State& state) {
  const EngineOptions& options = state.options;
  const RuntimeWish of_detector = wish_for(options, "detector", options.detector);
  ChosenRuntime chosen = choose_runtime(options.settings, of_detector);
  state.detector_runtime = std::move(chosen.runtime);
  if (options.load_embedder) {
    const RuntimeWish of_embedder = wish_for(options, "embedder", options.embedder);
    state.embedder_runtime = state.detector_runtime;  // asked once, what is wrong is said once
    if (of_embedder != of_detector) state.embedder_runtime = choose_runtime(options.settings, of_embedder).runtime;
  }
  if (options.precision == Precision::fast && models_want_gpu(options.settings)) {
    chosen.why_not_cheap = "a GPU is asked for, which computes in 32 bits";
  }
  if (!chosen.why_not_cheap.empty()) find_other_fast(state, chosen.why_not_cheap);
  if (!options.settings.wants_gpu()) return;
  // GPUs are ONNX Runtime's.
  state.device_runtime =
      is_onnxruntime(*state.detector_runtime) ? state.detector_runtime : open_onnxruntime(options.settings);
}

void load_models(Engine::State& state) {
  const EngineOptions& options = state.options;
  state.detector_file = require_model(options.settings, "detector", options.detector);
  const LoadOptions load{.keep_declared_size = options.precision == Precision::exact,
                         .score_threshold = options.det_threshold,
                         .exact_sizes = options.exact_sizes,
                         .keep_model = state.device != nullptr && state.device->gpu().is_usable(),
                         .bytes = state.int8};
  if (!options.load_embedder) {
    state.detector = load_detector(*state.detector_runtime, state.detector_file, load);
    return;
  }
  state.embedder_file = require_model(options.settings, "embedder", options.embedder);
  // Both at once: opening a model is a tenth of a second of one core.
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
  state_->options = std::move(options);
  state_->input = open_decoding(state_->options.limits, state_->options.sandbox, state_->options.settings);
  open_runtimes(*state_);
  state_->processor = read_processor().name;
  // Before the models are loaded: a required GPU that is not there ends it here.
  if (state_->device_runtime) {
    state_->device = open_device(state_->options.settings, *state_->device_runtime, state_->options.precision);
  }
  state_->input.device = state_->device;
  load_models(*state_);
  if (!state_->device) return;
  state_->device->set_models(state_->detector, state_->embedder);
  if (const Device* const device = state_->device->gpu().device()) {
    log(LogLevel::info, "Face analysis model loaded with GPU acceleration: " + to_string(*device));
  }
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
  std::vector<Result<Analysis>> results = analyze_images(*state_, images, options, workspace.state(), progress);
  if (images.size() > 1 && batch_max() > 1) {
    log(LogLevel::debug,
        fmt::format("GPU batch processing completed: {} images, {} results", images.size(), results.size()));
  }
  return results;
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
  return caught([&]() -> Result<std::vector<std::vector<float>>> {
    if (!state_->device) return embed_faces(*state_->embedder, aligned, stop);
    Workspace workspace;
    const std::vector<ImageView> views(crops.begin(), crops.end());
    return embed_crops(*state_, views, stop, workspace.state());
  });
}

const ModelInfo& Engine::detector() const { return state_->detector_file.info; }
const ModelInfo* Engine::embedder() const {
  return state_->embedder != nullptr ? &state_->embedder_file.info : nullptr;
}
const EngineOptions& Engine::options() const { return state_->options; }
const InputOptions& Engine::input() const { return state_->input; }
std::string Engine::runtime() const {
  const std::string detector = state_->detector_runtime_name();
  if (state_->embedder_runtime == nullptr || state_->embedder_runtime->name() == detector) return detector;
  return fmt::format("{} (detector), {} (embedder)", detector, state_->embedder_runtime->name());
}
const std::string& Engine::why_not_fast() const { return state_->why_not_fast; }
int Engine::batch_max() const {
  return state_->device && state_->device->gpu().is_usable() ? state_->device->gpu().batch_max() : 1;
}

InputOptions open_input(const ImageLimits& limits, bool sandbox, const Settings& settings) {
  InputOptions input = open_decoding(limits, sandbox, settings);
  if (settings.wants_gpu()) input.device = open_device(settings, *open_onnxruntime(settings), Precision::standard);
  return input;
}

std::vector<Placement> input_placement(const InputOptions& input) {
  return input.device ? describe_placement(*input.device) : std::vector<Placement>();
}

namespace {

// A group of one image that no model looks at.
GroupItem& add_alone(Group& group, ItemMemory& memory, ImageView pixels) {
  GroupItem& item = group.emplace_back();
  item.memory = &memory;
  item.upright = item.image = pixels;
  return item;
}

// What enhance_pixels gives, by the device where one is asked for. Throws Exception(unavailable) where it is required.
double enhance_somewhere(const InputOptions& input, ImageView pixels, Image& out) {
  if (!input.device) return enhance_pixels(pixels, out);
  Group group;
  ItemMemory memory;
  GroupItem& item = add_alone(group, memory, pixels);
  input.device->enhance(group, {.enhance = true});
  StageNote& note = item.note(Operation::image_enhancement);
  if (item.error) throw Exception(*item.error);
  if (note.on_device > 0) input.device->fetch_image(item);
  if (note.on_device == 0 && note.on_cpu == 0) {
    item.enhancement = static_cast<float>(enhance_pixels(pixels, memory.enhanced));
    note.on_cpu = 1;
  }
  input.device->release(group);
  input.device->count(Operation::image_enhancement, note);
  out = std::move(memory.enhanced);
  return enhancement_scale(pixels.width, pixels.height);
}

// Of the whole, or of the box in it.
Quality assess_somewhere(const InputOptions& input, ImageView pixels, const Box* bbox, const Landmarks* landmarks) {
  if (!input.device) return assess_part(pixels, bbox, landmarks);
  Group group;
  ItemMemory memory;
  GroupItem& item = add_alone(group, memory, pixels);
  AnalyzeOptions wanted;
  wanted.face_quality = bbox != nullptr;
  wanted.image_quality = bbox == nullptr;
  if (bbox != nullptr) item.faces.emplace_back().face.bbox = *bbox;
  input.device->assess(group, wanted);
  if (item.error) throw Exception(*item.error);
  StageNote& note = item.note(Operation::quality_checks);
  std::optional<Quality>& measured = bbox != nullptr ? item.faces.front().face.quality : item.analysis.quality;
  if (!measured) {
    measured = assess_part(pixels, bbox, landmarks);
    ++note.on_cpu;
  }
  if (landmarks != nullptr) measured->pose_angles = estimate_pose(*landmarks);
  input.device->release(group);
  input.device->count(Operation::quality_checks, note);
  return *measured;
}

}  // namespace

Result<EnhancedImage> enhance_image(Bytes encoded, const InputOptions& input) {
  DecodedImage decoded;
  Image upright;
  const Result<ImageView> pixels = decode_upright(encoded, input, decoded, upright);
  if (!pixels) return pixels.error();
  if (!needs_enhancement(pixels->width, pixels->height)) {
    return EnhancedImage{{encoded.begin(), encoded.end()}, 1.0};
  }
  return caught([&]() -> Result<EnhancedImage> {
    Image enhanced;
    const double scale = enhance_somewhere(input, *pixels, enhanced);
    return EnhancedImage{encode_jpeg(enhanced, kEnhancedJpegQuality), scale};
  });
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

Result<Image> align_face(const PixelView& pixels, const Landmarks& landmarks, int side) {
  constexpr int kSideMax = 4096;
  if (side < 1 || side > kSideMax || (side % kAlignedSide != 0 && side % 128 != 0)) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("a face cannot be aligned to {} pixels: use a multiple of {} or 128, at most {}", side,
                             kAlignedSide, kSideMax)};
  }
  const std::optional<Similarity> similarity = estimate_alignment(landmarks);
  if (!similarity) return Error{ErrorCode::invalid_argument, "a face cannot be aligned: its landmarks are one point"};
  Image converted;
  Image upright;
  const Result<ImageView> view = open_pixels(pixels, {}, converted);
  if (!view) return view.error();
  Image face;
  warp_square(upright_view(*view, pixels.orientation, upright), alignment_for_side(*similarity, side), side, face);
  return face;
}

Result<std::vector<std::uint8_t>> create_thumbnail(Bytes encoded, int width, int height, const InputOptions& input) {
  if (width < 1 || height < 1) {
    return Error{ErrorCode::invalid_argument, fmt::format("a thumbnail cannot have {}x{} pixels", width, height)};
  }
  DecodedImage decoded;
  Image upright;
  const Result<ImageView> pixels = decode_upright(encoded, input, decoded, upright);
  if (!pixels) return pixels.error();
  return caught([&]() -> Result<std::vector<std::uint8_t>> {
    Image thumbnail;
    make_thumbnail(input, *pixels, width, height, thumbnail);
    return encode_jpeg(thumbnail, kThumbnailJpegQuality);
  });
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
  return caught([&]() -> Result<ImageQuality> {
    return ImageQuality{pixels->width, pixels->height, assess_somewhere(input, *pixels, nullptr, nullptr)};
  });
}

Result<ImageQuality> assess_quality(const PixelView& pixels, const Box* bbox, const Landmarks* landmarks,
                                    const InputOptions& input) {
  Image converted;
  Image upright;
  const Result<ImageView> view = open_pixels(pixels, {}, converted);
  if (!view) return view.error();
  const ImageView whole = upright_view(*view, pixels.orientation, upright);
  PixelRect part{0, 0, whole.width, whole.height};
  if (bbox != nullptr) part = clip_box(*bbox, 0.0, whole.width, whole.height);
  return caught([&]() -> Result<ImageQuality> {
    return ImageQuality{part.width, part.height, assess_somewhere(input, whole, bbox, landmarks)};
  });
}

}  // namespace mien
