// Takes values off the front of an input. What is not there is zero, so that every input means something.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>

#include "target.h"

namespace mien::fuzz {

class InputReader {
 public:
  explicit InputReader(Input input) : rest_(input) {}

  Input take_bytes(std::size_t count) {
    const Input taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  Input take_rest() { return take_bytes(rest_.size()); }

  template <typename Value>
  Value take() {
    static_assert(std::is_trivially_copyable_v<Value>);
    Value value{};
    const Input bytes = take_bytes(sizeof value);
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  // 0 .. bound - 1
  int take_below(int bound) { return take<std::uint8_t>() % bound; }
  bool take_flag() { return take_below(2) != 0; }
  // A byte of length, then that many bytes.
  Input take_part() { return take_bytes(take<std::uint8_t>()); }
  std::string take_text() {
    const Input bytes = take_part();
    return {bytes.begin(), bytes.end()};
  }

 private:
  Input rest_;
};

}  // namespace mien::fuzz
