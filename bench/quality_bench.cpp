// measure_quality on raw pixels, one measurement for each line on standard input, so that a script can alternate it
// with another program in one run (bench/quality_vs_opencv.py).
// Usage: quality_bench FILE WIDTH HEIGHT CHANNELS. Answers: CPU milliseconds and the four measures, one line each.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <string>

#include "ops/quality.h"

namespace {

double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s FILE WIDTH HEIGHT CHANNELS\n", argv[0]);
    return 2;
  }
  mien::Image image(std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]));
  std::ifstream file(argv[1], std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(image.data()), static_cast<std::streamsize>(image.size_bytes()))) {
    std::fprintf(stderr, "%s: too few bytes\n", argv[1]);
    return 2;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const double begin = cpu_ms();
    const mien::Quality quality = mien::measure_quality(image);
    const double end = cpu_ms();
    std::printf("%.4f %.9g %.9g %.9g %.9g\n", end - begin, quality.blur_score, quality.brightness, quality.contrast,
                quality.sharpness);
    std::fflush(stdout);
  }
}
