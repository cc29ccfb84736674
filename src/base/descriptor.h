// A file descriptor that closes itself.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

namespace mien {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { (void)close(); }
  Descriptor(Descriptor&& other) noexcept { *this = std::move(other); }
  // The other one takes over what was open here.
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  // Returns false, with errno, when what was written may be lost.
  bool close() noexcept;

 private:
  int number_ = -1;
};

// Returns how many bytes were written; fewer than all on a failure, which errno names.
std::size_t write_all(int descriptor, std::string_view bytes);

}  // namespace mien
