#include "cli/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>

namespace mien::cli {
namespace {

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// Characters that take two columns (East Asian wide and emoji), coarsely: enough to keep columns in
// line for names that people give to photos.
constexpr std::array<Range, 9> kWide = {{{0x1100, 0x115F},
                                         {0x2E80, 0x303E},
                                         {0x3041, 0xA4CF},
                                         {0xAC00, 0xD7A3},
                                         {0xF900, 0xFAFF},
                                         {0xFE30, 0xFE6F},
                                         {0xFF00, 0xFF60},
                                         {0x1F300, 0x1FAFF},
                                         {0x20000, 0x3FFFD}}};
// Marks that are drawn over the character before them.
constexpr std::array<Range, 5> kCombining = {
    {{0x0300, 0x036F}, {0x1AB0, 0x1AFF}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}}};
// C1 controls, line separators, and what turns the direction of writing or is invisible.
constexpr std::array<Range, 6> kUnsafe = {
    {{0x80, 0x9F}, {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}}};

template <std::size_t N>
bool in_ranges(const std::array<Range, N>& ranges, std::uint32_t code) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [code](const Range& range) { return code >= range.first && code <= range.last; });
}

struct Character {
  std::uint32_t code = 0;
  std::size_t size = 1;  // bytes
  bool valid = true;
};

// The character at the start of a text that is not empty; one byte that is invalid when it is none.
Character first_character(std::string_view text) {
  const std::uint32_t lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (lead < 0xC0 || lead > 0xF7 || text.size() < size) return {lead, 1, false};
  std::uint32_t code = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    const std::uint32_t byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0U) != 0x80U) return {lead, 1, false};
    code = (code << 6U) | (byte & 0x3FU);
  }
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < kSmallest[size] || code > 0x10FFFF || surrogate) return {lead, 1, false};
  return {code, size, true};
}

int width_of(const Character& character) {
  if (!character.valid) return 1;
  if (in_ranges(kCombining, character.code)) return 0;
  return in_ranges(kWide, character.code) ? 2 : 1;
}

// Bytes of the longest start that is at most `width` columns wide.
std::size_t start_that_fits(std::string_view text, int width) {
  std::size_t taken = 0;
  while (taken < text.size()) {
    const Character character = first_character(text.substr(taken));
    width -= width_of(character);
    if (width < 0) break;
    taken += character.size;
  }
  return taken;
}

// Insertions, deletions, changes and swaps of neighbours that turn one word into the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0U : 1U;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last.back();
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Character character = first_character(text);
    if (!character.valid || character.code < 0x20 || character.code == 0x7F) {
      result += fmt::format("\\x{:02X}", character.code);
    } else if (in_ranges(kUnsafe, character.code)) {
      result += fmt::format("\\u{{{:X}}}", character.code);
    } else {
      result += text.substr(0, character.size);
    }
    text.remove_prefix(character.size);
  }
  return result;
}

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    width += width_of(character);
    text.remove_prefix(character.size);
  }
  return width;
}

std::string fit(std::string_view text, const Fit& options) {
  const int excess = display_width(text) - options.width;
  if (excess <= 0) return std::string(text);
  const int mark_width = display_width(options.mark);
  const int room = options.width - mark_width;
  if (room <= 0) return std::string(text.substr(0, start_that_fits(text, options.width)));
  if (options.keep == Keep::start) {
    return std::string(text.substr(0, start_that_fits(text, room))) + std::string(options.mark);
  }
  while (display_width(text) > room) text.remove_prefix(first_character(text).size);
  return std::string(options.mark) + std::string(text);
}

std::string pad(std::string_view text, int width, Align align) {
  const std::string space(static_cast<std::size_t>(std::max(0, width - display_width(text))), ' ');
  return align == Align::left ? std::string(text) + space : space + std::string(text);
}

std::string wrap(std::string_view text, int width, int indent) {
  // Space at the start is part of the first word.
  const std::size_t start = std::min(text.find_first_not_of(' '), text.size());
  std::string result(text.substr(0, start));
  int column = static_cast<int>(start);
  text.remove_prefix(start);
  for (bool first = true; !text.empty(); first = false) {
    const std::size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    const int word_width = display_width(word);
    if (!first && column + 1 + word_width > width) {
      result += '\n' + std::string(static_cast<std::size_t>(indent), ' ');
      column = indent;
    } else if (!first) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word_width;
  }
  return result;
}

std::string counted(long long count, std::string_view singular, std::string_view plural) {
  return fmt::format("{} {}", count, count == 1 ? singular : plural);
}

std::string counted(long long count, std::string_view singular) {
  return counted(count, singular, std::string(singular) + "s");
}

std::string shell_quoted(std::string_view text) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-=:,@%+";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(text);
  }
  if (printable(text) == text) {
    std::string result = "'";
    for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return result + "'";
  }
  // Bytes that a terminal cannot carry, in the notation that bash, zsh and ksh share.
  std::string result = "$'";
  for (const char c : text) {
    const unsigned byte = static_cast<unsigned char>(c);
    const bool plain = byte >= 0x20 && byte < 0x7F && c != '\'' && c != '\\';
    result += plain ? std::string(1, c) : fmt::format("\\{:03o}", byte);
  }
  return result + "'";
}

std::string command_line(const std::vector<std::string>& typed) {
  std::string result;
  for (const std::string& word : typed) result += (result.empty() ? "" : " ") + shell_quoted(word);
  return result;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  // A word that was not finished, if only one goes on like this.
  constexpr std::size_t kStartMin = 3;
  const auto goes_on = [&](const std::string& candidate) { return candidate.starts_with(word); };
  if (word.size() >= kStartMin && std::count_if(candidates.begin(), candidates.end(), goes_on) == 1) {
    return *std::find_if(candidates.begin(), candidates.end(), goes_on);
  }
  const std::string* best = nullptr;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best == nullptr ? "" : *best;
}

}  // namespace mien::cli
