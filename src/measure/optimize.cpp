#include "measure/optimize.h"
#include "base/processor.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "backends/backend.h"
#include "base/cancel.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "device/onnx_file.h"
#include "image/orientation.h"
#include "measure/bench_images.h"
#include "measure/tune_drift.h"
#include "mien/tools/tune.h"
#include "models/calibrate.h"
#include "models/equalize.h"
#include "models/int8_file.h"
#include "models/local_catalog.h"
#include "models/shapes.h"
#include "models/split_heads.h"
#include "pipeline/passes.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPhotosMax = 400;
constexpr std::size_t kPhotosCalibratedMax = 100;
constexpr std::size_t kPhotosTimedMax = 16;
constexpr int kLooks = 3;  // at a photo, when time is measured

// An engine whose detector is the float one, as `default` runs it: by ONNX Runtime, which is what runs the int8 one.
EngineOptions float_engine(const Settings& settings, const std::string& name, const OptimizeOptions& options) {
  EngineOptions engine;
  engine.detector = name;
  engine.embedder = options.embedder;
  engine.settings = settings;
  engine.settings.runtime = "onnxruntime";
  engine.settings.all_gpu = false;
  engine.settings.operation_gpu.fill(GpuMode::off);
  return engine;
}

void refuse_embedder(const Settings& settings, const std::string& name) {
  const Catalog catalog = load_catalog(settings).take();
  const CatalogRow* const row = catalog.find_row(name);
  if (row == nullptr || row->role != "embedder") return;
  throw Exception(
      ErrorCode::invalid_argument,
      fmt::format("{} is an embedder, and those stay in float: in 8 bits their embeddings are others. Name a "
                  "detector: 'mien models list' lists them",
                  name));
}

class Optimization {
 public:
  Optimization(const Settings& settings, const std::string& name, const OptimizeOptions& options,
               const OptimizeMeans& means)
      : options_(options), means_(means), engine_(float_engine(settings, name, options)) {
    folder_ = photo_folder(options.images_dir);
    for (fs::path& path : list_photos(folder_)) {
      if (photos_.size() < kPhotosMax) photos_.push_back(std::move(path));
    }
  }

  OptimizeResult run() {
    const Settings& settings = engine_.options().settings;
    const ModelFile& file = engine_.state().detector_file;
    result_.model = file.info;
    std::vector<std::uint8_t> bytes = read_file(file.info.path, kModelBytesMax).take();
    const std::string float_sha256 = sha256_hex(sha256(bytes));
    onnx::ModelProto model = parse_model(bytes).take();
    make_weights_constant(model);
    (void)free_shapes(model, {.size = true}).take();
    const ValueRanges ranges = equalize_and_calibrate(model);
    Result<int> count = quantize_model(model, ranges);
    if (!count) {
      throw Exception(count.error().code,
                      fmt::format("{} cannot be run in 8 bits: {}", file.info.path, count.error().message));
    }
    result_.convolutions = *count;
    bytes = serialize(model);
    compare(*load_detector(*engine_.state().detector_runtime, file, {.bytes = bytes}));
    result_.refusal = judge_int8(result_, options_.any_speed);
    if (!result_.refusal.empty()) return result_;
    const Int8Origin origin{float_sha256, read_processor().name, sentence()};
    const std::string folder = own_model_folder(settings);
    std::error_code ignored;
    fs::create_directories(folder, ignored);
    result_.path = (fs::path(folder) / int8_file_name(file)).string();
    write_private_file(result_.path, write_int8_file(std::move(model), origin));
    return result_;
  }

 private:
  const Detector& float_detector() const { return *engine_.state().detector; }

  // Every other photo is for calibration, and drift is measured on the others: on photos that scales were taken from
  // everything fits (SCRFD-2.5G on the sample photos: a mean cosine of 0.9988, and 0.9663 on others). Those that cannot
  // be decoded are left out.
  template <typename Look>
  void for_photos(const char* what, bool is_calibration, Look look) {
    for (std::size_t i = 0; i < photos_.size(); ++i) {
      throw_if_stopped(options_.stop);
      if ((i % 2 == 0) != is_calibration) continue;
      if (options_.on_progress) options_.on_progress({what, i, photos_.size()});
      const Result<std::vector<std::uint8_t>> bytes =
          read_file(photos_[i].string(), engine_.options().limits.bytes_max);
      DecodedImage decoded;
      Image turned;
      if (!bytes || !decode_image(*bytes, decode_options(engine_.input()), decoded)) continue;
      look(upright_view(decoded.pixels, decoded.orientation, turned, options_.stop));
    }
  }

  Detection detect(const Detector& detector, ImageView photo) {
    return detect_faces(detector, Precision::standard, photo, scratch_, options_.stop);
  }

  // The model's values on photos, by the looks that `default` takes at them.
  ValueRanges watch(onnx::ModelProto model) {
    const std::vector<std::string> values = find_quantized_values(model.graph());
    std::optional<DetectorHeads> heads = split_heads(model);
    ValueRanges ranges;
    Detector watched =
        with_session(float_detector(), open_calibrating_session(*engine_.state().detector_runtime, std::move(model),
                                                                values, result_.model.path, ranges));
    watched.heads = heads ? std::make_shared<const DetectorHeads>(std::move(*heads)) : nullptr;
    result_.photos_calibrated = 0;
    for_photos("calibration", true, [&](ImageView photo) {
      if (static_cast<std::size_t>(result_.photos_calibrated) >= kPhotosCalibratedMax) return;
      (void)detect(watched, photo);
      ++result_.photos_calibrated;
    });
    return ranges;
  }

