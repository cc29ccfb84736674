#include "provider.h"

#include <onnxruntime_session_options_config_keys.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "answers.h"
#include "controls.h"
#include "cpus.h"
#include "graph.h"
#include "trace.h"

namespace mien::test_device {
namespace {

Ort::SessionOptions inner_options() {
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1);
  options.SetInterOpNumThreads(1);
  options.AddConfigEntry(kOrtSessionOptionsConfigAllowIntraOpSpinning, "0");
  options.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
  options.DisableMemPattern();
  bool has_arena = Controls::instance().value(&Values::arena) != 0;
#ifdef __SANITIZE_ADDRESS__
  has_arena = false;  // each tensor is a block of its own, whose bounds are seen
#endif
  if (!has_arena) options.DisableCpuMemArena();
  return options;
}

// The images are the rows of the first input of four dimensions, channels first or last; else of the first input.
ModelRun describe(const std::vector<Shape>& shapes) {
  ModelRun run;
  const auto found = std::find_if(shapes.begin(), shapes.end(), [](const Shape& shape) { return shape.size() == 4; });
  if (found == shapes.end()) {
    run.images = shapes.empty() || shapes[0].empty() ? 1 : shapes[0][0];
    return run;
  }
  constexpr std::int64_t kChannelsMax = 4;
  const bool channels_last = (*found)[3] <= kChannelsMax && (*found)[1] > kChannelsMax;
  run.images = (*found)[0];
  run.height = (*found)[channels_last ? 1 : 2];
  run.width = (*found)[channels_last ? 2 : 3];
  return run;
}

// Counts the time until it ends.
class Busy {
 public:
  Busy() = default;
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() {
    const auto time = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start_);
    Controls::instance().add(&Values::busy_us, time.count());
    write_counters_at_times();
  }
  Clock::time_point start() const { return start_; }

 private:
  Clock::time_point start_ = Clock::now();
};

// One fused node.
class Kernel : public OrtNodeComputeInfo {
 public:
  explicit Kernel(InnerModel model)
      : OrtNodeComputeInfo{},
        // There is one environment in a process, and this borrows it: to keep it could make the kernel the last one to
        // let go of it, which unloads the library whose code then runs.
        session_(Ort::Env(ORT_LOGGING_LEVEL_WARNING, "mien test device"), model.model, inner_options()),
        inputs_(std::move(model.inputs)),
        outputs_(std::move(model.outputs)),
        holds_convolution_(model.holds_convolution) {
    ort_version_supported = ORT_API_VERSION;
    CreateState = [](OrtNodeComputeInfo* /*self*/, OrtNodeComputeContext* /*context*/, void** state) noexcept {
      *state = nullptr;
      return static_cast<OrtStatus*>(nullptr);
    };
    ReleaseState = [](OrtNodeComputeInfo* /*self*/, void* /*state*/) noexcept {};
    Compute = [](OrtNodeComputeInfo* self, void* /*state*/, OrtKernelContext* context) noexcept {
      return guarded([&] { static_cast<Kernel*>(self)->compute(Ort::KernelContext(context)); });
    };
  }

 private:
  using Results = std::vector<Ort::Value>;

