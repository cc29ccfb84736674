#include "image/icc.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace mien {
namespace {

constexpr std::size_t kHeaderBytes = 128;
constexpr std::size_t kTagBytes = 12;
constexpr std::uint32_t kTagsMax = 100;
constexpr std::size_t kNameMax = 64;

std::uint32_t be32(Bytes bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(bytes[offset]) << 24 | static_cast<std::uint32_t>(bytes[offset + 1]) << 16 |
         static_cast<std::uint32_t>(bytes[offset + 2]) << 8 | bytes[offset + 3];
}

bool has_signature(Bytes bytes, std::size_t offset, std::string_view signature) {
  return bytes.size() >= offset + signature.size() &&
         std::memcmp(bytes.data() + offset, signature.data(), signature.size()) == 0;
}

// The tag's bytes; empty when it is not there or reaches beyond the profile.
Bytes find_tag(Bytes profile, std::string_view signature) {
  if (profile.size() < kHeaderBytes + 4) return {};
  const std::uint32_t count = std::min(be32(profile, kHeaderBytes), kTagsMax);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t row = kHeaderBytes + 4 + i * kTagBytes;
    if (row + kTagBytes > profile.size()) return {};
    if (!has_signature(profile, row, signature)) continue;
    const std::size_t offset = be32(profile, row + 4);
    const std::size_t size = be32(profile, row + 8);
    if (offset > profile.size() || size > profile.size() - offset) return {};
    return profile.subspan(offset, size);
  }
  return {};
}

// ASCII, or the low bytes of UTF-16: names in other scripts become question marks.
std::string printable(Bytes text, std::size_t step) {
  std::string name;
  for (std::size_t i = step - 1; i < text.size() && name.size() < kNameMax; i += step) {
    if (text[i] == 0 && (step == 1 || text[i - 1] == 0)) break;
    const bool plain = text[i] >= 0x20 && text[i] < 0x7F && (step == 1 || text[i - 1] == 0);
    name += plain ? static_cast<char>(text[i]) : '?';
  }
  while (!name.empty() && name.back() == ' ') name.pop_back();
  return name;
}

}  // namespace

std::string icc_name(Bytes profile) {
  const Bytes tag = find_tag(profile, "desc");
  if (tag.size() > 12 && has_signature(tag, 0, "desc")) {
    const std::size_t length = std::min<std::size_t>(be32(tag, 8), tag.size() - 12);
    return printable(tag.subspan(12, length), 1);
  }
  if (tag.size() >= 28 && has_signature(tag, 0, "mluc")) {
    // The first of its languages.
    const std::size_t length = be32(tag, 20);
    const std::size_t offset = be32(tag, 24);
    if (offset <= tag.size() && length <= tag.size() - offset) return printable(tag.subspan(offset, length), 2);
  }
  return {};
}

std::string colours_not_applied(Bytes profile, const std::string& reason) {
  const std::string name = icc_name(profile);
  return name.empty() ? "colour profile not applied: " + reason
                      : fmt::format("colour profile '{}' not applied: {}", name, reason);
}

void IccSegments::add(Bytes payload) {
  using namespace std::string_view_literals;
  constexpr std::string_view kPrefix = "ICC_PROFILE\0"sv;
  if (!has_signature(payload, 0, kPrefix) || payload.size() < kPrefix.size() + 2) return;
  const int number = payload[kPrefix.size()];
  const int expected = payload[kPrefix.size() + 1];
  if (count_++ == 0) expected_ = expected;
  if (number == 0 || number > expected || expected != expected_ || !parts_[number - 1].empty()) {
    bad_ = std::max(number, 1);
    return;
  }
  parts_[number - 1] = payload.subspan(kPrefix.size() + 2);
}

Result<std::vector<std::uint8_t>> IccSegments::join() const {
  std::vector<std::uint8_t> profile;
  if (bad_ != 0) return Error{ErrorCode::bad_data, fmt::format("segment {} of it comes twice or is wrong", bad_)};
  for (int i = 0; i < expected_; ++i) {
    const Bytes part = parts_[i];
    if (part.empty()) {
      return Error{ErrorCode::bad_data, fmt::format("segment {} of {} is missing", i + 1, expected_)};
    }
    if (profile.size() + part.size() > kIccBytesMax) {
      return Error{ErrorCode::limit_exceeded, fmt::format("it has more than {} bytes", kIccBytesMax)};
    }
    profile.insert(profile.end(), part.begin(), part.end());
  }
  return profile;
}

}  // namespace mien
