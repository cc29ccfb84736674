// Micro-benchmarks: the code of each operation on a fixed list of cases. The pixels are made here and are the same
// everywhere, so that two machines, two devices or two versions can be compared.
#include <fmt/format.h>

#include <functional>

#include "base/cancel.h"
#include "image/resample.h"
#include "measure/bench_case.h"
#include "measure/measure.h"
#include "mien/tools/bench.h"
#include "ops/align.h"
#include "ops/enhance.h"
#include "ops/quality.h"
#include "pipeline/analyze.h"
#include "pipeline/passes.h"

namespace mien {
namespace {

constexpr int kKernelIterationsMax = 2000;

// A soft slope with grain: neither flat nor noise, as photos are.
Image make_pixels(PixelSize size) {
  Image image(size.width, size.height, 3);
  std::uint32_t state = 1;
  for (int y = 0; y < size.height; ++y) {
    std::uint8_t* const row = image.row(y);
    for (int x = 0; x < 3 * size.width; ++x) {
      state = state * 1664525U + 1013904223U;
      const int slope = (x + 2 * y) * 200 / (3 * size.width + 2 * size.height);
      row[x] = static_cast<std::uint8_t>(slope + static_cast<int>(state >> 27U));
    }
  }
  return image;
}

// An upright face of about a quarter of the picture's height.
ItemFace make_face(PixelSize size) {
  const float side = static_cast<float>(size.height) / 4;
  const float x = static_cast<float>(size.width) / 2, y = static_cast<float>(size.height) / 2;
  ItemFace one;
  one.face.bbox = {x - side / 2, y - side / 2, x + side / 2, y + side / 2};
  one.landmarks = {{{x - side / 6, y - side / 8},
                    {x + side / 6, y - side / 8},
                    {x, y + side / 20},
                    {x - side / 7, y + side / 5},
                    {x + side / 7, y + side / 5}}};
  one.face.landmarks = one.landmarks;
  return one;
}

PreparedPictures make_prepared(PixelSize size, int faces) {
  PreparedPictures prepared;
  Workspace workspace;
  prepared.pictures.push_back(make_pixels(size));
  add_upright(workspace.state(), prepared.items, prepared.pictures.front());
  GroupItem& item = prepared.items.front();
  item.always_enhance = true;
  item.waits_for_device = true;
  for (int i = 0; i < faces; ++i) item.faces.push_back(make_face(size));
  return prepared;
}

// ---- The cases

// A stage as an analysis runs it, on the CPU and on the device.
struct StageCase {
  PixelSize size;
  int faces = 0;
};

std::vector<StageCase> stage_cases(Operation operation) {
  if (operation == Operation::face_embedding) return {{{640, 480}, 1}, {{640, 480}, 8}};
  // Larger pictures are not enhanced.
  if (operation == Operation::image_enhancement) return {{{100, 100}, 0}, {{240, 180}, 0}, {{480, 360}, 0}};
  return {{{128, 128}, 0}, {{640, 480}, 0}, {{1920, 1080}, 0}};
}

// A kernel by itself, on the CPU.
struct KernelCase {
  Operation operation;
  std::string name;
  PixelSize size;
  std::function<void(const Engine::State& engine, const Image& image)> run;
};

KernelCase letterbox_case(PixelSize size) {
  const float scale = static_cast<float>(kDetectSide) / static_cast<float>(size.width);
  const int height = static_cast<int>(static_cast<float>(size.height) * scale);
  const LetterboxSize box = {kDetectSide, height, kDetectSide, (height + 31) / 32 * 32};
  return {Operation::face_detection,
          fmt::format("letterbox {}x{} to {}x{}", size.width, size.height, box.canvas_width, box.canvas_height), size,
          [box, scratch = std::make_shared<DetectScratch>()](const Engine::State& engine, const Image& image) {
            scratch->planes.resize(3 * static_cast<std::size_t>(box.canvas_width) *
                                   static_cast<std::size_t>(box.canvas_height));
            letterbox_into(image, box, engine.detector->kind->feed, scratch->resize, scratch->planes.data());
          }};
}

KernelCase warp_case(PixelSize size) {
  return {Operation::face_embedding, fmt::format("warp {}x{} to 112x112", size.width, size.height), size,
          [size, planes = std::make_shared<AlignedFaces>()](const Engine::State& engine, const Image& image) {
            planes->clear();
            const std::optional<Similarity> similarity = estimate_alignment(make_face(size).landmarks);
            warp_aligned_into(image, *similarity, engine.embedder->feed, planes->add());
          }};
}

KernelCase resample_case(PixelSize size, PixelSize to) {
  return {Operation::image_processing,
          fmt::format("Lanczos {}x{} to {}x{}", size.width, size.height, to.width, to.height), size,
          [to, out = std::make_shared<Image>()](const Engine::State&, const Image& image) {
            resample(image, to.width, to.height, ResampleFilter::lanczos, *out);
          }};
}

std::vector<KernelCase> kernel_cases() {
  return {letterbox_case({800, 600}), letterbox_case({1920, 1080}), warp_case({1920, 1080}),
          resample_case({800, 600}, {150, 113}), resample_case({1920, 1080}, {150, 84})};
}

// ---- Measuring

struct OpsBench {
  const OpsBenchOptions& options;
  std::unique_ptr<Engine> cpu;
  std::unique_ptr<Engine> gpu;  // null: not asked for
  std::vector<OpsBenchRow> rows = {};

