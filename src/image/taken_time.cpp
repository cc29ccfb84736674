#include "image/taken_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace mien {
namespace {

constexpr int kDaysOfMonth[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

// Takes a text from its beginning, part by part.
class Parts {
 public:
  explicit Parts(std::string_view rest) : rest_(rest) {}

  // So many digits, which make a number within the bounds.
  std::optional<int> number(std::size_t digits, int least, int most) {
    if (rest_.size() < digits) return std::nullopt;
    int value = 0;
    for (const char digit : rest_.substr(0, digits)) {
      if (digit < '0' || digit > '9') return std::nullopt;
      value = value * 10 + (digit - '0');
    }
    if (value < least || value > most) return std::nullopt;
    rest_.remove_prefix(digits);
    return value;
  }
  // Empty: none of these comes.
  std::optional<char> one_of(std::string_view characters) {
    if (rest_.empty() || characters.find(rest_.front()) == std::string_view::npos) return std::nullopt;
    const char found = rest_.front();
    rest_.remove_prefix(1);
    return found;
  }
  bool skip(std::string_view characters) { return one_of(characters).has_value(); }
  void skip_digits() { rest_.remove_prefix(std::min(rest_.find_first_not_of("0123456789"), rest_.size())); }

 private:
  std::string_view rest_;
};

bool is_leap_year(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

// "+02:00"; empty: no zone.
std::string read_zone(Parts& parts) {
  const std::optional<char> sign = parts.one_of("+-Zz");
  if (!sign) return {};
  if (*sign == 'Z' || *sign == 'z') return "+00:00";
  const std::optional<int> hours = parts.number(2, 0, 14);
  if (!hours || !parts.skip(":")) return {};
  const std::optional<int> minutes = parts.number(2, 0, 59);
  return minutes ? fmt::format("{}{:02}:{:02}", *sign, *hours, *minutes) : std::string();
}

// "T12:30:00", with a zone; empty: no time.
std::string read_clock(Parts& parts) {
  const std::optional<int> hours = parts.number(2, 0, 23);
  if (!hours || !parts.skip(":")) return {};
  const std::optional<int> minutes = parts.number(2, 0, 59);
  if (!minutes) return {};
  int seconds = 0;
  if (parts.skip(":")) {
    const std::optional<int> stated = parts.number(2, 0, 59);
    if (!stated) return {};
    seconds = *stated;
    if (parts.skip(".,")) parts.skip_digits();
  }
  return fmt::format("T{:02}:{:02}:{:02}", *hours, *minutes, seconds) + read_zone(parts);
}

}  // namespace

std::string read_time(std::string_view text) {
  constexpr std::string_view kBetween = "-:";
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  Parts parts(text);
  const std::optional<int> year = parts.number(4, 1, 9999);
  if (!year) return {};
  std::string time = fmt::format("{:04}", *year);
  const std::optional<int> month = parts.skip(kBetween) ? parts.number(2, 1, 12) : std::nullopt;
  if (!month) return time;
  time += fmt::format("-{:02}", *month);
  const std::optional<int> day = parts.skip(kBetween) ? parts.number(2, 1, kDaysOfMonth[*month - 1]) : std::nullopt;
  if (!day || (*month == 2 && *day == 29 && !is_leap_year(*year))) return time;
  time += fmt::format("-{:02}", *day);
  return parts.skip("T ") ? time + read_clock(parts) : time;
}

std::string read_time(std::string_view text, std::string_view zone) {
  constexpr std::size_t kWithoutZone = std::string_view("2019-07-04T12:30:00").size();
  std::string time = read_time(text);
  Parts parts(zone);
  return time.size() == kWithoutZone ? time + read_zone(parts) : time;
}

}  // namespace mien
