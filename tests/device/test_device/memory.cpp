#include "memory.h"

#include <cstdlib>
#include <cstring>
#include <memory>

#include "controls.h"

namespace mien::test_device {
namespace {

// As generous as CUDA. The size of a block stands in front of it, for whoever frees it.
constexpr std::size_t kAlignment = 256;

struct Allocator : OrtAllocator {
  explicit Allocator(const OrtMemoryInfo* memory) : OrtAllocator{}, info(memory) {
    version = ORT_API_VERSION;
    Alloc = alloc;
    Reserve = alloc;
    Free = free;
    Info = [](const OrtAllocator* self) { return static_cast<const Allocator*>(self)->info; };
  }

  static void* ORT_API_CALL alloc(OrtAllocator* /*self*/, std::size_t bytes) noexcept {
    if (bytes == 0 || !Controls::instance().reserve_memory(bytes)) return nullptr;
    const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    void* block = rounded < bytes ? nullptr : std::aligned_alloc(kAlignment, kAlignment + rounded);
    if (block == nullptr) {
      Controls::instance().return_memory(bytes);
      return nullptr;
    }
    std::memcpy(block, &bytes, sizeof bytes);
    return static_cast<char*>(block) + kAlignment;
  }

  static void ORT_API_CALL free(OrtAllocator* /*self*/, void* memory) noexcept {
    if (memory == nullptr) return;
    void* block = static_cast<char*>(memory) - kAlignment;
    std::size_t bytes = 0;
    std::memcpy(&bytes, block, sizeof bytes);
    Controls::instance().return_memory(bytes);
    std::free(block);
  }

  const OrtMemoryInfo* info;
};

bool is_ours(const OrtMemoryDevice* memory) {
  const OrtEpApi& api = Ort::GetEpApi();
  return api.MemoryDevice_GetDeviceType(memory) == OrtMemoryInfoDeviceType_GPU &&
         api.MemoryDevice_GetVendorId(memory) == kVendorId;
}

bool is_host(const OrtMemoryDevice* memory) {
  return Ort::GetEpApi().MemoryDevice_GetDeviceType(memory) == OrtMemoryInfoDeviceType_CPU;
}

void copy(const OrtValue* from, OrtValue* to) {
  const Ort::ConstValue source(from);
  Ort::UnownedValue target(to);
  const std::size_t bytes = source.GetTensorSizeInBytes();
  if (bytes != target.GetTensorSizeInBytes()) {
    throw Ort::Exception("test device: a copy between tensors of different size", ORT_INVALID_ARGUMENT);
  }
  const bool from_us = is_ours(Ort::GetEpApi().Value_GetMemoryDevice(from));
  const bool to_us = is_ours(Ort::GetEpApi().Value_GetMemoryDevice(to));
  const Direction direction = from_us && to_us ? Direction::across : to_us ? Direction::up : Direction::down;
  const char* error = Controls::instance().begin_copy(direction, bytes);
  if (error != nullptr) throw Ort::Exception(error, ORT_EP_FAIL);
  if (bytes == 0) return;
  // ONNX Runtime does not look at what an allocator returns: a tensor without memory comes as far as this.
  void* to_bytes = target.GetTensorMutableRawData();
  const void* from_bytes = source.GetTensorRawData();
  if (to_bytes == nullptr || from_bytes == nullptr) throw Ort::Exception(kOutOfMemory, ORT_EP_FAIL);
  // Memory may overlap, when a view is copied onto its own buffer.
  std::memmove(to_bytes, from_bytes, bytes);
}

struct DataTransfer : OrtDataTransferImpl {
  DataTransfer() : OrtDataTransferImpl{} {
    ort_version_supported = ORT_API_VERSION;
    Release = [](OrtDataTransferImpl* self) noexcept { delete static_cast<DataTransfer*>(self); };
    CanCopy = [](const OrtDataTransferImpl* /*self*/, const OrtMemoryDevice* from,
                 const OrtMemoryDevice* to) noexcept -> bool {
      return (is_ours(from) && (is_ours(to) || is_host(to))) || (is_host(from) && is_ours(to));
    };
    CopyTensors = [](OrtDataTransferImpl* /*self*/, const OrtValue** from, OrtValue** to, OrtSyncStream** /*streams*/,
                     std::size_t count) noexcept -> OrtStatus* {
      return guarded([&] {
        for (std::size_t i = 0; i < count; ++i) copy(from[i], to[i]);
      });
    };
  }
};

}  // namespace

OrtAllocator* create_allocator(const OrtMemoryInfo* memory) { return new Allocator(memory); }

void release_allocator(OrtAllocator* allocator) { delete static_cast<Allocator*>(allocator); }

OrtDataTransferImpl* create_data_transfer() { return new DataTransfer(); }

}  // namespace mien::test_device