  // Twice, because equalising changes what there is to see.
  ValueRanges equalize_and_calibrate(onnx::ModelProto& model) {
    (void)equalize_channels(*model.mutable_graph(), watch(model));
    ValueRanges ranges = watch(model);
    if (means_.change_ranges) means_.change_ranges(ranges);
    return ranges;
  }

  std::vector<Face> embed(ImageView photo, const std::vector<Candidate>& found) {
    const Embedder& embedder = *engine_.state().embedder;
    std::vector<Face> faces;
    aligned_.clear();
    for (const Candidate& candidate : found) {
      const std::optional<Similarity> similarity = estimate_alignment(candidate.landmarks);
      if (!similarity) continue;
      warp_aligned_into(photo, *similarity, embedder.feed, aligned_.add());
      Face& face = faces.emplace_back();
      face.bbox = candidate.box;
      face.det_score = candidate.score;
    }
    std::vector<std::vector<float>> embeddings = embed_faces(embedder, aligned_, options_.stop);
    for (std::size_t i = 0; i < faces.size(); ++i) faces[i].embedding = std::move(embeddings[i]);
    return faces;
  }

  // In turns, so that what else the machine does hits both; the least of each counts.
  void take_time(const Detector& int8, ImageView photo) {
    double least[2] = {0, 0};
    for (int look = 0; look < kLooks; ++look) {
      for (const int which : {0, 1}) {
        const double start = means_.clock_ms();
        (void)detect(which == 0 ? float_detector() : int8, photo);
        const double ms = means_.clock_ms() - start;
        least[which] = look == 0 ? ms : std::min(least[which], ms);
      }
    }
    result_.float_ms += least[0];
    result_.int8_ms += least[1];
  }

  void compare(const Detector& int8) {
    FacesOfPhotos standard;
    FacesOfPhotos other;
    int timed = 0;
    for_photos("drift", false, [&](ImageView photo) {
      standard.push_back(embed(photo, detect(float_detector(), photo).faces));
      other.push_back(embed(photo, detect(int8, photo).faces));
      if (standard.back().empty() || static_cast<std::size_t>(timed) >= kPhotosTimedMax) return;
      take_time(int8, photo);
      ++timed;
    });
    result_.photos_compared = static_cast<int>(standard.size());
    const Drift drift = measure_drift(standard, other);
    if (drift.sure == 0) {
      throw Exception(
          ErrorCode::not_found,
          fmt::format("no face in the photos of {} on which drift is measured (every other one): name another "
                      "folder by --images DIR",
                      folder_));
    }
    result_.sure_faces = drift.sure;
    result_.missed = drift.missed;
    result_.faces = drift.faces;
    result_.overlap_mean = drift.overlap_mean;
    result_.cosine_mean = drift.cosine_mean;
    result_.cosine_low = drift.cosine_low;
    result_.float_ms /= std::max(1, timed);
    result_.int8_ms /= std::max(1, timed);
  }

  std::string sentence() const {
    return fmt::format(
        "{} of {} faces missed, cosine {:.4f} in the mean, 5th percentile {:.4f}, {:.1f} ms in place of "
        "{:.1f} a photo",
        result_.missed, result_.sure_faces, result_.cosine_mean, result_.cosine_low, result_.int8_ms, result_.float_ms);
  }

  const OptimizeOptions& options_;
  const OptimizeMeans& means_;
  const Engine engine_;
  std::string folder_;
  std::vector<fs::path> photos_;
  DetectScratch scratch_;
  AlignedFaces aligned_;
  OptimizeResult result_;
};

}  // namespace

std::string judge_int8(const OptimizeResult& figures, bool any_speed) {
  if (figures.sure_faces < kOptimizeFacesMin) {
    return fmt::format(
        "{} faces are too few to tell how far it drifts: name a folder of photos with {} or more by "
        "--images DIR",
        figures.sure_faces, kOptimizeFacesMin);
  }
  if (figures.missed * kOptimizeFacesPerMiss > figures.sure_faces) {
    return fmt::format("it misses {} of {} faces, more than one in {}", figures.missed, figures.sure_faces,
                       kOptimizeFacesPerMiss);
  }
  if (figures.cosine_mean < kDriftMeanMin || figures.cosine_low < kDriftLowMin) {
    return fmt::format(
        "embeddings drift: cosine {:.4f} in the mean and 5th percentile {:.4f}, and {} and {} are allowed",
        figures.cosine_mean, figures.cosine_low, kDriftMeanMin, kDriftLowMin);
  }
  if (!any_speed && figures.int8_ms > figures.float_ms * (1 - kGainPercentMin / 100)) {
    return fmt::format("it takes {:.1f} ms a photo, {:.1f} in float: no gain of {:.0f} %", figures.int8_ms,
                       figures.float_ms, kGainPercentMin);
  }
  return "";
}

OptimizeResult optimize_model(const Settings& settings, const std::string& name, const OptimizeOptions& options,
                              const OptimizeMeans& means) {
  refuse_embedder(settings, name);
  return Optimization(settings, name, options, means).run();
}

OptimizeResult optimize_model(const Settings& settings, const std::string& name, const OptimizeOptions& options) {
  return optimize_model(settings, name, options, {});
}

}  // namespace mien
