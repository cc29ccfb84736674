// The engine: made once, shared by threads, turns the bytes of an image into faces.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "mien/device.h"
#include "mien/export.h"
#include "mien/face.h"
#include "mien/image.h"
#include "mien/result.h"
#include "mien/settings.h"

namespace mien {

// The limits of decoding one image. Beyond a limit: Error limit_exceeded, which names it.
struct ImageLimits {
  std::size_t bytes_max = std::size_t{256} << 20;  // of the file
  std::int64_t pixels_max = 200'000'000;
  int side_max = 65'000;
  std::size_t memory_bytes_max = std::size_t{1} << 30;  // of the pixels and what the codec needs beside them
  int frames_max = 10'000;                              // frames, pages or items that are walked past
  double seconds_max = 30;                              // of decoding; looked at wherever a codec lets us
};

class DeviceStages;  // a GPU that operations ask for; the library's own

// How an image is read: within which limits, and by whom.
struct InputOptions {
  ImageLimits limits;
  std::string decoder;  // path of mien-decoder, which then decodes in child processes; empty: this process does
  // The stages that work on the pixels where a GPU is asked for; null: the CPU. open_input sets it.
  std::shared_ptr<DeviceStages> device = {};
  // Called with each warning of decoding by the operations below whose results have no place for it.
  std::function<void(const std::string& warning)> on_warning = {};
};

// For these limits, with a sandbox when it is asked for or MIEN_SANDBOX is set, and with the GPU that the settings ask
// for. Throws Exception(unsupported) when the sandbox cannot be had here: never without it in silence; and
// Exception(unavailable) when a GPU is required and there is none.
MIEN_API InputOptions open_input(const ImageLimits& limits, bool sandbox, const Settings& settings);
// Where the operations below ran that were called with these options: one an operation that a GPU was asked for.
MIEN_API std::vector<Placement> input_placement(const InputOptions& input);

// A detector's input: the image is scaled until it fits inside and lies at the top left.
struct DetectSize {
  int width = 640;
  int height = 640;
};

struct EngineOptions {
  std::string detector;  // a name from the catalogue or a path of an ONNX file; empty: the default
  std::string embedder;  // likewise
  Precision precision = Precision::standard;
  bool load_embedder = true;
  std::optional<float> det_threshold;  // 0..1; empty: the model's own
  // exact alone: the sizes in which the detector looks at the whole image; what several find is merged. Empty: 640x640.
  // A detector of one size keeps its own.
  std::vector<DetectSize> exact_sizes;
  ImageLimits limits;
  bool sandbox = false;  // decode in child processes without rights, so that a codec's defect cannot hurt this one
  // Hundreds of images or more are to come: then each model gets the runtime that computes it faster, where another
  // starts faster. It is the same for all of them. MIEN_RUNTIME decides otherwise. Where the GPU is asked for as it
  // pays (GpuMode::where_it_pays), models go there only then: planning for a few images takes longer than those do.
  bool many_images = false;
  Settings settings;
};

struct AnalyzeOptions {
  bool embed = true;
  bool face_quality = true;
  bool image_quality = false;
  bool phash = false;
  bool enhance = false;               // enlarge and sharpen small images first (see enhance_image)
  bool rotations = false;             // look at the image rotated by 90, 180 and 270 degrees too, and keep the best
  Detail detail = Detail::automatic;  // Precision::exact knows off alone
  std::optional<float> det_threshold = {};  // 0..1; empty: the engine's. No model is opened again, whatever it is
  double min_quality = 0;                   // faces with a lower overall_score are dropped; 0 keeps all
  double min_face = 0;  // faces whose longer side has fewer pixels of the original are dropped; 0 keeps all
  // Asked often: decoding, inference and what lies between end within 100 ms, with Error cancelled. A run of
  // OpenVINO's or of a device's comes to its end first.
  std::stop_token stop = {};
};

// What one of the engine's devices holds, and which operations it is not asked for at the moment.
struct DeviceStatus {
  Device device;
  std::int64_t held_bytes = 0;                       // by this engine
  std::int64_t ceiling_bytes = 0;                    // the most that it may hold; 0: no ceiling
  std::array<bool, kOperationCount> breaker_open{};  // by index_of(): it failed, and the CPU takes its place
  std::int64_t batches = 0;                          // that it has run
  std::int64_t batch_images = 0;                     // in them
};

struct ModelInfo {
  std::string name;  // catalogue name, or the file's name
  std::string path;
  std::string sha256;
  std::string licence;
  std::string role;                       // "detector" or "embedder"
  std::string id;                         // ModelNames::embedder_id; empty for a detector, and before it is opened
  int dimension = 0;                      // of an embedding
  std::optional<float> threshold_verify;  // cosine at a false match rate of 1e-3
  std::optional<float> threshold_search;  // cosine at a false match rate of 1e-5
  std::optional<double> rate_verify;      // false match rate that the threshold stands for; empty: not measured
  std::optional<double> rate_search;
  // The highest rates at these thresholds that were measured for any kind of poor photo, of pairs with a face above
  // kRecognitionFloor; empty: not measured.
  std::optional<double> rate_verify_max;
  std::optional<double> rate_search_max;
  std::string threshold_source;  // what they were measured on, or why there is none
};

// Memory that one thread uses again from image to image. Make one a thread; it must not be shared.
class MIEN_API Workspace {
 public:
  Workspace();
  ~Workspace();
  Workspace(Workspace&&) noexcept;
  Workspace& operator=(Workspace&&) noexcept;
  struct State;
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

// How many of a batch's images are looked at, and of how many. Called on the thread of the call, between two images;
// what it throws ends the call.
using BatchProgress = std::function<void(std::size_t done, std::size_t total)>;

// docs/api.md has a table of which call throws what.
class MIEN_API Engine {
 public:
  // Loads the runtime and the models. Throws Exception: not_found (model, runtime), bad_data (not a model),
  // unsupported (a model without landmarks), unavailable (a required GPU).
  explicit Engine(EngineOptions options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // The bytes of an image file. Safe to call from many threads, each with its own Workspace.
  Result<Analysis> analyze(Bytes encoded, const AnalyzeOptions& options, Workspace& workspace) const;
  Result<Analysis> analyze(Bytes encoded, const AnalyzeOptions& options = {}) const;
  // Pixels in memory. RGB, BGR and gray are not copied. Errors: invalid_argument names what is wrong with them.
  Result<Analysis> analyze_pixels(const PixelView& pixels, const AnalyzeOptions& options, Workspace& workspace) const;
  Result<Analysis> analyze_pixels(const PixelView& pixels, const AnalyzeOptions& options = {}) const;
  // Several images at once: their faces share embedding batches. One result an image, in order; the same results
  // as one by one.
  std::vector<Result<Analysis>> analyze_batch(std::span<const Bytes> images, const AnalyzeOptions& options,
                                              Workspace& workspace, const BatchProgress& progress = {}) const;

  // Faces that are cut out and upright already (see align_face); other sizes than 112x112 are scaled to it. One
  // embedding a face, as the model gives it. Errors: invalid_argument, cancelled.
  Result<std::vector<std::vector<float>>> embed_aligned(std::span<const PixelView> faces,
                                                        const std::stop_token& stop = {}) const;

  const ModelInfo& detector() const;
  const ModelInfo* embedder() const;  // null when it was not loaded
  const EngineOptions& options() const;
  const InputOptions& input() const;  // as the engine decodes, for the operations below
  // "onnxruntime 1.31.1", "openvino 2026.4.1 bf16", or where they differ "... (detector), ... (embedder)".
  std::string runtime() const;
  // Why Precision::fast computes like standard here; empty where it does not, or was not asked for.
  const std::string& why_not_fast() const;
  // The GPUs that operations run on; none where no operation does. It asks the drivers and takes milliseconds.
  std::vector<DeviceStatus> device_status() const;
  // Images that analyze_batch takes to a device at once: GPU_BATCH_SIZE where one is used, else 1.
  int batch_max() const;

  struct State;
  const State& state() const { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

// Operations of their own, without models. All take encoded bytes; orientation is applied unless said otherwise.
struct EnhancedImage {
  std::vector<std::uint8_t> bytes;  // JPEG quality 95, or the input untouched when it was large enough
  double scale = 1.0;               // of the upscale
};
MIEN_API Result<EnhancedImage> enhance_image(Bytes encoded, const InputOptions& input = {});
// The box grown by `margin` of its size on each side and clipped, as a JPEG of quality 95.
MIEN_API Result<std::vector<std::uint8_t>> crop_face(Bytes encoded, Box bbox, double margin = 0.2,
                                                     const InputOptions& input = {});
// The face rotated upright and scaled as embedders want it, in a square of `side` pixels (a multiple of 112 or 128),
// black outside the image; colours in the order of `pixels`. Errors: invalid_argument (also for landmarks in a point).
MIEN_API Result<Image> align_face(const PixelView& pixels, const Landmarks& landmarks, int side = 112);
// Fits inside width x height, keeps the aspect ratio, never enlarges; JPEG of quality 85.
MIEN_API Result<std::vector<std::uint8_t>> create_thumbnail(Bytes encoded, int width = 150, int height = 150,
                                                            const InputOptions& input = {});
// The 64-bit DCT hash as 16 hex digits, of the pixels as stored (orientation not applied), equal to imagehash.phash.
MIEN_API Result<std::string> compute_phash(Bytes encoded, const InputOptions& input = {});
struct ImageQuality {
  int width = 0;  // of what was measured
  int height = 0;
  Quality quality;
};
MIEN_API Result<ImageQuality> assess_quality(Bytes encoded, const InputOptions& input = {});
// Assesses the whole picture, or the box (in pixels of the upright one) clipped to it: all zero when it lies outside.
MIEN_API Result<ImageQuality> assess_quality(const PixelView& pixels, const Box* bbox = nullptr,
                                             const Landmarks* landmarks = nullptr, const InputOptions& input = {});

}  // namespace mien
