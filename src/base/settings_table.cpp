#include "base/settings_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "base/text.h"

namespace mien {

namespace {

std::optional<bool> parse_bool(std::string_view value) {
  const std::string text = lower(value);
  if (text == "true" || text == "1" || text == "yes" || text == "on") return true;
  if (text == "false" || text == "0" || text == "no" || text == "off") return false;
  return std::nullopt;
}

std::string show(bool value) { return value ? "true" : "false"; }

std::optional<int> parse_int(std::string_view value, int low, int high) {
  int number = 0;
  const char* const end = value.data() + value.size();
  const std::from_chars_result result = std::from_chars(value.data(), end, number);
  if (result.ec != std::errc() || result.ptr != end || number < low || number > high) {
    return std::nullopt;
  }
  return number;
}

SettingRow bool_row(std::string name, bool Settings::*field, std::string help) {
  return {.name = std::move(name),
          .standard = "false",
          .help = std::move(help),
          .allowed = "true or false",
          .kind = SettingKind::flag,
          .set = [field](Settings& settings, std::string_view value) -> std::optional<std::string> {
            const std::optional<bool> flag = parse_bool(value);
            if (!flag) return std::nullopt;
            settings.*field = *flag;
            return show(*flag);
          }};
}

constexpr std::string_view kWhereItPays = "auto";

SettingRow all_gpu_row() {
  return {.name = "ALL_GPU",
          .standard = "false",
          .help = "every operation on the GPU (auto: where it pays)",
          .allowed = "auto, true or false",
          .kind = SettingKind::gpu_mode,
          .set = [](Settings& settings, std::string_view value) -> std::optional<std::string> {
            settings.all_gpu_where_it_pays = lower(value) == kWhereItPays;
            const std::optional<bool> flag = settings.all_gpu_where_it_pays ? false : parse_bool(value);
            if (!flag) return std::nullopt;
            settings.all_gpu = *flag;
            return settings.all_gpu_where_it_pays ? std::string(kWhereItPays) : show(*flag);
          }};
}

SettingRow operation_row(Operation operation) {
  return {.name = gpu_setting(operation),
          .standard = "false",
          .help = fmt::format("{} on the GPU (auto: where it pays; require: or not at all)", operation_name(operation)),
          .allowed = "auto, false, true or require",
          .kind = SettingKind::gpu_mode,
          .set = [operation](Settings& settings, std::string_view value) -> std::optional<std::string> {
            GpuMode& mode = settings.operation_gpu[index_of(operation)];
            if (lower(value) == "require") {
              mode = GpuMode::require;
              return "require";
            }
            if (lower(value) == kWhereItPays) {
              mode = GpuMode::where_it_pays;
              return std::string(kWhereItPays);
            }
            const std::optional<bool> flag = parse_bool(value);
            if (!flag) return std::nullopt;
            mode = *flag ? GpuMode::on : GpuMode::off;
            return show(*flag);
          }};
}

// The first choice is the default.
SettingRow choice_row(const std::string& name, const std::vector<std::string_view>& choices,
                      std::string Settings::*field, const std::string& help) {
  return {.name = name,
          .standard = std::string(choices.front()),
          .help = help,
          .allowed = fmt::format("one of {}", fmt::join(choices, ", ")),
          .set = [choices, field](Settings& settings, std::string_view value) -> std::optional<std::string> {
            const std::string text = lower(value);
            if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
              return std::nullopt;
            }
            settings.*field = text;
            return text;
          }};
}

struct IntRange {
  int low;
  int high;
};

SettingRow int_row(std::string name, int standard, IntRange range, int Settings::*field, std::string help) {
  const bool bounded = range.high != std::numeric_limits<int>::max();
  return {.name = std::move(name),
          .standard = std::to_string(standard),
          .help = std::move(help),
          .allowed = bounded ? fmt::format("a whole number from {} to {}", range.low, range.high)
                             : fmt::format("a whole number, {} or more", range.low),
          .kind = SettingKind::number,
          .set = [range, field](Settings& settings, std::string_view value) -> std::optional<std::string> {
            const std::optional<int> number = parse_int(value, range.low, range.high);
            if (!number) return std::nullopt;
            settings.*field = *number;
            return std::to_string(*number);
          }};
}

SettingRow path_row(std::string name, std::string Settings::*field, std::string help) {
  return {.name = std::move(name),
          .standard = "",
          .help = std::move(help),
          .allowed = "a path",
          .kind = SettingKind::path,
          .set = [field](Settings& settings, std::string_view value) -> std::optional<std::string> {
            settings.*field = value;
            return std::string(value);
          }};
}

SettingRow code_row(std::string name, std::string Settings::*field, std::string help) {
  SettingRow row = path_row(std::move(name), field, std::move(help));
  row.needs_trust = true;
  return row;
}

struct TextRow {
  std::string name;
  std::string standard;
  std::string Settings::*field;
  std::string help;
  std::string allowed;  // completes "use ..."; who uses it says what is wrong with it
  bool needs_trust = false;
};

SettingRow text_row(const TextRow& row) {
  return {.name = row.name,
          .standard = row.standard,
          .help = row.help,
          .allowed = row.allowed,
          .kind = SettingKind::text,
          .set = [field = row.field](Settings& settings, std::string_view value) -> std::optional<std::string> {
            settings.*field = value;
            return std::string(value);
          },
          .needs_trust = row.needs_trust};
}

// Decimal numbers above 0 and up to `most`.
struct DecimalRow {
  std::string name;
  std::string standard;
  double most;
  double Settings::*field;
  std::string help;
};

SettingRow decimal_row(const DecimalRow& row) {
  const auto set = [most = row.most, field = row.field](Settings& settings,
                                                        std::string_view value) -> std::optional<std::string> {
    double number = 0;
    const char* const end = value.data() + value.size();
    const std::from_chars_result result = std::from_chars(value.data(), end, number, std::chars_format::fixed);
    // The comparison is written so that "nan" fails it.
    const bool in_range = number > 0 && number <= most;
    if (result.ec != std::errc() || result.ptr != end || !in_range) return std::nullopt;
    settings.*field = number;
    return fmt::format("{}", number);
  };
  return {.name = row.name,
          .standard = row.standard,
          .help = row.help,
          .allowed = fmt::format("a decimal number above 0 and up to {:.0f}", row.most),
          .kind = SettingKind::number,
          .set = set};
}

SettingRow log_level_row() {
  const auto set = [](Settings& settings, std::string_view value) -> std::optional<std::string> {
    std::string text = upper(value);
    if (text == "WARN") text = "WARNING";
    if (text != "DEBUG" && text != "INFO" && text != "WARNING" && text != "ERROR") {
      return std::nullopt;
    }
    settings.log_level = text;
    return text;
  };
  return {.name = "LOG_LEVEL",
          .standard = "INFO",
          .help = "which log lines are shown",
          .allowed = "one of DEBUG, INFO, WARNING, ERROR",
          .set = set,
          .warn_only = true};
}

SettingRow debug_row() {
  const auto set = [](Settings& settings, std::string_view value) -> std::optional<std::string> {
    const std::optional<bool> flag = parse_bool(value);
    if (!flag) return std::nullopt;
    if (*flag) settings.log_level = "DEBUG";
    return show(*flag);
  };
  return {.name = "DEBUG",
          .standard = "false",
          .help = "true means LOG_LEVEL=DEBUG",
          .allowed = "true or false",
          .kind = SettingKind::flag,
          .set = set,
          .warn_only = true};
}

SettingRow precision_row() {
  const auto set = [](Settings& settings, std::string_view value) -> std::optional<std::string> {
    const std::string text = lower(value);
    if (text != "exact" && text != "default" && text != "fast") return std::nullopt;
    settings.precision = text == "exact" ? Precision::exact : text == "fast" ? Precision::fast : Precision::standard;
    return text;
  };
  return {.name = "MIEN_PRECISION",
          .standard = "default",
          .help = "how models are run by the commands: exact as InsightFace does, default, or fast",
          .allowed = "one of exact, default, fast",
          .set = set};
}

SettingRow detail_row() {
  const auto set = [](Settings& settings, std::string_view value) -> std::optional<std::string> {
    const std::optional<Detail> detail = find_detail(lower(value));
    if (!detail) return std::nullopt;
    settings.detail = *detail;
    return std::string(detail_name(*detail));
  };
  return {.name = "MIEN_DETAIL",
          .standard = "auto",
          .help = "how closely the commands look at photos: auto (again where people are small), off, or full",
          .allowed = "one of auto, off, full",
          .set = set};
}

// What `mien serve` asks for besides the rest.
void add_service_rows(std::vector<SettingRow>& rows) {
  rows.push_back(text_row(
      {"MIEN_LISTEN", "127.0.0.1:8765", &Settings::listen, "where 'mien serve' listens", "ADDRESS:PORT", true}));
  rows.push_back(code_row("MIEN_KEY_FILE", &Settings::key_file,
                          "file of the keys that 'mien keys' makes (empty: the standard place)"));
  rows.push_back(text_row({"MIEN_HOST", "", &Settings::hosts,
                           "names besides localhost by which the service on this computer is called",
                           "names, separated by commas"}));
  rows.push_back(text_row({"MIEN_IMMICH", "", &Settings::immich,
                           "the models that Immich's model names stand for: buffalo_l=centerface+fr_feature",
                           "NAME=DETECTOR+EMBEDDER, separated by commas"}));
  rows.push_back(text_row({"MIEN_IMMICH_FROM", "", &Settings::immich_from,
                           "networks that need no key for Immich's calls: 192.168.1.0/24",
                           "addresses with the length of their prefix, separated by commas", true}));
  rows.push_back(text_row({"MIEN_UPSTREAM", "", &Settings::upstream,
                           "the service that answers Immich's other tasks (empty: none)", "http://HOST:PORT", true}));
  rows.push_back(int_row("MIEN_QUEUE", 256, {1, kQueueImagesMax}, &Settings::queue,
                         "images that may wait in the service; more are refused"));
  rows.push_back(int_row("MIEN_QUEUE_MB", 512, {1, kServiceMbMax}, &Settings::queue_mb,
                         "MB of images that may wait in the service (1 MB = 2^20 bytes)"));
  rows.push_back(int_row("MIEN_BODY_MB", 64, {1, kServiceMbMax}, &Settings::body_mb,
                         "MB that one image sent to the service may have"));
  rows.push_back(int_row("MIEN_BATCH_DELAY_MS", 2, {0, kServiceMsMax}, &Settings::batch_delay_ms,
                         "milliseconds that a batch waits for more images of the service while the GPU is idle"));
  rows.push_back(int_row("MIEN_DRAIN_SECONDS", 30, {0, kServiceSecondsMax}, &Settings::drain_seconds,
                         "seconds in which the service answers what it accepted, once it is told to end"));
  rows.push_back(
      choice_row("MIEN_LOG_FORMAT", {"text", "json"}, &Settings::log_format, "the form of the service's log lines"));
  SettingRow sandbox = bool_row("MIEN_NO_SANDBOX", &Settings::no_sandbox,
                                "the service decodes without a sandbox although others may send images");
  sandbox.needs_trust = true;
  rows.push_back(std::move(sandbox));
  rows.push_back(code_row("MIEN_SERVE_STORE", &Settings::serve_store,
                          "the index of photos whose people the service shows (empty: none)"));
  rows.push_back(bool_row("MIEN_NEXTCLOUD", &Settings::nextcloud, "the service answers Nextcloud's Face Recognition"));
  rows.push_back(text_row({"MIEN_NEXTCLOUD_THRESHOLD", "", &Settings::nextcloud_threshold,
                           "cosine at which two faces are 0.4 apart for Nextcloud (empty: the model's for searching)",
                           "a number above 0 and below 1"}));
  rows.push_back(bool_row("MIEN_CRAWLER", &Settings::crawler, "the service answers the crawlers' worker calls"));
  rows.push_back(
      bool_row("MIEN_CRAWLER_EMBEDDINGS", &Settings::crawler_embeddings, "the service gives the crawlers embeddings"));
}

}  // namespace

