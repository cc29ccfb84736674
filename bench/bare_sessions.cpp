// The memory that the runtime and the two models take by themselves: the baseline of mien's own peak.
//
//   bare_sessions DETECTOR EMBEDDER [WIDTH HEIGHT FACES]
//
// Opens both, runs the detector on WIDTH x HEIGHT (640 x 640) and the embedder on FACES (1) black faces, three times,
// and prints one JSON line. DETECTOR and EMBEDDER are names of the catalogue or paths, as for mien.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "models/load.h"

namespace {

double peak_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void run(const mien::Session& session, mien::Shape shape) {
  mien::TensorView input{nullptr, std::move(shape)};
  const std::vector<float> black(input.count());
  input.data = black.data();
  for (int i = 0; i < 3; ++i) (void)session.run({&input, 1});
}

int measure(int argc, char** argv) {
  if (argc != 3 && argc != 6) {
    std::fprintf(stderr, "usage: bare_sessions DETECTOR EMBEDDER [WIDTH HEIGHT FACES]\n");
    return 2;
  }
  const auto number = [&](int i, int fallback) { return argc == 6 ? std::atoi(argv[i]) : fallback; };
  const mien::Settings settings = mien::load_settings();
  const std::unique_ptr<mien::Runtime> runtime = mien::open_onnxruntime(settings);
  const std::unique_ptr<mien::Detector> detector =
      mien::load_detector(*runtime, mien::find_model(settings, "detector", argv[1]).take(), {});
  const std::unique_ptr<mien::Embedder> embedder =
      mien::load_embedder(*runtime, mien::find_model(settings, "embedder", argv[2]).take());
  const double loaded_mb = peak_mb();
  run(*detector->session, {1, 3, number(4, 640), number(3, 640)});
  run(*embedder->session, {number(5, 1), 3, mien::kAlignedSide, mien::kAlignedSide});
  std::printf("{\"loaded_mb\": %.1f, \"peak_mb\": %.1f}\n", loaded_mb, peak_mb());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return measure(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bare_sessions: %s\n", error.what());
    return 1;
  }
}