  // `once` runs once and returns its milliseconds.
  OpsBenchRow measure(const std::function<double()>& once, double megapixels) const {
    std::vector<double> times;
    double spent = 0;
    const int iterations_max = options.iterations > 0 ? options.iterations : kKernelIterationsMax;
    while (static_cast<int>(times.size()) < iterations_max &&
           (times.empty() || options.iterations > 0 || spent < options.seconds_each * 1e3)) {
      throw_if_stopped(options.stop);
      times.push_back(once());
      spent += times.back();
    }
    OpsBenchRow row;
    row.iterations = static_cast<int>(times.size());
    row.ms = spread_of(std::move(times));
    if (row.ms.median > 0) row.megapixels_per_second = megapixels / row.ms.median * 1e3;
    return row;
  }

  void add_stage(const Engine& engine, const BenchCase& bench_case, const StageCase& one);
  void add_kernel(const KernelCase& kernel);
};

double megapixels_of(PixelSize size) { return static_cast<double>(size.width) * size.height / 1e6; }

void OpsBench::add_stage(const Engine& engine, const BenchCase& bench_case, const StageCase& one) {
  const bool on_gpu = &engine == gpu.get();
  const PreparedPictures prepared = make_prepared(one.size, one.faces);
  CaseRun run(engine.state(), bench_case, prepared);
  const bool is_usable = run.uses_device();
  OpsBenchRow row;
  std::string error;
  if (!on_gpu || is_usable) {
    (void)run.warm_up(1, options.stop);
    (void)run.take_placement();
    const auto once = [&] {
      const BatchSample sample = run.run(1, options.stop);
      if (error.empty()) error = sample.error;
      return sample.wall_ms;
    };
    row = measure(once, megapixels_of(one.size));
  }
  row.operation = bench_case.name;
  row.name = fmt::format("stage {}x{}", one.size.width, one.size.height);
  if (one.faces > 0) row.name += fmt::format(", {} face{}", one.faces, one.faces == 1 ? "" : "s");
  row.device = "cpu";
  if (on_gpu) {
    const Gpu& device = engine.state().device->gpu();
    row.device = is_usable ? device.backend() : "gpu";
    const Placement placement = is_usable ? run.take_placement() : Placement{};
    if (!is_usable) {
      row.problem = device.reason();
    } else if (placement.reason) {
      row.problem = *placement.reason;
    }
  }
  if (!error.empty()) row.problem = error;
  if (!row.problem.empty()) row.iterations = 0, row.ms = {}, row.megapixels_per_second = 0;
  rows.push_back(std::move(row));
}

void OpsBench::add_kernel(const KernelCase& kernel) {
  const Image image = make_pixels(kernel.size);
  kernel.run(cpu->state(), image);
  const auto once = [&] {
    const double start = wall_ms();
    kernel.run(cpu->state(), image);
    return wall_ms() - start;
  };
  OpsBenchRow row = measure(once, megapixels_of(kernel.size));
  row.operation = operation_name(kernel.operation);
  row.name = kernel.name;
  row.device = "cpu";
  rows.push_back(std::move(row));
}

}  // namespace

std::vector<OpsBenchRow> bench_operations(const OpsBenchOptions& options) {
  std::vector<std::string_view> names;
  for (const OperationRow& row : kOperations) names.push_back(row.name);
  check_names(options.operations, names, "operation");
  OpsBench bench{.options = options, .cpu = {}, .gpu = {}};
  const auto open = [&](GpuMode mode) { return std::make_unique<Engine>(with_gpu_mode(options.engine, mode)); };
  bench.cpu = open(GpuMode::off);
  if (options.gpu) bench.gpu = open(GpuMode::on);
  for (const BenchCase& bench_case : bench_cases()) {
    const bool is_row = find_operation(bench_case.name).has_value();  // thumbnails are among the kernels
    if (!is_row || !is_asked(options.operations, bench_case.name)) continue;
    for (const KernelCase& kernel : kernel_cases()) {
      if (kernel.operation == bench_case.operation) bench.add_kernel(kernel);
    }
    for (const StageCase& one : stage_cases(bench_case.operation)) {
      bench.add_stage(*bench.cpu, bench_case, one);
      if (bench.gpu) bench.add_stage(*bench.gpu, bench_case, one);
    }
  }
  return std::move(bench.rows);
}

}  // namespace mien
