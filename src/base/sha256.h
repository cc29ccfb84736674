// SHA-256 (FIPS 180-4), by OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "mien/result.h"

namespace mien {

using Sha256Digest = std::array<std::uint8_t, 32>;

Sha256Digest sha256(std::span<const std::uint8_t> bytes);
// 64 lower-case hex digits.
std::string sha256_hex(const Sha256Digest& digest);
// Takes such digits back; empty for any other text.
std::optional<Sha256Digest> sha256_from_hex(std::string_view digits);
// The digest of a whole file, which is read in pieces. Errors: not_found, io, cancelled.
Result<Sha256Digest> sha256_file(const std::string& path, const std::stop_token& stop = {});

}  // namespace mien
