#include "people/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/utf8.h"
#include "mien/result.h"
#include "mien/tools/people.h"
#include "people/letters.h"

namespace mien {
namespace {

constexpr std::size_t kLettersMax = 200;
constexpr std::size_t kShownBytesMax = 60;

bool is_control(char32_t letter) {
  return letter < 0x20 || (letter >= 0x7f && letter < 0xa0) || letter == 0x2028 || letter == 0x2029 ||
         letter == 0xfeff || (letter >= 0xfff9 && letter <= 0xfffb);
}

bool turns_writing(char32_t letter) {
  return letter == 0x061c || letter == 0x200e || letter == 0x200f || (letter >= 0x202a && letter <= 0x202e) ||
         (letter >= 0x2066 && letter <= 0x2069);
}

[[noreturn]] void refuse(std::string_view name, std::string_view why) {
  const std::string shown = replace_controls(replace_invalid_utf8(name.substr(0, kShownBytesMax)));
  throw Exception(ErrorCode::invalid_argument,
                  fmt::format("'{}{}' is no name: {}", shown, name.size() > kShownBytesMax ? "..." : "", why));
}

}  // namespace

std::string check_name(std::string_view typed) {
  const std::string_view name = trim(typed);
  if (name.empty()) refuse(name, "it is empty");
  if (!is_valid_utf8(name)) refuse(name, "it is not UTF-8");
  const std::u32string letters = code_points(name);
  if (letters.size() > kLettersMax) refuse(name, fmt::format("it is longer than {} characters", kLettersMax));
  if (std::ranges::any_of(letters, is_control)) refuse(name, "it has control characters");
  if (std::ranges::any_of(letters, turns_writing)) refuse(name, "it has marks that turn the direction of writing");
  if (name.find_first_not_of("0123456789") == std::string_view::npos) refuse(name, "digits alone are a group's id");
  return std::string(name);
}

std::u32string folded_name(std::string_view name) { return folded(name); }

bool is_same_name(std::string_view a, std::string_view b) { return folded(a) == folded(b); }

}  // namespace mien
