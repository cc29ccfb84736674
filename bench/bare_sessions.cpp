// The memory that the runtimes and the two models take by themselves: the baseline of mien's own peak.
//
//   bare_sessions DETECTOR EMBEDDER [--many] [--fast] [--runs N] [--faces N]... [WIDTHxHEIGHT...]
//
// Opens both as mien would, with --many for a long scan and with --fast for --precision fast; runs the detector N (3)
// times on each size (640x640) and the embedder on each number of black faces (1), and prints one JSON line. DETECTOR
// and EMBEDDER are names of the catalogue or paths, as for mien. Runtimes keep memory for each size that they saw: give
// those of the photos that mien is measured on, in their order, and the batches in which it embeds their faces.
// OpenVINO has a form of its own for a size after some dozens of runs.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "device/choose_runtime.h"
#include "models/load.h"

namespace {

double peak_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

struct Size {
  int width = 640;
  int height = 640;
};

struct Options {
  std::vector<std::string> models;
  std::vector<Size> sizes;
  bool is_many = false;
  bool is_fast = false;
  int runs = 3;
  std::vector<int> faces;
};

// Nothing where the arguments cannot be understood.
std::optional<Options> parse(std::span<char*> arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string argument = arguments[i];
    const bool takes_number = argument == "--runs" || argument == "--faces";
    Size size;
    if (argument == "--fast") {
      options.is_fast = true;
    } else if (argument == "--many") {
      options.is_many = true;
    } else if (takes_number && i + 1 < arguments.size()) {
      const int number = std::atoi(arguments[++i]);
      if (number < 1) return std::nullopt;
      if (argument == "--runs") {
        options.runs = number;
      } else {
        options.faces.push_back(number);
      }
    } else if (std::sscanf(argument.c_str(), "%dx%d", &size.width, &size.height) == 2 && options.models.size() == 2) {
      options.sizes.push_back(size);
    } else {
      options.models.push_back(argument);
    }
  }
  if (options.sizes.empty()) options.sizes.emplace_back();
  if (options.faces.empty()) options.faces.push_back(1);
  return options.models.size() == 2 ? std::optional(options) : std::nullopt;
}

void run(const mien::Session& session, mien::Shape shape, int times) {
  mien::TensorView input{nullptr, std::move(shape)};
  const std::vector<float> black(input.count());
  input.data = black.data();
  for (int i = 0; i < times; ++i) (void)session.run({&input, 1});
}

int measure(std::span<char*> arguments) {
  const std::optional<Options> options = parse(arguments);
  if (!options) {
    std::fprintf(stderr,
                 "usage: bare_sessions DETECTOR EMBEDDER [--many] [--fast] [--runs N] [--faces N]... "
                 "[WIDTHxHEIGHT...]\n");
    return 2;
  }
  const mien::Settings settings = mien::load_settings();
  const auto wish_for = [&](const mien::ModelFile& file) {
    const bool is_long = options->is_many && mien::gains_by_openvino(file);
    return mien::RuntimeWish{.many_images = is_long, .reduced_precision = options->is_fast};
  };
  const mien::ModelFile detector_file = mien::find_model(settings, "detector", options->models[0]).take();
  const mien::ModelFile embedder_file = mien::find_model(settings, "embedder", options->models[1]).take();
  const mien::RuntimeWish of_detector = wish_for(detector_file);
  const mien::RuntimeWish of_embedder = wish_for(embedder_file);
  const std::shared_ptr<mien::Runtime> detector_runtime = mien::choose_runtime(settings, of_detector).runtime;
  std::shared_ptr<mien::Runtime> embedder_runtime = detector_runtime;
  if (of_embedder != of_detector) embedder_runtime = mien::choose_runtime(settings, of_embedder).runtime;
  const std::unique_ptr<mien::Detector> detector = mien::load_detector(*detector_runtime, detector_file, {});
  const std::unique_ptr<mien::Embedder> embedder = mien::load_embedder(*embedder_runtime, embedder_file);
  const double loaded_mb = peak_mb();
  for (const Size& size : options->sizes) run(*detector->session, {1, 3, size.height, size.width}, options->runs);
  for (const int faces : options->faces) {
    run(*embedder->session, {faces, 3, mien::kAlignedSide, mien::kAlignedSide}, options->runs);
  }
  std::printf("{\"detector\": \"%s\", \"embedder\": \"%s\", \"loaded_mb\": %.1f, \"peak_mb\": %.1f}\n",
              detector_runtime->name().c_str(), embedder_runtime->name().c_str(), loaded_mb, peak_mb());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return measure({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bare_sessions: %s\n", error.what());
    return 1;
  }
}
