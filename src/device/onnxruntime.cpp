// ONNX Runtime behind the Session seam. The library is opened with dlopen, never linked: its symbols carry the
// release's version, so a linked program would run with one release only, and the CPU, CUDA and MIGraphX builds
// could not serve one binary. Nothing newer than API 27 is called, because the MIGraphX build offers no more.
#define ORT_API_MANUAL_INIT
#include <dlfcn.h>
#include <fmt/format.h>
#include <onnxruntime_cxx_api.h>
#include <onnxruntime_session_options_config_keys.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>

#include "backends/backend.h"
#include "backends/backend_library.h"
#include "base/cancel.h"
#include "base/installation.h"
#include "base/log.h"
#include "device/session.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kOrtApiVersion = 27;
constexpr std::size_t kArenaSameAsRequested = 1;

struct ValuesOwner : Outputs::Owner {
  std::vector<Ort::Value> values;
};

// Logs the runtime's messages as details for whoever debugs: its failures come as exceptions, with the same text.
void ORT_API_CALL forward_log(void* /*context*/, OrtLoggingLevel /*level*/, const char* /*category*/,
                              const char* /*id*/, const char* /*place*/, const char* message) {
  log(LogLevel::debug, fmt::format("onnxruntime: {}", message));
}

std::vector<TensorInfo> describe(std::size_t count, auto&& name_of, auto&& type_of) {
  std::vector<TensorInfo> infos;
  for (std::size_t i = 0; i < count; ++i) {
    TensorInfo info{name_of(i), {}};
    const Ort::TypeInfo type = type_of(i);
    if (type.GetONNXType() == ONNX_TYPE_TENSOR) {
      info.shape = type.GetTensorTypeAndShapeInfo().GetShape();
    }
    infos.push_back(std::move(info));
  }
  return infos;
}

class OrtSession final : public Session {
 public:
  OrtSession(const Ort::Env& env, Bytes model, const Ort::SessionOptions& options, std::string what)
      : session_(env, model.data(), model.size(), options), what_(std::move(what)) {
    Ort::AllocatorWithDefaultOptions allocator;
    inputs_ = describe(
        session_.GetInputCount(),
        [&](std::size_t i) { return std::string(session_.GetInputNameAllocated(i, allocator).get()); },
        [&](std::size_t i) { return session_.GetInputTypeInfo(i); });
    outputs_ = describe(
        session_.GetOutputCount(),
        [&](std::size_t i) { return std::string(session_.GetOutputNameAllocated(i, allocator).get()); },
        [&](std::size_t i) { return session_.GetOutputTypeInfo(i); });
    for (const TensorInfo& info : inputs_) input_names_.push_back(info.name.c_str());
    for (const TensorInfo& info : outputs_) output_names_.push_back(info.name.c_str());
  }

  const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  const std::vector<TensorInfo>& outputs() const override { return outputs_; }

  using Session::run;
  Outputs run(std::span<const TensorView> inputs, const std::stop_token& stop) const override {
    throw_if_stopped(stop);
    try {
      return run_unchecked(inputs, stop);
    } catch (const Ort::Exception& error) {
      throw_if_stopped(stop);  // then it says that it was terminated
      throw Exception(ErrorCode::internal, fmt::format("running {} failed: {}", what_, error.what()));
    }
  }

 private:
  Outputs run_unchecked(std::span<const TensorView> inputs, const std::stop_token& stop) const {
    const Ort::MemoryInfo memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU);
    std::vector<Ort::Value> values;
    for (const TensorView& input : inputs) {
      // The runtime only reads inputs; its interface has no const.
      values.push_back(Ort::Value::CreateTensor<float>(memory, const_cast<float*>(input.data), input.count(),
                                                       input.shape.data(), input.shape.size()));
    }
    std::unique_ptr<ValuesOwner> owner = std::make_unique<ValuesOwner>();
    Ort::RunOptions options;
    {
      const std::stop_callback on_stop(stop, [&options] { options.SetTerminate(); });
      owner->values = session_.Run(options, input_names_.data(), values.data(), values.size(), output_names_.data(),
                                   output_names_.size());
    }
    std::vector<TensorView> tensors;
    for (std::size_t i = 0; i < owner->values.size(); ++i) {
      const Ort::Value& value = owner->values[i];
      const Ort::TensorTypeAndShapeInfo info = value.GetTensorTypeAndShapeInfo();
      if (info.GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) {
        throw Exception(ErrorCode::unsupported, fmt::format("output {} of {} is not 32-bit float: use a model "
                                                            "with float outputs",
                                                            output_names_[i], what_));
      }
      tensors.push_back({value.GetTensorData<float>(), info.GetShape()});
    }
    return {std::move(tensors), std::move(owner)};
  }

  // Run is safe to call from many threads; the wrapper has no const.
  mutable Ort::Session session_;
  std::string what_;
  std::vector<TensorInfo> inputs_;
  std::vector<TensorInfo> outputs_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
};