  void compute(const Ort::KernelContext& context) {
    const Busy busy;
    const OwnCpus cpus;
    Orders orders = Controls::instance().begin_compute();
    if (orders.error != nullptr) throw Ort::Exception(orders.error, ORT_EP_FAIL);
    const Ort::MemoryInfo host = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
    std::vector<const char*> input_names;
    std::vector<Ort::Value> values;
    std::vector<Shape> shapes;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i].empty()) continue;
      const Ort::ConstValue input = context.GetInput(i);
      const Ort::TensorTypeAndShapeInfo info = input.GetTensorTypeAndShapeInfo();
      shapes.push_back(info.GetShape());
      const Shape& shape = shapes.back();
      if (input.GetTensorSizeInBytes() != 0 && input.GetTensorRawData() == nullptr) {
        throw Ort::Exception(kOutOfMemory, ORT_EP_FAIL);
      }
      input_names.push_back(inputs_[i].c_str());
      // The inner session only reads its inputs; the interface has no const.
      values.push_back(Ort::Value::CreateTensor(host, const_cast<void*>(input.GetTensorRawData()),
                                                input.GetTensorSizeInBytes(), shape.data(), shape.size(),
                                                info.GetElementType()));
    }
    ModelRun run;
    if (holds_convolution_) run = begin_model(shapes);
    std::vector<const char*> output_names;
    for (const std::string& name : outputs_) output_names.push_back(name.c_str());
    const Asked asked{outputs_, shapes, values, holds_convolution_, run.plans};
    const auto room = [&](std::size_t i, const Shape& shape) {
      return context.GetOutput(i, shape).GetTensorMutableRawData();
    };
    const bool is_answered = replays() && !orders.nan && !orders.wrong_shape && replay_answer(asked, room);
    if (is_answered) return trace(run, busy.start());
    // What no earlier run asked for may be about outputs that were left as they are.
    orders.zeros = replays() && !run.plans;
    const bool remember = Controls::instance().value(&Values::remember) != 0;
    const std::uint64_t key = remember ? digest(values) : 0;
    const std::shared_ptr<const Results> known = remember ? recall(key) : nullptr;
    const std::shared_ptr<const Results> results =
        known != nullptr
            ? known
            : std::make_shared<const Results>(session_.Run(Ort::RunOptions(), input_names.data(), values.data(),
                                                           values.size(), output_names.data(), output_names.size()));
    if (remember && known == nullptr) keep(key, results);
    for (std::size_t i = 0; i < results->size(); ++i) write(context, i, (*results)[i], orders);
    record_answer(asked, *results);
    trace(run, busy.start());
  }

  void trace(const ModelRun& run, Clock::time_point start) const {
    if (holds_convolution_) {
      trace_run(run, start);
    } else {
      trace_graph(outputs_.at(0), start);
    }
  }

  // As CUDA's provider does it: one shape is kept, and another one is planned anew.
  ModelRun begin_model(const std::vector<Shape>& shapes) {
    ModelRun run = describe(shapes);
    std::string all;
    for (const std::string& name : outputs_) all += name + ' ';
    for (const Shape& shape : shapes) {
      for (const std::int64_t side : shape) all += std::to_string(side) + 'x';
      all += ';';
    }
    run.shapes = std::hash<std::string>()(all);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      run.plans = last_shapes_ != shapes;
      last_shapes_ = shapes;
    }
    if (run.plans) trace_plan(run);
    Controls::instance().begin_model(run);
    return run;
  }

  // Returns a digest of shapes and bytes; a chance of 2^-64 is none in a test.
  static std::uint64_t digest(const std::vector<Ort::Value>& values) {
    std::uint64_t sum = 0xCBF29CE484222325ULL;
    const auto add = [&](std::uint64_t word) { sum = (sum ^ word) * 0x9FB21C651E98DF25ULL + (sum >> 29U); };
    for (const Ort::Value& value : values) {
      for (const std::int64_t side : value.GetTensorTypeAndShapeInfo().GetShape()) {
        add(static_cast<std::uint64_t>(side));
      }
      const std::size_t bytes = value.GetTensorSizeInBytes();
      const char* data = static_cast<const char*>(value.GetTensorRawData());
      std::size_t at = 0;
      for (; at + sizeof(std::uint64_t) <= bytes; at += sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, data + at, sizeof(word));
        add(word);
      }
      for (; at < bytes; ++at) add(static_cast<unsigned char>(data[at]));
    }
    return sum;
  }

  std::shared_ptr<const Results> recall(std::uint64_t key) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = remembered_.find(key);
    return found == remembered_.end() ? nullptr : found->second;
  }

  void keep(std::uint64_t key, const std::shared_ptr<const Results>& results) {
    constexpr std::size_t kMost = 64;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (remembered_.size() >= kMost) remembered_.clear();
    remembered_.emplace(key, results);
  }

  static void write(const Ort::KernelContext& context, std::size_t index, const Ort::Value& result,
                    const Orders& orders) {
    const Ort::TensorTypeAndShapeInfo info = result.GetTensorTypeAndShapeInfo();
    std::vector<std::int64_t> shape = info.GetShape();
    if (orders.wrong_shape && !shape.empty()) ++shape[0];
    Ort::UnownedValue output = context.GetOutput(index, shape);
    const std::size_t bytes = output.GetTensorSizeInBytes();
    const std::size_t known = result.GetTensorSizeInBytes();
    if (bytes == 0) return;
    char* target = static_cast<char*>(output.GetTensorMutableRawData());
    // ONNX Runtime does not look at what an allocator returns.
    if (target == nullptr) throw Ort::Exception(kOutOfMemory, ORT_EP_FAIL);
    if (known != 0) std::memcpy(target, result.GetTensorRawData(), known);
    std::memset(target + known, 0, bytes - known);
    if (orders.zeros) std::memset(target, 0, bytes);
    if (orders.nan && info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) {
      float* numbers = reinterpret_cast<float*>(target);
      std::fill(numbers, numbers + bytes / sizeof(float), std::numeric_limits<float>::quiet_NaN());
    }
  }

  Ort::Session session_;
  std::vector<std::string> inputs_;
  std::vector<std::string> outputs_;
  bool holds_convolution_ = false;
  std::mutex mutex_;  // guards what follows
  std::vector<Shape> last_shapes_;
  std::map<std::uint64_t, std::shared_ptr<const Results>> remembered_;
};

