#include "device/memory_pool.h"

#include <algorithm>
#include <bit>

namespace mien {
namespace {

constexpr std::size_t kSmallest = 512;
// Four sizes from each power of two to the next, so that blocks of about one size serve each other.
std::size_t block_size(std::size_t bytes) {
  const std::size_t wanted = std::max(bytes, kSmallest);
  const std::size_t step = std::bit_floor(wanted) / 4;
  return (wanted + step - 1) / step * step;
}

}  // namespace

void MemoryBudget::set_max(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  max_ = bytes;
}

bool MemoryBudget::take(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (taken_ > max_ || bytes > max_ - taken_) return false;
  taken_ += bytes;
  peak_ = std::max(peak_, taken_);
  return true;
}

void MemoryBudget::give_back(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  taken_ -= bytes;
}

std::uint64_t MemoryBudget::taken() const {
  const std::lock_guard lock(mutex_);
  return taken_;
}

std::uint64_t MemoryBudget::peak() const {
  const std::lock_guard lock(mutex_);
  return peak_;
}

void* MemoryPool::reuse(std::size_t bytes) {
  // A block twice as large is still better than a new one.
  const auto found = unused_.lower_bound(bytes);
  if (found == unused_.end() || found->first > 2 * bytes) return nullptr;
  const auto [size, block] = *found;
  unused_.erase(found);
  in_use_.emplace(block, size);
  used_ += size;
  return block;
}

void* MemoryPool::take_new(std::size_t bytes) {
  if (!budget_->take(bytes)) return nullptr;
  void* const block = source_.allocate(bytes);
  if (block == nullptr) {
    budget_->give_back(bytes);
    return nullptr;
  }
  const std::lock_guard lock(mutex_);
  in_use_.emplace(block, bytes);
  used_ += bytes;
  return block;
}

void* MemoryPool::allocate(std::size_t bytes) {
  const std::size_t size = block_size(bytes);
  {
    const std::lock_guard lock(mutex_);
    if (void* const block = reuse(size)) return block;
  }
  if (void* const block = take_new(size)) return block;
  trim();
  return take_new(size);
}

void MemoryPool::free(void* block) {
  const std::lock_guard lock(mutex_);
  const auto found = in_use_.find(block);
  if (found == in_use_.end()) return;
  used_ -= found->second;
  unused_.emplace(found->second, block);
  in_use_.erase(found);
}

void MemoryPool::trim() {
  std::multimap<std::size_t, void*> unused;
  {
    const std::lock_guard lock(mutex_);
    unused.swap(unused_);
  }
  for (const auto& [size, block] : unused) {
    source_.free(block);
    budget_->give_back(size);
  }
}

std::uint64_t MemoryPool::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

}  // namespace mien
