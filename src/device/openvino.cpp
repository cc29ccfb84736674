// OpenVINO behind the Session seam: on a CPU it computes most face models faster than ONNX Runtime, and starts
// more slowly. Its C interface is opened with dlopen, never linked.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>

#include "backends/backend.h"
#include "backends/backend_library.h"
#include "base/cancel.h"
#include "base/processor.h"
#include "device/openvino_api.h"
#include "device/openvino_compiled.h"
#include "device/session.h"

namespace mien {
namespace {

using namespace openvino;  // NOLINT(google-build-using-namespace): its C types, declared in openvino_api.h

namespace fs = std::filesystem;

constexpr const char* kDevice = "CPU";
// Compiled models for one shape, a core: three of a detector's largest, which hold 12 to 40 MB each. Photos of usual
// cameras have about ten sizes when their longer side is 640.
constexpr std::int64_t kFormFloatsPerCore = 3 * (std::int64_t{3} * 640 * 640);
// A model up to here is compiled for each thread. Its weights take as much again each time.
constexpr std::size_t kModelBytesForEachThread = std::size_t{16} << 20;

int cores() { return std::max(2, usable_processors()); }

// An object of the library, freed by the library.
template <typename T>
using Handle = std::unique_ptr<T, void (*)(T*)>;

// Returns the library's last message, on one line.
std::string last_error(const Api& api) {
  const char* const text = api.get_last_err_msg();
  std::string line = text == nullptr ? "no reason was given" : text;
  if (text != nullptr) api.free(text);  // a copy for each who asks
  std::replace(line.begin(), line.end(), '\n', ' ');
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

// Throws what the library said.
void check(const Api& api, Status status) {
  if (status != kOk) throw Exception(ErrorCode::internal, last_error(api));
}

std::string shape_text(const Shape& shape) {
  std::string text;
  for (const std::int64_t side : shape) {
    text += fmt::format("{}{}", text.empty() ? "" : "x", side < 0 ? "any" : std::to_string(side));
  }
  return text;
}

// The library, opened once a process, and its core.
struct Library {
  explicit Library(std::string opened) : path(std::move(opened)) {}
  std::string path;
  Api api{{path.c_str(), "OpenVINO"}};
  std::string version;
  Core* core = nullptr;  // never freed: threads and statics of the library do not survive that

  std::string property(const char* key) const {
    char* value = nullptr;
    if (api.core_get_property(core, kDevice, key, &value) != kOk) return {};
    std::string text = value;
    api.free(value);
    return text;
  }
};

// The model as it was read. Compiling only reads it, except for one shape: then it is reshaped for a while.
struct ReadModel {
  explicit ReadModel(Handle<Model> read) : model(std::move(read)) {}
  Handle<Model> model;
  std::shared_mutex mutex;
};

struct OpenVinoRun final : CompiledRun {
  explicit OpenVinoRun(Handle<Request> handle) : request(std::move(handle)) {}
  Handle<Request> request;
};

class OpenVinoModel final : public CompiledModel {
 public:
  OpenVinoModel(const Api& api, Handle<ApiCompiledModel> compiled) : api_(api), compiled_(std::move(compiled)) {}

  std::unique_ptr<CompiledRun> make_run() override {
    Request* request = nullptr;
    check(api_, api_.compiled_model_create_infer_request(compiled_.get(), &request));
    return std::make_unique<OpenVinoRun>(Handle<Request>(request, api_.infer_request_free));
  }

 private:
  const Api& api_;
  Handle<ApiCompiledModel> compiled_;
};

// The state that all runs of a model share. Outputs keep it alive.
struct SharedModel {
  SharedModel(const Library& opened, bool reduced_precision, Handle<Model> model)
      : library(opened), bf16(reduced_precision), read(std::move(model)) {}
  const Library& library;
  bool bf16;
  ReadModel read;
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
  std::unique_ptr<CompiledModels> compiled;
  std::mutex fitting_mutex;
  std::set<InputShape> fitting;  // that the model was seen to take
};

// Outputs lie in the memory of their run, which is free for another once they are gone.
struct RunOwner final : Outputs::Owner {
  std::shared_ptr<SharedModel> model;
  InputShape shape;
  CompiledModels::BorrowedRun taken;
  RunOwner(std::shared_ptr<SharedModel> owner, InputShape asked)
      : model(std::move(owner)), shape(std::move(asked)), taken(model->compiled->take(shape)) {}
  RunOwner(const RunOwner&) = delete;
  RunOwner& operator=(const RunOwner&) = delete;
  ~RunOwner() override { model->compiled->give_back(shape, std::move(taken)); }
  Request* request() const { return static_cast<OpenVinoRun&>(*taken.run).request.get(); }
};

TensorInfo describe(const Api& api, const Model* model, std::size_t index,
                    Status (*port_of)(const Model*, std::size_t, Port**)) {
  Port* raw = nullptr;
  check(api, port_of(model, index, &raw));
  const Handle<Port> port(raw, api.output_const_port_free);
  TensorInfo info;
  char* name = nullptr;
  check(api, api.port_get_any_name(port.get(), &name));
  info.name = name;
  api.free(name);
  PartialShape shape{};
  check(api, api.port_get_partial_shape(port.get(), &shape));
  for (std::int64_t i = 0; i < shape.rank.max; ++i) {
    const Dimension& side = shape.sides[i];
    info.shape.push_back(side.min == side.max ? side.min : -1);
  }
  api.partial_shape_free(&shape);
  return info;
}

// The model takes the sides of `shape`, those of all its inputs one after the other; -1 is any.
void reshape(const Api& api, const Model* model, const std::vector<TensorInfo>& inputs, const InputShape& shape) {
  std::vector<Dimension> sides;
  for (const std::int64_t side : shape) sides.push_back(side < 0 ? Dimension{0, -1} : Dimension{side, side});
  std::vector<std::size_t> indexes;
  std::vector<PartialShape> shapes;
  std::size_t at = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::int64_t rank = static_cast<std::int64_t>(inputs[i].shape.size());
    indexes.push_back(i);
    shapes.push_back({{rank, rank}, sides.data() + at});
    at += inputs[i].shape.size();
  }
  check(api, api.model_reshape_by_port_indexes(model, indexes.data(), shapes.data(), indexes.size()));
}

InputShape declared_shape(const std::vector<TensorInfo>& inputs) {
  InputShape shape;
  for (const TensorInfo& input : inputs) shape.insert(shape.end(), input.shape.begin(), input.shape.end());
  return shape;
}

std::shared_ptr<CompiledModel> compile_now(const SharedModel& shared, bool for_many) {
  const Api& api = shared.library.api;
  // With one stream a run is computed by the thread that asks, with more by threads of the library, one each. Precision
  // is said even where it is the usual one, because CPUs with bf16 units would take that by themselves.
  const std::string streams = std::to_string(for_many ? cores() : 1);
  ApiCompiledModel* raw = nullptr;
  check(api,
        api.core_compile_model(shared.library.core, shared.read.model.get(), kDevice, 8, &raw, "INFERENCE_NUM_THREADS",
                               streams.c_str(), "NUM_STREAMS", streams.c_str(), "ENABLE_CPU_PINNING", "NO",
                               "INFERENCE_PRECISION_HINT", shared.bf16 ? "bf16" : "f32"));
  return std::make_shared<OpenVinoModel>(api, Handle<ApiCompiledModel>(raw, api.compiled_model_free));
}

std::shared_ptr<CompiledModel> compile(SharedModel& shared, const InputShape& shape, bool for_many) {
  if (shape.empty()) {
    const std::shared_lock lock(shared.read.mutex);
    return compile_now(shared, for_many);
  }
  const Api& api = shared.library.api;
  const std::unique_lock lock(shared.read.mutex);
  reshape(api, shared.read.model.get(), shared.inputs, shape);
  std::shared_ptr<CompiledModel> compiled;
  try {
    compiled = compile_now(shared, for_many);
  } catch (const Exception&) {
    reshape(api, shared.read.model.get(), shared.inputs, declared_shape(shared.inputs));
    throw;
  }
  reshape(api, shared.read.model.get(), shared.inputs, declared_shape(shared.inputs));
  return compiled;
}

// Throws where the model cannot take these sides. To be asked before a run: a run that fails leaves its task in a queue
// of the library's, and the next run of the thread would execute it, whose request may be gone (seen with 2026.4.1).
void require_fitting(SharedModel& shared, const InputShape& shape) {
  constexpr std::size_t kKnownMax = 4096;
  {
    const std::lock_guard lock(shared.fitting_mutex);
    if (shared.fitting.contains(shape)) return;
  }
  const Api& api = shared.library.api;
  const std::unique_lock lock(shared.read.mutex);
  const Model* const model = shared.read.model.get();
  const InputShape declared = declared_shape(shared.inputs);
  if (shape != declared) {
    try {
      reshape(api, model, shared.inputs, shape);
    } catch (const Exception&) {
      reshape(api, model, shared.inputs, declared);
      throw;
    }
    reshape(api, model, shared.inputs, declared);
  }
  const std::lock_guard fitting_lock(shared.fitting_mutex);
  if (shared.fitting.size() >= kKnownMax) shared.fitting.clear();
  shared.fitting.insert(shape);
}

class OpenVinoSession final : public Session {
 public:
  OpenVinoSession(const Library& library, bool bf16, Bytes model, std::string what)
      : api_(library.api), what_(std::move(what)) {
    Model* raw = nullptr;
    check(api_, api_.core_read_model_from_memory_buffer(library.core, reinterpret_cast<const char*>(model.data()),
                                                        model.size(), nullptr, &raw));
    shared_ = std::make_shared<SharedModel>(library, bf16, Handle<Model>(raw, api_.model_free));
    std::size_t count = 0;
    check(api_, api_.model_inputs_size(raw, &count));
    for (std::size_t i = 0; i < count; ++i) {
      shared_->inputs.push_back(describe(api_, raw, i, api_.model_const_input_by_index));
    }
    check(api_, api_.model_outputs_size(raw, &count));
    for (std::size_t i = 0; i < count; ++i) {
      shared_->outputs.push_back(describe(api_, raw, i, api_.model_const_output_by_index));
    }
    const InputShape declared = declared_shape(shared_->inputs);
    const bool has_one_shape = std::find(declared.begin(), declared.end(), -1) == declared.end();
    CompiledLimits limits;
    limits.shares_weights = model.size() > kModelBytesForEachThread;
    limits.floats_max = kFormFloatsPerCore * cores();
    // The compiled models are a part of what they compile.
    SharedModel* const shared = shared_.get();
    shared_->compiled = std::make_unique<CompiledModels>(
        [shared](const InputShape& shape, bool for_many) { return compile(*shared, shape, for_many); }, has_one_shape,
        limits);
    // A model that cannot be compiled is refused here and not in the middle of the work.
    shared_->compiled->give_back({}, shared_->compiled->take({}));
  }

