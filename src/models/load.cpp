#include "models/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/sha256.h"
#include "device/onnx_file.h"
#include "models/bf16_weights.h"
#include "models/detectors.h"
#include "models/shapes.h"
#include "models/split_heads.h"

namespace mien {
namespace {

// An embedding shorter than this is a classifier's output (age, gender, expression), which mien does not run.
constexpr int kEmbeddingDimensionMin = 64;
constexpr int kEmbeddingDimensionMax = 4096;

std::vector<std::uint8_t> read_model(const ModelFile& file) { return read_file(file.info.path, kModelBytesMax).take(); }

template <typename T>
T value_or_throw(const ModelFile& file, Result<T> result) {
  if (result) return std::move(*result);
  throw Exception(result.error().code,
                  fmt::format("{} cannot be used as a {}: {}: name an ONNX file of a face {}", file.info.path,
                              file.info.role, result.error().message, file.info.role));
}

// A model between its file and a session: parsed once, rewritten in place, and written once.
struct Draft {
  Bytes original;
  onnx::ModelProto model;
  bool is_changed = false;

  // Returns the model as bytes; one that nobody changed is the file, byte by byte.
  std::vector<std::uint8_t> bytes() const {
    return is_changed ? serialize(model) : std::vector<std::uint8_t>(original.begin(), original.end());
  }
};

Draft parse_or_throw(const ModelFile& file, Bytes bytes) {
  Draft draft{bytes, value_or_throw(file, parse_model(bytes))};
  draft.is_changed = make_weights_constant(draft.model);
  return draft;
}

ModelShapes free_or_throw(const ModelFile& file, Draft& draft, const FreeShapes& wanted) {
  ModelShapes shapes = value_or_throw(file, free_shapes(draft.model, wanted));
  draft.is_changed |= shapes.is_changed;
  return shapes;
}

[[noreturn]] void throw_wrong_kind(const ModelFile& file, const Session& session, std::string_view wanted) {
  throw Exception(ErrorCode::unsupported,
                  fmt::format("{} is not a {}: it has {} input(s) and {} output(s)", file.info.path, wanted,
                              session.inputs().size(), session.outputs().size()));
}

// A real size, and not what an exporter left behind (CenterFace declares ten images of 32 x 32).
bool declares_real_size(const ModelShapes& model) {
  constexpr std::int64_t kSideMin = 128;
  return model.declared_batch <= 1 && model.declared_height >= kSideMin && model.declared_width >= kSideMin;
}

// A run on a small rectangle tells whether the rewritten model really takes sizes that it does not declare.
bool runs_at_another_size(const Session& session, const ModelShapes& model) {
  std::int64_t height = 64;
  std::int64_t width = 96;
  if (model.declared_height == height && model.declared_width == width) std::swap(height, width);
  const std::vector<float> zeros(static_cast<std::size_t>(3 * height * width));
  const TensorView input{zeros.data(), {1, 3, height, width}};
  try {
    (void)session.run({&input, 1});
  } catch (const Exception&) {
    return false;
  }
  return true;
}

// Opening such a model leaves out what only tells what it is.
bool was_tried(const ModelFile& file) { return file.row != nullptr && file.row->tried; }

Feed embedder_feed(const ModelFile& file, const GraphFacts& facts) {
  const FeedChoice choice = file.row != nullptr ? file.row->feed : FeedChoice{};
  if (!choice.as_insightface) return {choice.mean, choice.scale, choice.bgr};
  return facts.normalises_itself ? Feed{} : Feed{.mean = 127.5F, .scale = 1.0F / 127.5F, .bgr = false};
}

// The file itself counts, not what a catalogue says of it: one that was replaced gives other embeddings.
std::string embedder_id(Bytes bytes, const Feed& feed) {
  constexpr std::size_t kDigits = 16;
  return fmt::format("{}-{}-{:g}-{:g}", sha256_hex(sha256(bytes)).substr(0, kDigits), feed.bgr ? "bgr" : "rgb",
                     feed.mean, 1 / feed.scale);
}

bool takes_rgb_image(const Session& session) {
  if (session.inputs().empty()) return false;
  const Shape& shape = session.inputs().front().shape;
  return shape.size() == 4 && shape[1] == 3;
}

std::unique_ptr<Session> open_session(const Runtime& runtime, const ModelFile& file, Draft draft) {
  if (runtime.has_reduced_precision()) draft.is_changed |= prepare_for_bf16(draft.model);
  const std::vector<std::uint8_t> bytes = draft.bytes();
  draft.model = onnx::ModelProto();  // its memory is free before the runtime wants as much
  return runtime.create_session(bytes, file.info.path);
}

// Opens the model, cut before its last convolutions where it ends in such that mien computes, and says what it is.
DetectorMatch open_detector(const Runtime& runtime, const ModelFile& file, Draft draft, Detector& detector) {
  detector.heads.reset();
  if (std::optional<DetectorHeads> heads = split_heads(draft.model)) {
    draft.is_changed = true;
    detector.heads = std::make_shared<const DetectorHeads>(std::move(*heads));
  }
  detector.session = open_session(runtime, file, std::move(draft));
  if (detector.heads != nullptr) return {&kScrfd, true};
  return match_detector(*detector.session);
}

// Keeps the model for a device, which takes several images at once where the model's batch can be freed.
void keep_detector_model(const ModelFile& file, Bytes bytes, bool keeps_size, Detector& detector) {
  Draft draft = parse_or_throw(file, bytes);
  detector.batch_is_free = free_or_throw(file, draft, {.batch = true, .size = !keeps_size}).batch_is_free;
  // An obstacle to freeing the batch left the model as it was; its size may still be freed.
  if (!detector.batch_is_free) (void)free_or_throw(file, draft, {.size = !keeps_size});
  detector.model = std::make_shared<const std::vector<std::uint8_t>>(draft.bytes());
}

void check_sizes(const std::vector<DetectSize>& sizes, const DetectorKind& kind) {
  constexpr int kSideMax = 8192;
  for (const DetectSize& size : sizes) {
    for (const int side : {size.width, size.height}) {
      if (side > 0 && side <= kSideMax && side % kind.size_multiple == 0) continue;
      throw Exception(ErrorCode::invalid_argument,
                      fmt::format("a detector cannot look at {}x{} pixels: use multiples of {}, at most {}", size.width,
                                  size.height, kind.size_multiple, kSideMax));
    }
  }
}

}  // namespace

std::unique_ptr<Detector> load_detector(const Runtime& runtime, const ModelFile& file, const LoadOptions& options) {
  const std::vector<std::uint8_t> bytes = read_model(file);
  Draft draft = parse_or_throw(file, bytes);
  // A call that frees nothing tells the declared size.
  bool keeps_size = options.keep_declared_size && declares_real_size(free_or_throw(file, draft, {}));
  const ModelShapes shapes = free_or_throw(file, draft, {.size = !keeps_size});
  std::unique_ptr<Detector> detector = std::make_unique<Detector>();
  DetectorMatch match = open_detector(runtime, file, std::move(draft), *detector);
  if (!keeps_size && shapes.size_is_free && !was_tried(file) && takes_rgb_image(*detector->session) &&
      !runs_at_another_size(*detector->session, shapes)) {
    match = open_detector(runtime, file, parse_or_throw(file, bytes), *detector);
    keeps_size = true;
  }
  if (!takes_rgb_image(*detector->session)) throw_wrong_kind(file, *detector->session, "face detector");
  if (match.kind == nullptr) throw_wrong_kind(file, *detector->session, "face detector that mien knows");
  if (file.row != nullptr && !file.row->decoder.empty() && file.row->decoder != match.kind->name) {
    throw Exception(ErrorCode::unsupported,
                    fmt::format("{} is a detector of another kind: its outputs are those of {}, "
                                "the catalogue says {}",
                                file.info.path, match.kind->name, file.row->decoder));
  }
  detector->kind = match.kind;
  detector->has_landmarks = match.landmarks;
  detector->score_threshold = options.score_threshold.value_or(match.kind->score_threshold);
  check_sizes(options.exact_sizes, *detector->kind);
  detector->exact_sizes = options.exact_sizes;
  const Shape& shape = detector->session->inputs().front().shape;
  if (shape[2] > 0) detector->fixed_height = static_cast<int>(shape[2]);
  if (shape[3] > 0) detector->fixed_width = static_cast<int>(shape[3]);
  if (options.keep_model) keep_detector_model(file, bytes, keeps_size, *detector);
  return detector;
}

std::unique_ptr<Embedder> load_embedder(const Runtime& runtime, const ModelFile& file, bool keep_model) {
  const std::vector<std::uint8_t> bytes = read_model(file);
  Draft draft = parse_or_throw(file, bytes);
  const ModelShapes shapes = free_or_throw(file, draft, {.batch = true});
  std::unique_ptr<Embedder> embedder = std::make_unique<Embedder>();
  // The model is kept before it is prepared for reduced precision, which a device does not use.
  if (keep_model) embedder->model = std::make_shared<const std::vector<std::uint8_t>>(draft.bytes());
  embedder->session = open_session(runtime, file, std::move(draft));
  const Session& session = *embedder->session;
  if (!takes_rgb_image(session) || session.outputs().size() != 1) throw_wrong_kind(file, session, "face embedder");
  const Shape& shape = session.inputs().front().shape;
  for (const std::int64_t side : {shape[2], shape[3]}) {
    if (side > 0 && side != kAlignedSide) {
      throw Exception(ErrorCode::unsupported,
                      fmt::format("{} wants faces of {}x{} pixels: mien feeds embedders {}x{}", file.info.path,
                                  shape[3], shape[2], kAlignedSide, kAlignedSide));
    }
  }
  if (!shapes.batch_is_free) {
    embedder->batch_max = 1;
  } else if (runtime.has_reduced_precision()) {
    embedder->batch_max = kReducedEmbedBatch;
  }
  embedder->feed = embedder_feed(file, shapes.facts);
  embedder->id = embedder_id(bytes, embedder->feed);
  if (was_tried(file)) {
    embedder->dimension = file.row->dimension;
    return embedder;
  }
  // Declared shapes were dropped when the batch was freed; one black face tells the length.
  const std::vector<float> black(std::size_t{3} * kAlignedSide * kAlignedSide);
  const TensorView input{black.data(), {1, 3, kAlignedSide, kAlignedSide}};
  const std::size_t dimension = session.run({&input, 1})[0].count();
  if (dimension < kEmbeddingDimensionMin || dimension > kEmbeddingDimensionMax) {
    throw Exception(ErrorCode::unsupported,
                    fmt::format("{} gives {} numbers a face, which is no embedding ({} to {})", file.info.path,
                                dimension, kEmbeddingDimensionMin, kEmbeddingDimensionMax));
  }
  if (file.row != nullptr && file.row->dimension != 0 && static_cast<std::size_t>(file.row->dimension) != dimension) {
    throw Exception(ErrorCode::unsupported, fmt::format("{} gives {} numbers a face, and the catalogue says {}",
                                                        file.info.path, dimension, file.row->dimension));
  }
  embedder->dimension = static_cast<int>(dimension);
  return embedder;
}

ProbedModel probe_model(const Settings& settings, const std::string& path) {
  const std::unique_ptr<Runtime> runtime = open_onnxruntime(settings);
  ModelFile file;
  file.info.path = path;
  file.info.role = "detector or embedder";
  const std::vector<std::uint8_t> bytes = read_model(file);
  const std::unique_ptr<Session> session = runtime->create_session(bytes, path);
  if (takes_rgb_image(*session)) {
    if (const DetectorKind* const kind = match_detector(*session).kind) {
      return {.role = "detector", .decoder = std::string(kind->name)};
    }
  }
  file.info.role = "embedder";
  return {.role = "embedder", .decoder = {}, .dimension = load_embedder(*runtime, file)->dimension};
}

bool gains_by_openvino(const ModelFile& file) {
  if (file.row != nullptr && file.row->gains_by_openvino) return *file.row->gains_by_openvino;
  constexpr std::size_t kLargeBytes = 3'000'000;
  constexpr std::string_view kUnfused = "PRelu";  // as it stands in the file
  const std::vector<std::uint8_t> bytes = read_model(file);
  const DetectorKind* const kind = file.row != nullptr ? find_detector_kind(file.row->decoder) : nullptr;
  const bool may_gain = kind == nullptr || kind->gains_by_openvino;
  if (file.info.role == "detector" && may_gain && bytes.size() >= kLargeBytes) return true;
  return std::search(bytes.begin(), bytes.end(), kUnfused.begin(), kUnfused.end()) != bytes.end();
}

void open_once(const Settings& settings, const ModelFile& file) {
  const std::unique_ptr<Runtime> runtime = open_onnxruntime(settings);
  if (file.info.role == "detector") {
    (void)load_detector(*runtime, file, {});
  } else {
    (void)load_embedder(*runtime, file);
  }
}

}  // namespace mien
