// Base64 as RFC 4648 section 4 has it: the standard alphabet, with padding, without line breaks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mien/result.h"

namespace mien {

std::string base64_encode(std::span<const std::uint8_t> bytes);
// Strict, so that each text stands for one sequence of bytes: bad_data for a foreign character,
// missing padding or unused bits that are not zero.
Result<std::vector<std::uint8_t>> base64_decode(std::string_view text);

}  // namespace mien
