#include "people/letters.h"

#include <algorithm>

#include "base/utf8.h"

namespace mien {
namespace {

// Hangul is decomposed by rule (the Unicode standard, 3.12).
constexpr char32_t kSyllables = 0xAC00, kSyllableCount = 11172;
constexpr char32_t kLead = 0x1100, kVowel = 0x1161, kTail = 0x11A7, kVowels = 21, kTails = 28;

// The row of a table that begins at the letter or before it. Null: none does.
template <typename Row, typename Field>
const Row* row_before(std::span<const Row> rows, char32_t letter, Field Row::*field) {
  const auto after = std::ranges::upper_bound(rows, letter, {}, field);
  return after == rows.begin() ? nullptr : &*(after - 1);
}

char32_t to_lower(char32_t letter) {
  const CaseRange* const row = row_before(case_ranges(), letter, &CaseRange::begin);
  if (row == nullptr || letter > row->last || (letter - row->begin) % row->step != 0) return letter;
  return static_cast<char32_t>(static_cast<int>(letter) + row->to_lower);
}

int combining_class(char32_t letter) {
  const MarkRange* const row = row_before(mark_ranges(), letter, &MarkRange::begin);
  return row == nullptr || letter > row->last ? 0 : row->combining_class;
}

void decompose(char32_t letter, std::u32string& out) {
  if (letter >= kSyllables && letter < kSyllables + kSyllableCount) {
    const char32_t index = letter - kSyllables;
    out += {kLead + index / (kVowels * kTails), kVowel + index % (kVowels * kTails) / kTails};
    if (index % kTails != 0) out += kTail + index % kTails;
    return;
  }
  const Decomposition* const row = row_before(decompositions(), letter, &Decomposition::letter);
  if (row == nullptr || row->letter != letter) {
    out += letter;
    return;
  }
  decompose(row->first, out);
  if (row->second != 0) decompose(row->second, out);
}

std::u32string decomposed(const std::u32string& text) {
  std::u32string out;
  for (const char32_t letter : text) decompose(letter, out);
  // Marks behind a letter stand in the order of their classes.
  for (auto begin = out.begin(); begin != out.end();) {
    if (combining_class(*begin) == 0) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, out.end(), [](char32_t mark) { return combining_class(mark) == 0; });
    std::stable_sort(begin, end, [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
    begin = end;
  }
  return out;
}

}  // namespace

std::u32string code_points(std::string_view utf8) {
  const std::string valid = replace_invalid_utf8(utf8);
  std::u32string out;
  for (std::size_t i = 0; i < valid.size();) {
    const unsigned char lead = static_cast<unsigned char>(valid[i]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    char32_t letter = size == 1 ? lead : lead & (0x7fU >> size);
    for (std::size_t j = 1; j < size; ++j) letter = letter << 6U | (static_cast<unsigned char>(valid[i + j]) & 0x3fU);
    out += letter;
    i += size;
  }
  return out;
}

std::u32string folded(std::string_view utf8) {
  std::u32string text = decomposed(code_points(utf8));
  std::ranges::transform(text, text.begin(), to_lower);
  return decomposed(text);
}

}  // namespace mien
