// Pools of device memory for providers that take it from functions which know nothing of ours. There is one ceiling a
// process, and so there is one set of pools a device.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include "device/memory_pool.h"

namespace mien {

struct DevicePools {
  explicit DevicePools(const MemoryPool::Source& source)
      : budget(std::make_shared<MemoryBudget>()), runs(budget, source), copies(budget, source) {}

  // Allocates from one of the two pools. Where that has no room, the other one first gives back what it does not use.
  void* allocate(MemoryPool& pool, std::size_t bytes) {
    if (void* const block = pool.allocate(bytes)) return block;
    (&pool == &runs ? copies : runs).trim();
    return pool.allocate(bytes);
  }

  void trim() {
    runs.trim();
    copies.trim();
  }

  std::shared_ptr<MemoryBudget> budget;
  MemoryPool runs;                       // what sessions compute with
  MemoryPool copies;                     // what goes up beside them
  std::atomic<bool> has_run_out{false};  // since this was last cleared
};

inline constexpr int kPooledDevicesMax = 16;

// Makes the pools of a device at the first call; the ceiling is that of the last call. `device_id` is below
// kPooledDevicesMax. They are never destroyed: providers free memory when the process ends.
DevicePools& open_device_pools(int device_id, const MemoryPool::Source& source, std::uint64_t bytes_max);

// The pool `runs` of an open device, as functions of C.
struct PoolFunctions {
  void* (*allocate)(std::size_t bytes);
  void (*free)(void* block);
  void (*trim)();
};
PoolFunctions pool_functions(int device_id);

}  // namespace mien
