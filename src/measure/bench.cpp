// Measures the whole path image by image, and beside it the floor: the bare decoder and the bare sessions on the same
// inputs. All ratios in docs/benchmarks.md come from here.
#include "mien/tools/bench.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "image/orientation.h"
#include "measure/bench_images.h"
#include "measure/measure.h"
#include "pipeline/analyze.h"
#include "pipeline/looks.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

// Milliseconds since the kernel started this process.
double process_age_ms() {
  std::ifstream file("/proc/self/stat");
  std::string stat((std::istreambuf_iterator<char>(file)), {});
  stat.erase(0, stat.rfind(')') + 1);  // the name may hold spaces
  std::istringstream fields(stat);
  std::string field;
  for (int i = 0; i < 20; ++i) fields >> field;  // the 22nd of all: start time in clock ticks
  const double started = std::strtod(field.c_str(), nullptr) / static_cast<double>(sysconf(_SC_CLK_TCK));
  return clock_ms(CLOCK_BOOTTIME) - started * 1e3;
}

// Keeps a copy of what a session is asked, so that the same can be asked again with nothing around it.
class RecordingSession final : public Session {
 public:
  struct Call {
    std::vector<float> values;
    Shape shape;
  };

  explicit RecordingSession(const Session& session) : session_(session) {}
  RecordingSession(const RecordingSession&) = delete;
  RecordingSession& operator=(const RecordingSession&) = delete;
  const std::vector<TensorInfo>& inputs() const override { return session_.inputs(); }
  const std::vector<TensorInfo>& outputs() const override { return session_.outputs(); }
  using Session::run;
  Outputs run(std::span<const TensorView> inputs, const std::stop_token& stop) const override {
    const TensorView& input = inputs.front();
    calls_.push_back({{input.data, input.data + input.count()}, input.shape});
    return session_.run(inputs, stop);
  }
  void replay() const {
    for (const Call& call : calls_) {
      const TensorView input{call.values.data(), call.shape};
      (void)session_.run({&input, 1});
    }
  }

 private:
  const Session& session_;
  mutable std::vector<Call> calls_;
};

struct Floor {
  double decode = 0;
  double sessions = 0;
};

// The floor of one image: what decode and sessions alone cost on the inputs that the pipeline gives them.
Floor measure_floor(const Engine::State& engine, const AnalyzeOptions& options, Bytes bytes, int passes,
                    Workspace::State& work) {
  auto detector_calls = std::make_unique<RecordingSession>(*engine.detector->session);
  const RecordingSession& detector_record = *detector_calls;
  const Detector detector = with_session(*engine.detector, std::move(detector_calls));

  ItemMemory memory;
  const DecodeOptions decoding = decoding_of(engine);
  if (!decode_image(bytes, decoding, memory.decoded)) return {};
  const ImageView upright = upright_view(memory.decoded.pixels, memory.decoded.orientation, memory.upright);
  const DetectTerms terms = detect_terms(engine.options.precision, options, 1);
  const std::vector<DetectedFace> faces = detect_faces(detector, terms, upright, work.detect);

  const RecordingSession* embedder_record = nullptr;
  Embedder embedder;
  if (engine.embedder != nullptr) {
    work.aligned.clear();
    for (const DetectedFace& face : faces) {
      const std::optional<Similarity> similarity = estimate_alignment(face.landmarks);
      if (similarity) warp_aligned_into(upright, *similarity, engine.embedder->feed, work.aligned.add());
    }
    embedder.dimension = engine.embedder->dimension;
    embedder.batch_max = engine.embedder->batch_max.load();
    auto embedder_calls = std::make_unique<RecordingSession>(*engine.embedder->session);
    embedder_record = embedder_calls.get();
    embedder.session = std::move(embedder_calls);
    (void)embed_faces(embedder, work.aligned);
  }
  Floor floor{std::numeric_limits<double>::max(), std::numeric_limits<double>::max()};
  for (int pass = 0; pass < passes; ++pass) {
    double start = clock_ms(CLOCK_THREAD_CPUTIME_ID);
    (void)decode_image(bytes, decoding, memory.decoded);
    floor.decode = std::min(floor.decode, clock_ms(CLOCK_THREAD_CPUTIME_ID) - start);
    start = clock_ms(CLOCK_THREAD_CPUTIME_ID);
    detector_record.replay();
    if (embedder_record != nullptr) embedder_record->replay();
    floor.sessions = std::min(floor.sessions, clock_ms(CLOCK_THREAD_CPUTIME_ID) - start);
  }
  return floor;
}

