// Decodes a file and writes its pixels, so that the Python oracles can compare them. Not part of the product.
//
//   decode_probe [--colours] FILE OUT.ppm     pixels as stored, or in sRGB; one JSON object about them on standard
//   output
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "image/decode.h"

int main(int argc, char** argv) {
  const bool colours = argc == 4 && std::strcmp(argv[1], "--colours") == 0;
  if (argc != 3 && !colours) {
    std::fprintf(stderr, "usage: decode_probe [--colours] FILE OUT.ppm\n");
    return 2;
  }
  std::ifstream file(argv[argc - 2], std::ios::binary);
  const std::vector<std::uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
  mien::DecodedImage image;
  const mien::Result<mien::Done> done = mien::decode_image(bytes, {.limits = {}, .convert_colours = colours}, image);
  nlohmann::ordered_json answer;
  answer["error"] = done ? nlohmann::ordered_json() : nlohmann::ordered_json(done.error().message);
  answer["format"] = image.format;
  answer["orientation"] = image.orientation;
  answer["profile_bytes"] = image.icc_profile.size();
  answer["warnings"] = image.warnings;
  std::printf("%s\n", answer.dump().c_str());
  if (!done) return 1;
  std::ofstream out(argv[argc - 1], std::ios::binary);
  out << "P6\n" << image.pixels.width() << ' ' << image.pixels.height() << "\n255\n";
  out.write(reinterpret_cast<const char*>(image.pixels.data()),
            static_cast<std::streamsize>(image.pixels.size_bytes()));
  return out ? 0 : 1;
}