  const std::vector<TensorInfo>& inputs() const override { return shared_->inputs; }
  const std::vector<TensorInfo>& outputs() const override { return shared_->outputs; }

  using Session::run;
  Outputs run(std::span<const TensorView> inputs, const std::stop_token& stop) const override {
    throw_if_stopped(stop);
    check_inputs(inputs);
    try {
      return run_unchecked(inputs);
    } catch (const Exception& error) {
      if (error.error().code != ErrorCode::internal) throw;
      throw Exception(ErrorCode::internal, fmt::format("running {} failed: {}", what_, error.what()));
    }
  }

 private:
  // The library would adapt some shapes in silence and say others in many lines.
  void check_inputs(std::span<const TensorView> given) const {
    const std::vector<TensorInfo>& wanted = inputs();
    if (given.size() != wanted.size()) {
      throw Exception(ErrorCode::internal, fmt::format("running {} failed: it has {} inputs, and {} were given", what_,
                                                       wanted.size(), given.size()));
    }
    for (std::size_t i = 0; i < given.size(); ++i) {
      const bool fits =
          std::equal(given[i].shape.begin(), given[i].shape.end(), wanted[i].shape.begin(), wanted[i].shape.end(),
                     [](std::int64_t has, std::int64_t takes) { return takes < 0 || takes == has; });
      if (fits) continue;
      throw Exception(ErrorCode::internal,
                      fmt::format("running {} failed: its input {} takes {}, and {} was given", what_, wanted[i].name,
                                  shape_text(wanted[i].shape), shape_text(given[i].shape)));
    }
  }

