#include "index/huge_block.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>
#include <utility>

namespace mien {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

HugeBlock::HugeBlock(std::size_t bytes) : mapped_(bytes + kHugePage), bytes_(bytes) {
  mapping_ = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping_ == MAP_FAILED) throw std::bad_alloc();  // NOLINT: a macro of the system
  const std::size_t past = reinterpret_cast<std::uintptr_t>(mapping_) % kHugePage;
  data_ = static_cast<char*>(mapping_) + (past == 0 ? 0 : kHugePage - past);
#ifdef MADV_HUGEPAGE
  // Only a hint: where it fails, pages are small.
  ::madvise(data_, bytes_, MADV_HUGEPAGE);
#endif
}

HugeBlock::~HugeBlock() {
  if (mapping_ != nullptr) ::munmap(mapping_, mapped_);
}

HugeBlock::HugeBlock(HugeBlock&& other) noexcept
    : mapping_(std::exchange(other.mapping_, nullptr)),
      mapped_(other.mapped_),
      data_(other.data_),
      bytes_(other.bytes_) {}

HugeBlock& HugeBlock::operator=(HugeBlock&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(mapped_, other.mapped_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

}  // namespace mien
