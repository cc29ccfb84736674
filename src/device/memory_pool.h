// Device memory that is kept for reuse, within a ceiling: asking a driver for memory, and giving it back, takes as long
// as a small graph does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace mien {

// The memory that pools take together. Safe to use from many threads.
class MemoryBudget {
 public:
  void set_max(std::uint64_t bytes);
  bool take(std::uint64_t bytes);
  void give_back(std::uint64_t bytes);
  std::uint64_t taken() const;
  std::uint64_t peak() const;

 private:
  mutable std::mutex mutex_;
  std::uint64_t max_ = 0;
  std::uint64_t taken_ = 0;
  std::uint64_t peak_ = 0;
};

// A block that was freed is given to the next who asks for about its size. Work that is still queued on the device may
// read a block when it is freed: whoever takes it next must come after that work. So computing and copying, which run
// side by side, have a pool each.
class MemoryPool {
 public:
  struct Source {
    std::function<void*(std::size_t bytes)> allocate;  // null when there is no more
    std::function<void(void* block)> free;
  };

  MemoryPool(std::shared_ptr<MemoryBudget> budget, Source source)
      : budget_(std::move(budget)), source_(std::move(source)) {}
  // Blocks that are still used stay allocated.
  ~MemoryPool() { trim(); }
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  // Null when the budget or the device has no room. Safe from many threads, as all that follows.
  void* allocate(std::size_t bytes);
  void free(void* block);
  // Gives the device all blocks that nobody uses.
  void trim();
  // Bytes of blocks that are used.
  std::uint64_t used() const;

 private:
  void* reuse(std::size_t bytes);  // with the mutex held
  void* take_new(std::size_t bytes);

  std::shared_ptr<MemoryBudget> budget_;
  Source source_;
  mutable std::mutex mutex_;
  std::multimap<std::size_t, void*> unused_;       // by size
  std::unordered_map<void*, std::size_t> in_use_;  // sizes
  std::uint64_t used_ = 0;
};

}  // namespace mien
