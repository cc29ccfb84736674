// Texts that are the same but for case and for how accents are written, as people type names.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace mien {

// Tables, ordered by their first field.
struct Decomposition {
  char32_t letter;
  char32_t first;
  char32_t second;  // 0: none
};
struct CaseRange {
  char32_t begin;
  char32_t last;
  char32_t step;
  int to_lower;  // added to the letter
};
struct MarkRange {
  char32_t begin;
  char32_t last;
  int combining_class;
};
std::span<const Decomposition> decompositions();
std::span<const CaseRange> case_ranges();
std::span<const MarkRange> mark_ranges();

// Of valid UTF-8; bytes that are none become U+FFFD.
std::u32string code_points(std::string_view utf8);
// In lower case and canonically decomposed (NFD): equal for texts that differ in case and Unicode form alone. For
// comparing, never for showing.
std::u32string folded(std::string_view utf8);

}  // namespace mien
