#define ORT_API_MANUAL_INIT
#include "device/onnxruntime_memory.h"

#include <fmt/format.h>

#include <array>

#include "device/onnx_weights.h"

namespace mien {
namespace {

// Texts by which runtimes and drivers say that a device is full.
constexpr std::array<std::string_view, 6> kOutOfMemoryTexts = {
    "out of memory", "OUT_OF_MEMORY", "OutOfMemory", "Failed to allocate memory", "bad_alloc", "Available memory of"};

// CUDA aligns what it allocates in the same way.
constexpr std::size_t kWeightAlignment = 256;
// Smaller ones are sizes and slopes, which may be needed on the host.
constexpr std::size_t kSharedBytesMin = 256;

std::size_t aligned(std::size_t bytes) { return (bytes + kWeightAlignment - 1) / kWeightAlignment * kWeightAlignment; }

DeviceTensor allocate_pooled(const std::shared_ptr<const OrtDeviceContext>& context, ElementType type,
                             const Shape& shape, std::size_t bytes) {
  void* const block = context->pools->allocate(context->pools->copies, bytes);
  if (block == nullptr) throw OutOfDeviceMemory(fmt::format("out of memory: the device has no {} bytes", bytes));
  Ort::Value view =
      Ort::Value::CreateTensor(context->memory, block, bytes, shape.data(), shape.size(), ort_element_type(type));
  return {std::make_shared<DeviceMemory>(block, std::move(view), bytes, context), type, shape};
}

}  // namespace

void throw_failure(const std::string& what, const std::string& message) {
  const std::string text = fmt::format("{}: {}", what, message);
  for (const std::string_view sign : kOutOfMemoryTexts) {
    if (message.find(sign) != std::string::npos) throw OutOfDeviceMemory(text);
  }
  throw DeviceFailure(text);
}

void OrtDeviceContext::check_room(std::uint64_t bytes) const {
  std::uint64_t held = counters->held;
  for (const auto& [thread, claim] : claims) held += thread == std::this_thread::get_id() ? 0 : claim;
  if (held + bytes > memory_bytes_max) {
    throw OutOfDeviceMemory(
        fmt::format("out of memory: {} MB are held, {} MB more are needed, and GPU_MEMORY_LIMIT_GB "
                    "allows {} MB in all",
                    held >> 20, bytes >> 20, memory_bytes_max >> 20));
  }
  if (held + bytes > counters->peak) counters->peak = held + bytes;
}

DeviceMemory::DeviceMemory(Ort::Value owned, std::shared_ptr<const OrtDeviceContext> context_of_device)
    : context(std::move(context_of_device)), value(std::move(owned)) {
  const Ort::TensorTypeAndShapeInfo info = value.GetTensorTypeAndShapeInfo();
  const std::size_t count = info.GetElementCount();
  bytes = count * element_bytes(element_type_of(info.GetElementType(), "a device tensor"));
  // Allocators of plugins answer with null when they are full, and the runtime passes that on.
  if (count > 0 && value.GetTensorRawData() == nullptr) {
    throw OutOfDeviceMemory(fmt::format("out of memory: the device has no {} bytes", bytes));
  }
  context->counters->held += bytes;
}

DeviceMemory::DeviceMemory(void* pooled, Ort::Value view, std::size_t size,
                           std::shared_ptr<const OrtDeviceContext> context_of_device)
    : context(std::move(context_of_device)), value(std::move(view)), block(pooled) {
  bytes = size;
  context->counters->held += bytes;
}

DeviceMemory::~DeviceMemory() {
  const auto turn = context->take_turn();
  value = Ort::Value(nullptr);
  context->counters->held -= bytes;
  if (block != nullptr) context->pools->copies.free(block);
}

DeviceTensor allocate_on(const std::shared_ptr<OrtDeviceContext>& context, ElementType type, const Shape& shape) {
  // The lock covers the check and the allocation: no other thread may check in between.
  const std::lock_guard lock(context->mutex);
  const std::size_t bytes = element_count(shape) * element_bytes(type);
  context->check_room(bytes);
  if (context->pools != nullptr) return allocate_pooled(context, type, shape, bytes);
  Ort::UnownedAllocator allocator = context->env.GetSharedAllocator(context->memory);
  Ort::Value value = Ort::Value::CreateTensor(allocator, shape.data(), shape.size(), ort_element_type(type));
  return {std::make_shared<DeviceMemory>(std::move(value), context), type, shape};
}

Ort::Value view_of(const OrtDeviceContext& context, const DeviceTensor& tensor, std::size_t offset) {
  const auto& memory = static_cast<const DeviceMemory&>(*tensor.memory);
  // The runtime's interface has no const; it writes only where a caller asked for it.
  auto* const data = static_cast<std::uint8_t*>(const_cast<void*>(memory.value.GetTensorRawData()));
  return Ort::Value::CreateTensor(context.memory, data + offset,
                                  element_count(tensor.shape) * element_bytes(tensor.type), tensor.shape.data(),
                                  tensor.shape.size(), ort_element_type(tensor.type));
}

Ort::Value host_view(const HostTensor& tensor) {
  const Ort::MemoryInfo memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU);
  return Ort::Value::CreateTensor(memory, const_cast<void*>(tensor.data),
                                  element_count(tensor.shape) * element_bytes(tensor.type), tensor.shape.data(),
                                  tensor.shape.size(), ort_element_type(tensor.type));
}

void copy_between(const OrtDeviceContext& context, const Ort::Value& from, Ort::Value& to, const std::string& what) {
  Ort::Status status = context.env.CopyTensor(from, to, nullptr);
  if (!status.IsOK()) throw_failure(what, status.GetErrorMessage());
}

SharedWeights::SharedWeights(const std::shared_ptr<OrtDeviceContext>& context, Bytes model) {
  const Result<onnx::ModelProto> parsed = parse_model(model);
  if (!parsed) return;  // opening a session of it says what is wrong
  const std::vector<OnnxWeight> weights = find_onnx_weights(*parsed, kSharedBytesMin);
  std::size_t room = 0;
  for (const OnnxWeight& weight : weights) room += aligned(weight.values.size());
  if (room == 0) return;
  block_ = allocate_on(context, ElementType::u8, {static_cast<std::int64_t>(room)});
  std::size_t offset = 0;
  for (const OnnxWeight& weight : weights) {
    // Weights are copied as bytes: in a parsed model floats lie anywhere.
    const Shape size = {static_cast<std::int64_t>(weight.values.size())};
    Ort::Value to = view_of(*context, {block_.memory, ElementType::u8, size}, offset);
    copy_between(*context, host_view({ElementType::u8, size, weight.values.data()}), to, "copying weights");
    values_.emplace_back(weight.name, view_of(*context, {block_.memory, ElementType::f32, weight.shape}, offset));
    offset += aligned(weight.values.size());
    bytes_ += weight.values.size();
    context->counters->up += weight.values.size();
  }
}

void SharedWeights::add_to(Ort::SessionOptions& options) const {
  for (const auto& [name, value] : values_) options.AddInitializer(name.c_str(), value);
}

}  // namespace mien
