#include "base/utf8.h"

#include <cstddef>
#include <cstdint>

namespace mien {
namespace {

struct Sequence {
  std::size_t size = 1;  // bytes of the character, or of the part that one U+FFFD stands for
  bool valid = false;
};

// The range of the second byte depends on the first byte: this is where overlong forms and surrogates are refused
// (table 3-7 of the Unicode standard).
struct SecondByte {
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xbf;
};

SecondByte second_byte_range(std::uint8_t first) {
  switch (first) {
    case 0xe0: return {0xa0, 0xbf};
    case 0xed: return {0x80, 0x9f};
    case 0xf0: return {0x90, 0xbf};
    case 0xf4: return {0x80, 0x8f};
    default: return {};
  }
}

// The character, or the ill-formed part, that the text begins with. The text must not be empty.
Sequence next_sequence(std::string_view text) {
  const std::uint8_t first = static_cast<std::uint8_t>(text[0]);
  if (first < 0x80) return {1, true};
  std::size_t length = 0;
  if (first >= 0xc2 && first <= 0xdf) length = 2;
  if (first >= 0xe0 && first <= 0xef) length = 3;
  if (first >= 0xf0 && first <= 0xf4) length = 4;
  if (length == 0) return {1, false};
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {i, false};
    const SecondByte range = i == 1 ? second_byte_range(first) : SecondByte{};
    const std::uint8_t byte = static_cast<std::uint8_t>(text[i]);
    if (byte < range.low || byte > range.high) return {i, false};
  }
  return {length, true};
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const Sequence sequence = next_sequence(text);
    if (!sequence.valid) return false;
    text.remove_prefix(sequence.size);
  }
  return true;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Sequence sequence = next_sequence(text);
    if (sequence.valid) {
      out.append(text.substr(0, sequence.size));
    } else {
      out.append("\xef\xbf\xbd");
    }
    text.remove_prefix(sequence.size);
  }
  return out;
}

std::string replace_controls(std::string_view text, char replacement) {
  std::string result(text);
  for (char& c : result) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) c = replacement;
  }
  return result;
}

}  // namespace mien