  // It is not stopped on its way: that is one of the failures which the library does not survive.
  Outputs run_unchecked(std::span<const TensorView> inputs) const {
    InputShape shape;
    for (const TensorView& input : inputs) shape.insert(shape.end(), input.shape.begin(), input.shape.end());
    require_fitting(*shared_, shape);
    auto owner = std::make_unique<RunOwner>(shared_, std::move(shape));
    Request* const request = owner->request();
    for (std::size_t i = 0; i < inputs.size(); ++i) set_input(request, i, inputs[i]);
    check(api_, api_.infer_request_infer(request));
    std::vector<TensorView> tensors;
    for (std::size_t i = 0; i < shared_->outputs.size(); ++i) tensors.push_back(get_output(request, i));
    return {std::move(tensors), std::move(owner)};
  }

  void set_input(Request* request, std::size_t index, const TensorView& input) const {
    Shape sides = input.shape;
    Tensor* raw = nullptr;
    // The library only reads inputs; its interface has no const.
    check(api_, api_.tensor_create_from_host_ptr(kFloat32, {static_cast<std::int64_t>(sides.size()), sides.data()},
                                                 const_cast<float*>(input.data), &raw));
    const Handle<Tensor> tensor(raw, api_.tensor_free);
    check(api_, api_.infer_request_set_input_tensor_by_index(request, index, tensor.get()));
  }

