// Memory for many rows, on huge pages where the system has them.
#pragma once

#include <cstddef>

namespace mien {

// Zeros. A page takes memory once it is written to. Throws std::bad_alloc.
class HugeBlock {
 public:
  explicit HugeBlock(std::size_t bytes);
  ~HugeBlock();
  HugeBlock(HugeBlock&& other) noexcept;
  HugeBlock& operator=(HugeBlock&& other) noexcept;

  template <typename T>
  const T* as() const {
    return static_cast<const T*>(data_);
  }
  std::size_t size() const { return bytes_; }

 private:
  void* mapping_ = nullptr;
  std::size_t mapped_ = 0;
  void* data_ = nullptr;  // on the border of a huge page
  std::size_t bytes_ = 0;
};

}  // namespace mien
