// Deterministic mutants of structured files. The targets' own mutator and the stand-alone driver use it; a mutant is
// made from its number alone, so that any one of them can be made again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mien::fuzz {

using ByteVector = std::vector<std::uint8_t>;

// A generator of our own, so that the same seed gives the same mutants with every standard library (splitmix64).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15u;
    std::uint64_t mixed = (state_ ^ (state_ >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return mixed ^ (mixed >> 31);
  }
  // 0 .. bound - 1; 0 when there is nothing to choose from.
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : next() % bound; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(next()); }

 private:
  std::uint64_t state_;
};

// A part of a file that has its own length field: a JPEG segment, a PNG or RIFF chunk, an ISO box, a GIF block, an
// entry of a TIFF directory.
struct Part {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t length_begin = 0;
  std::size_t length_bytes = 0;
};

// By the first bytes; none for a file of another kind.
std::vector<Part> find_parts(const ByteVector& bytes);

// One edit: bits, runs, parts, lengths, header fields. The file may grow by at most grown_max bytes.
void edit_once(ByteVector& bytes, Random& random, std::size_t grown_max);

// Gives every PNG chunk the checksum of its content, so that an edit reaches the code behind the check.
void repair_png_checksums(ByteVector& bytes);

// Mutant `number` of the seeds: one to three edits, or a splice of two seeds.
ByteVector make_mutant(const std::vector<ByteVector>& seeds, std::uint64_t seed, std::uint64_t number);

}  // namespace mien::fuzz
