// Decodes mutants of image files and says what that took. Build it with sanitizers for what they find, and without
// for times and memory.
//
//   mutate_images COUNT SEED FILE...          mutants 0 .. COUNT - 1
//   mutate_images --write NUMBER SEED FILE... that one mutant's bytes on standard output
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>

#include "mutate_images.h"

namespace mien::fuzz {
namespace {

constexpr double kHangMs = 2000;
constexpr std::int64_t kPixelsMax = 16'000'000;
// Of the pixels allowed: 3 bytes each as stored, 3 upright, up to 8 of coefficients; what the program, the seeds and
// one mutant take comes on top.
constexpr long kPeakMegabytesMax = 14 * kPixelsMax / 1'000'000 + 100;

std::vector<ByteVector> read_seeds(int count, char** paths) {
  std::vector<ByteVector> seeds;
  for (int i = 0; i < count; ++i) {
    std::ifstream file(paths[i], std::ios::binary);
    ByteVector bytes(std::istreambuf_iterator<char>(file), {});
    if (!bytes.empty()) seeds.push_back(std::move(bytes));
  }
  return seeds;
}

long peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

int run(const std::vector<ByteVector>& seeds, std::uint64_t count, std::uint64_t seed) {
  constexpr int kScales[] = {1, 1, 1, 2, 4, 8};
  DecodedImage image;
  Image upright;
  std::map<std::string, std::uint64_t> outcomes;
  double slowest_ms = 0;
  std::uint64_t slowest = 0;
  for (std::uint64_t number = 0; number < count; ++number) {
    const ByteVector mutant = make_mutant(seeds, seed, number);
    DecodeOptions options;
    options.limits.pixels_max = kPixelsMax;
    options.scale_denominator = kScales[number % std::size(kScales)];
    const MutantResult result = decode_mutant(mutant, options, image, upright);
    ++outcomes[result.decoded ? (result.warned ? "decoded with a warning" : "decoded") : result.error_name];
    if (result.cpu_ms > slowest_ms) {
      slowest_ms = result.cpu_ms;
      slowest = number;
    }
    if (result.cpu_ms > kHangMs) {
      std::printf("mutant %llu of seed %llu takes %.0f ms\n", static_cast<unsigned long long>(number),
                  static_cast<unsigned long long>(seed), result.cpu_ms);
    }
  }
  for (const auto& [outcome, times] : outcomes) {
    std::printf("%8llu %s\n", static_cast<unsigned long long>(times), outcome.c_str());
  }
  const long peak = peak_megabytes();
  std::printf("slowest: mutant %llu, %.1f ms of CPU time\npeak memory: %ld MB (bound without sanitizers: %ld)\n",
              static_cast<unsigned long long>(slowest), slowest_ms, peak, kPeakMegabytesMax);
#ifndef __SANITIZE_ADDRESS__
  if (peak > kPeakMegabytesMax) return EXIT_FAILURE;
#endif
  return slowest_ms > kHangMs ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace
}  // namespace mien::fuzz

int main(int argc, char** argv) {
  const bool write = argc > 1 && std::string(argv[1]) == "--write";
  const int first = write ? 2 : 1;
  if (argc < first + 3) {
    std::fprintf(stderr, "usage: mutate_images COUNT SEED FILE... | --write NUMBER SEED FILE...\n");
    return 2;
  }
  const std::uint64_t number = std::strtoull(argv[first], nullptr, 10);
  const std::uint64_t seed = std::strtoull(argv[first + 1], nullptr, 10);
  const std::vector<mien::fuzz::ByteVector> seeds = mien::fuzz::read_seeds(argc - first - 2, argv + first + 2);
  if (seeds.empty()) {
    std::fprintf(stderr, "mutate_images: none of the seed files can be read\n");
    return 2;
  }
  if (!write) return mien::fuzz::run(seeds, number, seed);
  const mien::fuzz::ByteVector mutant = mien::fuzz::make_mutant(seeds, seed, number);
  return std::fwrite(mutant.data(), 1, mutant.size(), stdout) == mutant.size() ? EXIT_SUCCESS : EXIT_FAILURE;
}
