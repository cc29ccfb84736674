#include "base/base64.h"

#include <array>
#include <cstddef>

namespace mien {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 0xff;

constexpr std::array<std::uint8_t, 256> make_digits() {
  std::array<std::uint8_t, 256> digits{};
  for (std::uint8_t& digit : digits) digit = kNoDigit;
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return digits;
}

constexpr std::array<std::uint8_t, 256> kDigits = make_digits();

}  // namespace

std::string base64_encode(std::span<const std::uint8_t> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '=');
  std::size_t out = 0;
  std::size_t in = 0;
  for (; in + 3 <= bytes.size(); in += 3) {
    const std::uint32_t bits = std::uint32_t{bytes[in]} << 16 | std::uint32_t{bytes[in + 1]} << 8 | bytes[in + 2];
    text[out++] = kAlphabet[bits >> 18];
    text[out++] = kAlphabet[bits >> 12 & 63];
    text[out++] = kAlphabet[bits >> 6 & 63];
    text[out++] = kAlphabet[bits & 63];
  }
  const std::size_t left = bytes.size() - in;
  if (left > 0) {
    const std::uint32_t second = left == 2 ? bytes[in + 1] : std::uint32_t{0};
    const std::uint32_t bits = std::uint32_t{bytes[in]} << 16 | second << 8;
    text[out++] = kAlphabet[bits >> 18];
    text[out++] = kAlphabet[bits >> 12 & 63];
    if (left == 2) text[out] = kAlphabet[bits >> 6 & 63];
  }
  return text;
}

Result<std::vector<std::uint8_t>> base64_decode(std::string_view text) {
  const Error bad{ErrorCode::bad_data, "cannot decode base64: the text is cut off or holds a foreign character"};
  if (text.size() % 4 != 0) return bad;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const std::string_view digits = text.substr(0, text.size() - padding);

  std::vector<std::uint8_t> bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int bit_count = 0;
  for (const char character : digits) {
    const std::uint8_t digit = kDigits[static_cast<std::uint8_t>(character)];
    if (digit == kNoDigit) return bad;
    bits = bits << 6 | digit;
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      bytes.push_back(static_cast<std::uint8_t>(bits >> bit_count & 0xff));
    }
  }
  if ((bits & ((1U << bit_count) - 1)) != 0) return bad;
  return bytes;
}

}  // namespace mien