std::vector<fs::path> list_images(const PipelineBenchOptions& options) {
  std::vector<fs::path> paths = list_photos(options.images_dir);
  if (options.limit > 0) paths.resize(std::min(paths.size(), static_cast<std::size_t>(options.limit)));
  return paths;
}

nlohmann::json dump_faces(const Analysis& analysis) {
  nlohmann::json rows = nlohmann::json::array();
  for (const Face& face : analysis.faces) {
    nlohmann::json row = {face.bbox.x1, face.bbox.y1, face.bbox.x2, face.bbox.y2, face.det_score};
    row.push_back(face.embedding.empty() ? nlohmann::json() : nlohmann::json(face.embedding));
    rows.push_back(std::move(row));
  }
  return rows;
}

void add(Timings& sum, const Timings& one, double share) {
  sum.decode += one.decode * share;
  sum.enhance += one.enhance * share;
  sum.detect += one.detect * share;
  sum.embed += one.embed * share;
  sum.quality += one.quality * share;
  sum.total += one.total * share;
}

struct LoadedImage {
  std::vector<std::uint8_t> bytes;
  Analysis last;
};

// One pass over all images: their times go into the minima, their stages into `stages`.
double run_pass(const Engine& engine, const AnalyzeOptions& options, std::vector<LoadedImage>& inputs,
                Workspace& workspace, PipelineBenchResult& result, Timings& stages) {
  const double pass_start = clock_ms(CLOCK_THREAD_CPUTIME_ID);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    PipelineBenchImage& image = result.images[i];
    const double cpu_start = clock_ms(CLOCK_THREAD_CPUTIME_ID);
    const double wall_start = wall_ms();
    Result<Analysis> analysis = engine.analyze(inputs[i].bytes, options, workspace);
    image.cpu_ms = std::min(image.cpu_ms, clock_ms(CLOCK_THREAD_CPUTIME_ID) - cpu_start);
    image.wall_ms = std::min(image.wall_ms, wall_ms() - wall_start);
    if (!analysis) throw Exception(analysis.error().code, image.file + ": " + analysis.error().message);
    image.faces = static_cast<int>(analysis->faces.size());
    add(stages, analysis->timings_ms, 1.0 / static_cast<double>(inputs.size()));
    inputs[i].last = std::move(*analysis);
  }
  return clock_ms(CLOCK_THREAD_CPUTIME_ID) - pass_start;
}

}  // namespace

PipelineBenchResult bench_pipeline(const Engine& engine, const PipelineBenchOptions& options) {
  PipelineBenchResult result;
  std::vector<LoadedImage> inputs;
  for (const fs::path& path : list_images(options)) {
    inputs.push_back({read_file(path.string(), engine.options().limits.bytes_max).take(), {}});
    PipelineBenchImage image;
    image.file = path.filename().string();
    image.cpu_ms = image.wall_ms = std::numeric_limits<double>::max();
    result.images.push_back(std::move(image));
  }
  Workspace workspace;
  (void)engine.analyze(inputs.front().bytes, options.analyze, workspace);
  result.first_result_ms = process_age_ms();

  PipelineBenchResult uncounted = result;
  Timings uncounted_stages;
  for (int pass = 0; pass < options.warm_up; ++pass) {
    run_pass(engine, options.analyze, inputs, workspace, uncounted, uncounted_stages);
  }
  double fastest = std::numeric_limits<double>::max();
  for (int pass = 0; pass < std::max(1, options.passes); ++pass) {
    Timings stages;
    const double elapsed = run_pass(engine, options.analyze, inputs, workspace, result, stages);
    if (elapsed < fastest) result.stages_ms = stages;
    fastest = std::min(fastest, elapsed);
  }
  result.peak_rss_mb = peak_memory_mb();
  if (options.floor) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Floor floor = measure_floor(engine.state(), options.analyze, inputs[i].bytes, std::max(1, options.passes),
                                        workspace.state());
      result.images[i].decode_cpu_ms = floor.decode;
      result.images[i].floor_cpu_ms = floor.sessions;
    }
  }
  if (!options.dump_path.empty()) {
    nlohmann::json dump = nlohmann::json::object();
    for (std::size_t i = 0; i < inputs.size(); ++i) dump[result.images[i].file] = dump_faces(inputs[i].last);
    const std::string text = dump.dump();
    write_private_file(options.dump_path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  return result;
}

}  // namespace mien
