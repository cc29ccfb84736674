// The parts that tests of pixels share: golden files, and pictures that they make by themselves. No codec and no
// runtime is needed, so that the kernels can be tested alone (tests/kernels).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mien/face.h"
#include "mien/image.h"

namespace mien::test {

using ByteVector = std::vector<std::uint8_t>;

// Throws when it is not there.
ByteVector read_bytes(const std::string& path);
nlohmann::json read_golden(const std::string& name);
ByteVector decode_base64(const std::string& text);
std::vector<float> decode_floats(const std::string& base64);

// The same pixels as noise() of tests/oracle/pipeline_oracle.py.
Image make_noise(int width, int height, int channels, std::uint64_t seed);
// Every pixel of this level.
Image make_flat(int width, int height, int channels, int level);
// A soft slope: nothing in it looks like a face.
Image make_slope(int width, int height);
Image copy_pixels(ImageView pixels);
// Smaller (or larger) by the mean of the pixels that each new pixel covers.
Image scale_pixels(ImageView pixels, int width, int height);
void paste(ImageView pixels, int x, int y, Image& canvas);
Image to_gray(ImageView pixels);
Image replicate_gray(ImageView gray);
// The box grown by `margin` of its size on each side, clipped to the image.
ImageView crop_around(ImageView pixels, const Box& box, float margin);

}  // namespace mien::test
