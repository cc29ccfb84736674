// A process that gives up its rights.
#pragma once

#include <cstdint>
#include <string>

namespace mien::decoder {

struct Bounds {
  std::uint64_t memory_bytes = 0;   // beyond what is mapped now
  std::uint64_t written_bytes = 0;  // of any one file
  std::uint64_t cpu_seconds = 0;
  int parent = 0;  // who started us: with its end we end
};

// From here on: no file can be opened, no program started, no process or socket made, no other process seen; memory,
// CPU time and what may be written are bounded. Threads work. Returns an empty text, or why it failed: then nothing may
// be decoded.
std::string confine(const Bounds& bounds);

}  // namespace mien::decoder