struct Provider : OrtEp {
  Provider() : OrtEp{} {
    ort_version_supported = ORT_API_VERSION;
    GetName = [](const OrtEp* /*self*/) noexcept { return kProviderName; };
    GetCapability = get_capability;
    Compile = compile;
    ReleaseNodeComputeInfos = release_kernels;
    IsConcurrentRunSupported = [](OrtEp* /*self*/, bool* is_supported) noexcept {
      *is_supported = true;
      return static_cast<OrtStatus*>(nullptr);
    };
    Sync = [](OrtEp* /*self*/) noexcept {
      Controls::instance().add(&Values::sync_calls, 1);
      return static_cast<OrtStatus*>(nullptr);
    };
    Controls::instance().add(&Values::sessions, 1);
    Controls::instance().add(&Values::sessions_opened, 1);
  }
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;
  ~Provider() {
    Controls::instance().add(&Values::sessions, -1);
    if (Controls::instance().value(&Values::sessions) == 0) write_counters();
  }

  static OrtStatus* ORT_API_CALL get_capability(OrtEp* /*self*/, const OrtGraph* graph,
                                                OrtEpGraphSupportInfo* support) noexcept {
    return guarded([&] {
      OrtNodeFusionOptions options = {};
      options.ort_version_supported = ORT_API_VERSION;
      // The kernels have copies of the weights. They go to the device nevertheless, as they would with a real one, so
      // that their memory and their transfer count.
      options.drop_constant_initializers = false;
      for (const std::vector<const OrtNode*>& nodes : groups_to_take(Ort::ConstGraph(graph))) {
        Ort::ThrowOnError(
            Ort::GetEpApi().EpGraphSupportInfo_AddNodesToFuse(support, nodes.data(), nodes.size(), &options));
      }
    });
  }

  static OrtStatus* ORT_API_CALL compile(OrtEp* /*self*/, const OrtGraph** graphs, const OrtNode** fused,
                                         std::size_t count, OrtNodeComputeInfo** kernels,
                                         OrtNode** /*ep_context_nodes*/) noexcept {
    return guarded([&] {
      Controls::instance().sleep(std::chrono::milliseconds(Controls::instance().value(&Values::compile_ms)));
      std::vector<std::unique_ptr<Kernel>> made;
      for (std::size_t i = 0; i < count; ++i) {
        made.push_back(std::make_unique<Kernel>(rebuild(Ort::ConstGraph(graphs[i]), Ort::ConstNode(fused[i]))));
      }
      for (std::size_t i = 0; i < count; ++i) kernels[i] = made[i].release();
    });
  }

  static void ORT_API_CALL release_kernels(OrtEp* /*self*/, OrtNodeComputeInfo** kernels, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) delete static_cast<Kernel*>(kernels[i]);
  }
};

}  // namespace

OrtEp* create_provider() { return new Provider(); }

void release_provider(OrtEp* provider) { delete static_cast<Provider*>(provider); }

}  // namespace mien::test_device
