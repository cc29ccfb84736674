#include "device/device_pools.h"

#include <array>
#include <mutex>
#include <utility>

namespace mien {
namespace {

std::array<std::atomic<DevicePools*>, kPooledDevicesMax> all_pools{};

template <int Id>
void* allocate_of(std::size_t bytes) {
  DevicePools& pools = *all_pools[Id].load();
  void* const block = pools.allocate(pools.runs, bytes);
  if (block == nullptr) pools.has_run_out = true;
  return block;
}

template <int Id>
void free_of(void* block) {
  all_pools[Id].load()->runs.free(block);
}

template <int Id>
void trim_of() {
  all_pools[Id].load()->runs.trim();
}

template <int... Ids>
std::array<PoolFunctions, kPooledDevicesMax> make_functions(std::integer_sequence<int, Ids...> /*ids*/) {
  return {PoolFunctions{allocate_of<Ids>, free_of<Ids>, trim_of<Ids>}...};
}

}  // namespace

DevicePools& open_device_pools(int device_id, const MemoryPool::Source& source, std::uint64_t bytes_max) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::atomic<DevicePools*>& slot = all_pools.at(static_cast<std::size_t>(device_id));
  if (slot.load() == nullptr) slot = new DevicePools(source);
  slot.load()->budget->set_max(bytes_max);
  return *slot.load();
}

PoolFunctions pool_functions(int device_id) {
  static const std::array kFunctions = make_functions(std::make_integer_sequence<int, kPooledDevicesMax>());
  return kFunctions.at(static_cast<std::size_t>(device_id));
}

}  // namespace mien
