// Settings: what may be set from outside, its value, and where that value came from.
#pragma once

#include <array>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mien/export.h"
#include "mien/result.h"

namespace mien {

// The values of the flag that moves an operation to the GPU: false; true: offered to the GPU first, and the CPU takes
// over where that fails or takes longer; require: no fallback; auto (where_it_pays): like true, but the CPU keeps what
// it does faster, and jobs of a few images.
enum class GpuMode { off, on, require, where_it_pays };

// The work on images that may be moved to a GPU.
enum class Operation : std::size_t {
  face_detection,
  face_embedding,
  image_processing,
  image_enhancement,
  quality_checks,
};

struct OperationRow {
  Operation operation;
  std::string_view name;
  std::string_view owns;  // what its setting moves to the GPU
};

// The table of operations: settings, `mien bench`, `mien devices`, placement and the documentation are derived from it.
inline constexpr OperationRow kOperations[] = {
    {Operation::face_detection, "face_detection", "normalise, detector"},
    {Operation::face_embedding, "face_embedding", "normalise, embedder"},
    {Operation::image_processing, "image_processing", "resampling of thumbnails"},
    {Operation::image_enhancement, "image_enhancement", "upscale, contrast, sharpness, unsharp"},
    {Operation::quality_checks, "quality_checks", "blur, brightness, contrast, sharpness"},
};
inline constexpr std::size_t kOperationCount = std::size(kOperations);

// Its place in the table.
constexpr std::size_t index_of(Operation operation) { return static_cast<std::size_t>(operation); }
constexpr std::string_view operation_name(Operation operation) { return kOperations[index_of(operation)].name; }
// Nothing when no operation has this name.
MIEN_API std::optional<Operation> find_operation(std::string_view name);
// The setting that moves it to the GPU: its name in capitals and "_GPU".
MIEN_API std::string gpu_setting(Operation operation);

// "cuda", ...: the table of src/backends/backend.cpp in its order, the CPU last.
MIEN_API std::vector<std::string_view> backend_names();

// exact: SCRFD and ArcFace as InsightFace runs them. standard ("default"): rectangles instead of squares, small images
// at their own size, a second pass for faces that fill the image, tiles for panoramas. fast: reduced precision,
// bf16.
enum class Precision { exact, standard, fast };

// How closely a photo is looked at beyond the first pass. automatic ("auto"): where that pass shows that people are
// small; full: everywhere, down to the pixels of the source.
enum class Detail { automatic, off, full };
// "auto", "off", "full": the words of settings, records, C and Python.
MIEN_API std::string_view detail_name(Detail detail);
// Nothing when no detail has this name.
MIEN_API std::optional<Detail> find_detail(std::string_view name);

// How a setting's value is to be read. gpu_mode is a flag that may be "auto" or "require" too.
enum class SettingKind { flag, gpu_mode, number, choice, path, text };

// One setting as it stands.
struct SettingValue {
  std::string name;     // upper case: GPU_BATCH_SIZE
  std::string value;    // normalised: "true", "32", "auto"
  std::string source;   // "default", "environment GPU_BATCH_SIZE", ".env line 3", "--batch"
  std::string help;     // one line
  std::string allowed;  // "auto, false, true or require"
  SettingKind kind = SettingKind::choice;
};

struct MIEN_API Settings {
  bool all_gpu = false;
  bool all_gpu_where_it_pays = false;                    // ALL_GPU=auto; all_gpu wins
  std::array<GpuMode, kOperationCount> operation_gpu{};  // each flag as set, without all_gpu; by index_of()
  std::string gpu_backend = "auto";
  int gpu_device_id = 0;
  double gpu_memory_limit_gb = 8;
  int gpu_batch_size = 32;
  double gpu_time_limit_s = 30;          // for a batch; a device that takes longer is not asked again
  std::string cudnn_search = "default";  // how CUDA's provider looks for each convolution's kernel
  std::string log_level = "INFO";
  std::string runtime = "auto";
  int threads = 0;                            // of a scan that analyse; 0: one a core
  Precision precision = Precision::standard;  // of the commands; an Engine is told by its own options
  Detail detail = Detail::automatic;          // likewise of the commands
  bool allow_software_gpu = false;
  bool sandbox = false;          // decode images in child processes without rights
  std::string decoder;           // mien-decoder for that; empty: the default places
  std::string model_dir;         // empty: the default places
  std::string catalog;           // a catalogue of models beside the built-in one and the user's; empty: none
  std::string ort_library;       // empty: the default places
  std::string openvino_library;  // likewise
  std::string test_device;       // a library that plays a GPU; refused by builds without tests
  std::string backend_dir;       // folder of the GPU backends' libraries; empty: the default places
  // ---- Of `mien serve`
  std::string listen = "127.0.0.1:8765";  // ADDRESS:PORT
  std::string key_file;                   // empty: the default place
  std::string hosts;                      // names besides localhost that Host may have on loopback, by comma
  std::string immich;                     // NAME=DET+REC, by comma: what a client's modelName stands for
  std::string immich_from;                // networks (CIDR) that need no key for Immich's calls, by comma
  std::string upstream;                   // http://HOST:PORT that answers Immich's other tasks; empty: nobody
  int queue = 256;                        // images that wait at most
  int queue_mb = 512;                     // of bodies that wait at most
  int body_mb = 64;                       // of one image
  int batch_delay_ms = 2;                 // that a device's batch waits for more images while the device is idle
  int drain_seconds = 30;                 // for what was accepted when it is told to end
  std::string log_format = "text";        // text or json
  bool no_sandbox = false;                // decode in this process although others than this computer may send images
  std::string serve_store;                // the index of photos whose people the service shows; empty: none
  bool nextcloud = false;                 // answers Nextcloud's Face Recognition
  std::string nextcloud_threshold;        // cosine at which its distance is 0.4; empty: the embedder's for searching
  bool crawler = false;                   // answers the worker's calls of the crawlers
  bool crawler_embeddings = false;        // and gives them embeddings
  std::vector<SettingValue> values;       // all of the above, for `mien config`
  std::vector<std::string> warnings;      // for example an unknown LOG_LEVEL, which other programs use too

  // Returns what is asked for this operation: its own flag, or where that is false ALL_GPU.
  GpuMode gpu_mode(Operation operation) const;
  bool is_gpu_enabled_for_operation(std::string_view name) const;
  bool wants_gpu() const;  // for any operation
};

// Where settings are read from. Tests replace it; the default reads the process and its files.
struct SettingsSources {
  std::function<std::vector<std::pair<std::string, std::string>>()> environment;
  std::string dotenv_path = ".env";
  std::string user_path;  // empty: $XDG_CONFIG_HOME/mien/env or ~/.config/mien/env
  // Command-line flags: setting name, value, and the flag as typed. They win over everything.
  struct Override {
    std::string name;
    std::string value;
    std::string flag;
  };
  std::vector<Override> overrides;
};

// Precedence: overrides, environment (MIEN_NAME before NAME), .env, the user's file, default. Names are
// case-insensitive. Throws Exception(invalid_argument) that names the variable, the value and what is allowed.
MIEN_API Settings load_settings(const SettingsSources& sources = {});

}  // namespace mien
