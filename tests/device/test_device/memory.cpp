#include "memory.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include "controls.h"

namespace mien::test_device {
namespace {

// As generous as CUDA. The size of a block stands in front of it, for whoever frees it.
constexpr std::size_t kAlignment = 256;

#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t kKeptBytesMin = SIZE_MAX;
#else
constexpr std::size_t kKeptBytesMin = std::size_t{1} << 20;
#endif

// Large blocks that were freed, for the next of their size: the pages of a new one cost more than the work on them.
// Together with what is held they never take more than was held at most. Under AddressSanitizer there are none.
class FreeBlocks {
 public:
  // Returns null where there is none.
  void* take(std::size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = blocks_.find(bytes);
    if (found == blocks_.end()) return nullptr;
    void* block = found->second;
    blocks_.erase(found);
    bytes_ -= bytes;
    return block;
  }

  void keep(std::size_t bytes, void* block) {
    const std::lock_guard<std::mutex> lock(mutex_);
    blocks_.emplace(bytes, block);
    bytes_ += bytes;
  }

  // To be called when more is held than before.
  void trim() {
    const std::int64_t room =
        Controls::instance().value(&Values::peak_bytes) - Controls::instance().value(&Values::held_bytes);
    const std::lock_guard<std::mutex> lock(mutex_);
    while (!blocks_.empty() && static_cast<std::int64_t>(bytes_) > room) {
      bytes_ -= blocks_.begin()->first;
      std::free(blocks_.begin()->second);
      blocks_.erase(blocks_.begin());
    }
  }

 private:
  std::mutex mutex_;
  std::multimap<std::size_t, void*> blocks_;
  std::size_t bytes_ = 0;
};

FreeBlocks& free_blocks() {
  static FreeBlocks* const blocks = new FreeBlocks;  // for the reason that Controls::instance() has
  return *blocks;
}

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
    void* block = bytes < kKeptBytesMin ? nullptr : free_blocks().take(bytes);
    if (block == nullptr && rounded >= bytes) block = std::aligned_alloc(kAlignment, kAlignment + rounded);
    if (kKeptBytesMin != SIZE_MAX) free_blocks().trim();
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
    if (bytes < kKeptBytesMin) return std::free(block);
    free_blocks().keep(bytes, block);
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