  TensorView get_output(Request* request, std::size_t index) const {
    Tensor* raw = nullptr;
    check(api_, api_.infer_request_get_output_tensor_by_index(request, index, &raw));
    const Handle<Tensor> tensor(raw, api_.tensor_free);
    ValueType type = 0;
    check(api_, api_.tensor_get_element_type(tensor.get(), &type));
    if (type != kFloat32) {
      throw Exception(ErrorCode::unsupported, fmt::format("output {} of {} is not 32-bit float: use a model with float "
                                                          "outputs",
                                                          shared_->outputs[index].name, what_));
    }
    TensorView view;
    TensorShape shape{};
    check(api_, api_.tensor_get_shape(tensor.get(), &shape));
    view.shape.assign(shape.sides, shape.sides + shape.rank);
    (void)api_.shape_free(&shape);
    void* data = nullptr;
    check(api_, api_.tensor_data(tensor.get(), &data));
    view.data = static_cast<const float*>(data);
    return view;
  }

  const Api& api_;
  std::string what_;
  std::shared_ptr<SharedModel> shared_;
};

class OpenVinoRuntime final : public Runtime {
 public:
  OpenVinoRuntime(const Library& library, bool bf16) : library_(library), bf16_(bf16) {}

  RuntimeKind kind() const override { return RuntimeKind::openvino; }
  std::string name() const override { return "openvino " + library_.version + (bf16_ ? " bf16" : ""); }
  std::string path() const override { return library_.path; }
  bool has_reduced_precision() const override { return bf16_; }

  std::unique_ptr<Session> create_session(Bytes model, const std::string& what) const override {
    try {
      return std::make_unique<OpenVinoSession>(library_, bf16_, model, what);
    } catch (const Exception& error) {
      throw Exception(ErrorCode::bad_data,
                      fmt::format("{} is not a model that {} can run: {}", what, name(), error.what()));
    }
  }

 private:
  const Library& library_;
  bool bf16_;
};

std::string find_library(const Settings& settings) {
  if (!settings.openvino_library.empty()) return settings.openvino_library;
  if (const std::string installed = installed_backend_library(settings, openvino_package()); !installed.empty()) {
    return installed;
  }
  std::error_code ignored;
  const std::string built_with = MIEN_DEFAULT_OPENVINO_LIBRARY;
  return settings.backend_dir.empty() && fs::exists(built_with, ignored) ? built_with : std::string();
}

// OpenVINO's code begins with SSE4.2: without it the process would end by an illegal instruction.
bool cpu_can() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("sse4.2") != 0;
#else
  return true;
#endif
}

// Throws Exception(not_found, unsupported).
std::unique_ptr<Library> open_library(const std::string& path) {
  if (!cpu_can()) {
    throw Exception(ErrorCode::unsupported,
                    "OpenVINO needs a CPU with SSE4.2, which this one lacks: set MIEN_RUNTIME=onnxruntime");
  }
  auto library = std::make_unique<Library>(path);
  const Api& api = library->api;
  if (const std::string reason = api.library.reason(); !reason.empty()) {
    throw Exception(ErrorCode::not_found,
                    fmt::format("OpenVINO could not be opened: run 'mien backends install openvino', or set "
                                "MIEN_OPENVINO_LIBRARY to its libopenvino_c.so ({})",
                                reason));
  }
  if (const std::string missing = api.library.missing(); !missing.empty()) {
    throw Exception(ErrorCode::unsupported, fmt::format("{} is not OpenVINO 2023.2 or newer: it has no {}; set "
                                                        "MIEN_OPENVINO_LIBRARY to libopenvino_c.so",
                                                        path, missing));
  }
  Version version{};
  if (api.get_openvino_version(&version) == kOk) {
    const std::string build = version.build;
    library->version = build.substr(0, build.find('-'));
    api.version_free(&version);
  }
  if (api.core_create(&library->core) != kOk || library->property("FULL_DEVICE_NAME").empty()) {
    throw Exception(ErrorCode::unsupported,
                    fmt::format("OpenVINO in {} cannot use the CPU: {}; install it again: 'mien backends install "
                                "openvino --force'",
                                path, last_error(api)));
  }
  return library;
}

}  // namespace

bool is_openvino_installed(const Settings& settings) { return !find_library(settings).empty(); }

std::unique_ptr<Runtime> open_openvino(const Settings& settings, bool reduced_precision) {
  const std::string path = find_library(settings);
  if (path.empty()) {
    throw Exception(ErrorCode::not_found,
                    "OpenVINO is not installed: run 'mien backends install openvino', or set "
                    "MIEN_OPENVINO_LIBRARY to its libopenvino_c.so");
  }
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<Library>> opened;
  const std::lock_guard lock(mutex);
  std::unique_ptr<Library>& library = opened[path];
  if (!library) library = open_library(path);
  const bool has_bf16 = library->property("OPTIMIZATION_CAPABILITIES").find("BF16") != std::string::npos;
  return std::make_unique<OpenVinoRuntime>(*library, reduced_precision && has_bf16);
}

}  // namespace mien