class OrtRuntime final : public Runtime {
 public:
  OrtRuntime(std::string version, std::string path)
      : version_(std::move(version)),
        path_(std::move(path)),
        env_(ORT_LOGGING_LEVEL_WARNING, "mien", forward_log, nullptr) {
    // One image a thread with single-threaded kernels is the measured best; threads in a session would only spin.
    options_.SetIntraOpNumThreads(1);
    options_.SetInterOpNumThreads(1);
    options_.SetExecutionMode(ORT_SEQUENTIAL);
    options_.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
    options_.AddConfigEntry(kOrtSessionOptionsConfigAllowIntraOpSpinning, "0");
    // Inputs change size from image to image. A pattern planned for each of them would be kept for ever.
    options_.DisableMemPattern();
    // One arena for all models of the process, which asks for what it needs: an arena a model that grows by powers of
    // two held 224 MB for the default models where this one holds 193.
    const Ort::MemoryInfo memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const Ort::ArenaCfg arena({{"arena_extend_strategy", kArenaSameAsRequested}});
    env_.CreateAndRegisterAllocator(memory, arena);
    options_.AddConfigEntry(kOrtSessionOptionsConfigUseEnvAllocators, "1");
    env_.DisableTelemetryEvents();
  }

  RuntimeKind kind() const override { return RuntimeKind::onnxruntime; }
  std::string name() const override { return "onnxruntime " + version_; }
  std::string path() const override { return path_; }

  std::unique_ptr<Session> create_session(Bytes model, const std::string& what) const override {
    try {
      return std::make_unique<OrtSession>(env_, model, options_, what);
    } catch (const Ort::Exception& error) {
      throw Exception(ErrorCode::bad_data,
                      fmt::format("{} is not a model that {} can run: {}", what, name(), error.what()));
    }
  }

 private:
  std::string version_;
  std::string path_;
  Ort::Env env_;
  Ort::SessionOptions options_;
};

std::vector<std::string> library_candidates(const Settings& settings) {
  if (!settings.ort_library.empty()) return {settings.ort_library};
  std::vector<std::string> candidates;
  std::error_code ignored;
  // A process has one runtime. Work that no GPU is asked for takes a backend's own too: a GPU may be asked for later.
  for (const Backend* const backend : candidate_backends(settings)) {
    const std::string own = installed_backend_runtime(settings, *backend);
    if (own.empty() || (settings.gpu_backend == "auto" && backend->probe_devices().empty())) continue;
    candidates.push_back(own);
  }
  for (const fs::path& beside : installed_library_folders()) {
    for (const fs::directory_entry& entry : fs::directory_iterator(beside, ignored)) {
      if (entry.path().filename().string().starts_with("libonnxruntime.so")) candidates.push_back(entry.path());
    }
  }
  if (std::string_view(MIEN_DEFAULT_ORT_LIBRARY) != "") candidates.emplace_back(MIEN_DEFAULT_ORT_LIBRARY);
  candidates.emplace_back("libonnxruntime.so.1");
  candidates.emplace_back("libonnxruntime.so");
  return candidates;
}

struct OpenedLibrary {
  void* handle = nullptr;
  std::string path;
  std::string version = {};
};

OpenedLibrary open_library(const Settings& settings) {
  // Some builds of ONNX Runtime report their use to their maker unless this is set before they are loaded (seen with
  // 1.31.1). mien sends nothing anywhere.
  setenv("ORT_DISABLE_TELEMETRY", "1", 1);
  std::string tried;
  for (const std::string& candidate : library_candidates(settings)) {
    // Local symbols: another copy of the runtime in this process must not see ours. Never closed: the runtime
    // keeps threads and statics that do not survive that.
    if (void* handle = dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      return {handle, candidate};
    }
    tried += fmt::format("{}{}", tried.empty() ? "" : "; ", dlerror());
  }
  throw Exception(ErrorCode::not_found,
                  fmt::format("ONNX Runtime could not be opened: run ./dev build, or set MIEN_ORT_LIBRARY to its "
                              "libonnxruntime.so ({})",
                              tried));
}

// The version before the interface: an old library gives a null interface and no reason.
const OrtApi* find_api(OpenedLibrary& library) {
  using GetApiBase = const OrtApiBase* (*)();
  const auto get_api_base = reinterpret_cast<GetApiBase>(dlsym(library.handle, "OrtGetApiBase"));
  if (get_api_base == nullptr) {
    throw Exception(ErrorCode::unsupported, fmt::format("{} is not ONNX Runtime: it has no OrtGetApiBase; set "
                                                        "MIEN_ORT_LIBRARY to libonnxruntime.so",
                                                        library.path));
  }
  const OrtApiBase* base = get_api_base();
  library.version = base->GetVersionString();
  const OrtApi* api = base->GetApi(kOrtApiVersion);
  if (api == nullptr) {
    throw Exception(ErrorCode::unsupported,
                    fmt::format("ONNX Runtime {} is too old: version 1.{} or newer is needed ({})", library.version,
                                kOrtApiVersion, library.path));
  }
  return api;
}

}  // namespace

std::unique_ptr<Runtime> open_onnxruntime(const Settings& settings) {
  // The first that could be used serves all later calls: the interface belongs to it for as long as the process lives.
  static std::mutex mutex;
  static OpenedLibrary first;
  const std::lock_guard lock(mutex);
  if (first.handle == nullptr || !settings.ort_library.empty()) {
    OpenedLibrary library = open_library(settings);
    const OrtApi* const api = find_api(library);
    if (first.handle == nullptr) {
      Ort::InitApi(api);  // the wrapper's own global
      first = library;
    } else if (library.handle != first.handle) {
      log(LogLevel::warning,
          fmt::format("ONNX Runtime of {} computes on: a process has one, and {} is for a new process", first.path,
                      library.path));
    }
  }
  return std::make_unique<OrtRuntime>(first.version, first.path);
}

}  // namespace mien
