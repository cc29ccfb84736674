// The parts that every fuzz target shares. A target is one file in fuzz/targets with an LLVMFuzzerTestOneInput:
// libFuzzer drives it where clang builds it, fuzz/driver.cpp everywhere else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace mien::fuzz {

using Input = std::span<const std::uint8_t>;

inline std::string_view as_text(Input input) { return {reinterpret_cast<const char*>(input.data()), input.size()}; }

// Checks what must hold of every outcome; ends the program as a defect does.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "this must hold: %s\n", what);
  std::abort();
}

}  // namespace mien::fuzz