std::vector<SettingRow> setting_rows(const std::vector<std::string_view>& backends) {
  std::vector<std::string_view> backend_choices = {"auto"};
  backend_choices.insert(backend_choices.end(), backends.begin(), backends.end());
  std::vector<SettingRow> rows;
  rows.push_back(all_gpu_row());
  for (const OperationRow& row : kOperations) rows.push_back(operation_row(row.operation));
  rows.push_back(choice_row("GPU_BACKEND", backend_choices, &Settings::gpu_backend, "which kind of GPU"));
  rows.push_back(int_row("GPU_DEVICE_ID", 0, {0, std::numeric_limits<int>::max()}, &Settings::gpu_device_id,
                         "which device of that backend"));
  rows.push_back(decimal_row({"GPU_MEMORY_LIMIT_GB", "8", kMemoryLimitGbMax, &Settings::gpu_memory_limit_gb,
                              "most that is allocated on the device, in GB (1 GB = 1024 MB)"}));
  rows.push_back(
      int_row("GPU_BATCH_SIZE", 32, {1, kBatchSizeMax}, &Settings::gpu_batch_size, "images in a device batch at most"));
  rows.push_back(decimal_row({"MIEN_GPU_TIME_LIMIT", "30", kTimeLimitMax, &Settings::gpu_time_limit_s,
                              "seconds that a device may take for a batch; one that takes longer is not asked again"}));
  rows.push_back(choice_row("MIEN_CUDNN_SEARCH", {"default", "heuristic", "exhaustive"}, &Settings::cudnn_search,
                            "how CUDA's provider looks for the kernel of each convolution: the others plan longer"));
  rows.push_back(log_level_row());
  rows.push_back(debug_row());
  rows.push_back(choice_row("MIEN_RUNTIME", {"auto", "onnxruntime", "openvino"}, &Settings::runtime,
                            "what runs the models on the CPU"));
  rows.push_back(int_row("MIEN_THREADS", 0, {0, kThreadsSettingMax}, &Settings::threads,
                         "threads of a scan that analyse (0: one a core)"));
  rows.push_back(precision_row());
  rows.push_back(detail_row());
  rows.push_back(bool_row("MIEN_ALLOW_SOFTWARE_GPU", &Settings::allow_software_gpu,
                          "use Vulkan adapters that are software (for tests)"));
  rows.push_back(bool_row("MIEN_SANDBOX", &Settings::sandbox, "decode images in child processes without rights"));
  rows.push_back(code_row("MIEN_DECODER", &Settings::decoder,
                          "the program mien-decoder for MIEN_SANDBOX (empty: the standard places)"));
  rows.push_back(path_row("MIEN_MODEL_DIR", &Settings::model_dir, "folder of the models (empty: the standard places)"));
  rows.push_back(
      path_row("MIEN_CATALOG", &Settings::catalog, "a catalogue of models beside the built-in one (docs/models.md)"));
  rows.push_back(
      code_row("MIEN_ORT_LIBRARY", &Settings::ort_library, "ONNX Runtime's library (empty: the standard places)"));
  rows.push_back(code_row("MIEN_OPENVINO_LIBRARY", &Settings::openvino_library,
                          "OpenVINO's libopenvino_c.so (empty: the standard places)"));
  rows.push_back(code_row("MIEN_TEST_DEVICE", &Settings::test_device,
                          "a library that plays a GPU, in builds with tests alone (docs/add-a-backend.md)"));
  rows.push_back(code_row("MIEN_BACKEND_DIR", &Settings::backend_dir,
                          "folder of the GPU backends' libraries (empty: the standard places)"));
  add_service_rows(rows);
  return rows;
}

}  // namespace mien
