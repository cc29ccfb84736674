// The 64-bit perceptual hash by discrete cosine transform, equal to imagehash.phash(image) with its defaults.
#pragma once

#include <cstdint>
#include <string>

#include "mien/image.h"

namespace mien {

std::uint64_t perceptual_hash(ImageView pixels);
std::string perceptual_hash_hex(std::uint64_t hash);  // 16 digits

}  // namespace mien
