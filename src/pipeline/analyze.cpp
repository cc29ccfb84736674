// The whole flow, read from top to bottom: bytes -> upright pixels -> (enhanced) -> faces -> aligned -> quality;
// then the embeddings of all images at once.
#include "pipeline/analyze.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "base/cancel.h"
#include "image/orientation.h"
#include "ops/align.h"
#include "ops/crop.h"
#include "ops/enhance.h"
#include "ops/phash.h"
#include "ops/pixels.h"
#include "ops/quality.h"
#include "pipeline/passes.h"
#include "pipeline/placement.h"

namespace mien {
namespace {

class Stopwatch {
 public:
  // Milliseconds since the last lap.
  double lap() {
    const Clock::time_point now = Clock::now();
    const double elapsed = std::chrono::duration<double, std::milli>(now - last_).count();
    last_ = now;
    return elapsed;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();
};

// A face of one image waiting for its embedding.
struct PendingFace {
  std::size_t image;
  std::size_t face;
};

struct Found {
  std::vector<Candidate> faces;
  float scale = 1;
};

// Turns a point of an image that was rotated clockwise by `quarter_turns` back to the image before.
Point turn_back(Point point, int quarter_turns, float width, float height) {
  switch (quarter_turns) {
    case 1: return {point.y, height - point.x};
    case 2: return {width - point.x, height - point.y};
    case 3: return {width - point.y, point.x};
    default: return point;
  }
}

void turn_back(Candidate& face, int quarter_turns, const ImageView& image) {
  const float width = static_cast<float>(image.width);
  const float height = static_cast<float>(image.height);
  const Point a = turn_back({face.box.x1, face.box.y1}, quarter_turns, width, height);
  const Point b = turn_back({face.box.x2, face.box.y2}, quarter_turns, width, height);
  face.box = {std::min(a.x, b.x), std::min(a.y, b.y), std::max(a.x, b.x), std::max(a.y, b.y)};
  // Boxes end at the edges of pixels, landmarks are at their centres: the first pixel becomes the last one.
  for (Point& point : face.landmarks) point = turn_back(point, quarter_turns, width - 1, height - 1);
}

double total_score(const std::vector<Candidate>& faces) {
  double sum = 0;
  for (const Candidate& face : faces) sum += face.score;
  return sum;
}

// Looks at the image as it is and, when asked, turned; the turn that shows most wins, the upright one in doubt.
Found find_faces(const Engine::State& engine, ImageView image, const AnalyzeOptions& options, Workspace::State& work) {
  Found best;
  const std::stop_token& stop = options.stop;
  best.faces = detect_faces(*engine.detector, engine.options.precision, image, work.detect, &best.scale, stop);
  if (!options.rotations) return best;
  constexpr int kOrientationOfTurn[] = {1, 6, 3, 8};  // EXIF's numbers for clockwise quarter turns
  for (int quarter_turns = 1; quarter_turns <= 3; ++quarter_turns) {
    apply_orientation(image, kOrientationOfTurn[quarter_turns], work.turned, stop);
    Found found;
    found.faces =
        detect_faces(*engine.detector, engine.options.precision, work.turned, work.detect, &found.scale, stop);
    if (total_score(found.faces) <= total_score(best.faces)) continue;
    for (Candidate& face : found.faces) turn_back(face, quarter_turns, image);
    best = std::move(found);
  }
  return best;
}

Box scale_box(const Box& box, float factor) {
  return {box.x1 * factor, box.y1 * factor, box.x2 * factor, box.y2 * factor};
}

Face make_face(const Detector& detector, const Candidate& candidate, float scale, float enhancement) {
  Face face;
  face.bbox = scale_box(candidate.box, 1 / enhancement);
  face.det_score = candidate.score;
  face.scale = scale * enhancement;
  face.enhancement_scale = enhancement;
  if (detector.has_landmarks) {
    Landmarks points = candidate.landmarks;
    for (Point& point : points) point = {point.x / enhancement, point.y / enhancement};
    face.landmarks = points;
  }
  return face;
}

// Adds the face to those waiting for the embedder; false when its landmarks allow no alignment.
bool align_face(const Engine::State& engine, ImageView image, const Candidate& candidate, AlignedFaces& aligned) {
  const std::optional<Similarity> similarity = estimate_alignment(candidate.landmarks);
  if (!similarity) return false;
  warp_aligned_into(image, *similarity, engine.embedder->feed, aligned.add());
  return true;
}

// From upright pixels to faces; what needs the embedder is left in `work.aligned` and `pending`.
void analyze_upright(const Engine::State& engine, ImageView upright, const AnalyzeOptions& options,
                     Workspace::State& work, Analysis& analysis, std::size_t image_index,
                     std::vector<PendingFace>& pending) {
  Stopwatch watch;
  ImageView image = upright;
  float enhancement = 1;
  if (options.enhance && needs_enhancement(upright.width, upright.height)) {
    enhancement = static_cast<float>(enhance_pixels(upright, work.enhanced));
    image = work.enhanced;
    analysis.timings_ms.enhance = watch.lap();
  }

  const Found found = find_faces(engine, image, options, work);
  analysis.timings_ms.detect = watch.lap();

  for (const Candidate& candidate : found.faces) {
    throw_if_stopped(options.stop);
    Face face = make_face(*engine.detector, candidate, found.scale, enhancement);
    if (options.face_quality || options.min_quality > 0) {
      face.quality = assess_part(upright, &face.bbox, face.landmarks ? &*face.landmarks : nullptr);
      if (face.quality->overall_score < options.min_quality) continue;
    }
    if (options.embed && engine.embedder != nullptr) {
      if (align_face(engine, image, candidate, work.aligned)) {
        pending.push_back({image_index, analysis.faces.size()});
      } else {
        analysis.warnings.push_back(
            fmt::format("face {} has no embedding: its landmarks are one point", analysis.faces.size()));
      }
    }
    analysis.faces.push_back(std::move(face));
  }
  if (options.image_quality) analysis.quality = assess_part(upright, nullptr, nullptr);
  analysis.timings_ms.quality = watch.lap();
}

// The hash of the pixels as stored, colours included, so that it equals what other programs compute of the same file.
std::string hash_as_stored(Bytes encoded, const DecodeOptions& options, const DecodedImage& decoded) {
  if (!decoded.colours_converted) return perceptual_hash_hex(perceptual_hash(decoded.pixels));
  DecodeOptions as_stored = options;
  as_stored.convert_colours = false;
  DecodedImage stored;
  if (!decode_image(encoded, as_stored, stored)) return {};
  return perceptual_hash_hex(perceptual_hash(stored.pixels));
}

Result<Analysis> analyze_encoded(const Engine::State& engine, Bytes encoded, const AnalyzeOptions& options,
                                 Workspace::State& work, std::size_t image_index, std::vector<PendingFace>& pending) {
  throw_if_stopped(options.stop);
  Stopwatch watch;
  DecodeOptions decoding = decode_options(engine.input);
  // InsightFace looks at colours as they are stored.
  decoding.convert_colours = engine.options.precision != Precision::exact;
  decoding.stop = options.stop;
  Result<Done> decoded = decode_image(encoded, decoding, work.decoded);
  if (!decoded) return decoded.error();
  Analysis analysis;
  analysis.format = work.decoded.format;
  analysis.warnings = work.decoded.warnings;
  if (options.phash) analysis.phash = hash_as_stored(encoded, decoding, work.decoded);
  throw_if_stopped(options.stop);
  const ImageView upright = upright_view(work.decoded.pixels, work.decoded.orientation, work.upright, options.stop);
  // From here on the image stands upright, and every coordinate is a pixel of it.
  analysis.width = upright.width;
  analysis.height = upright.height;
  analysis.timings_ms.decode = watch.lap();
  analyze_upright(engine, upright, options, work, analysis, image_index, pending);
  return analysis;
}

Result<Analysis> analyze_view(const Engine::State& engine, const PixelView& pixels, const AnalyzeOptions& options,
                              Workspace::State& work, std::vector<PendingFace>& pending) {
  throw_if_stopped(options.stop);
  Stopwatch watch;
  const Result<ImageView> view = open_pixels(pixels, engine.options.limits, work.converted, options.stop);
  if (!view) return view.error();
  Analysis analysis;
  analysis.format = "pixels";
  if (options.phash) analysis.phash = perceptual_hash_hex(perceptual_hash(*view));
  const ImageView upright = upright_view(*view, pixels.orientation, work.upright, options.stop);
  analysis.width = upright.width;
  analysis.height = upright.height;
  analysis.timings_ms.decode = watch.lap();
  analyze_upright(engine, upright, options, work, analysis, 0, pending);
  return analysis;
}

// Gives every waiting face its embedding. The time is shared among the images by their faces. What ends it becomes the
// result of all images that wait.
void embed_pending(const Engine::State& engine, const std::vector<PendingFace>& pending, const std::stop_token& stop,
                   Workspace::State& work, std::vector<Result<Analysis>>& results) {
  if (pending.empty()) return;
  Stopwatch watch;
  std::vector<std::vector<float>> embeddings;
  try {
    embeddings = embed_faces(*engine.embedder, work.aligned, stop);
  } catch (const Exception& error) {
    for (const PendingFace& face : pending) results[face.image] = error.error();
    return;
  }
  const double each = watch.lap() / static_cast<double>(pending.size());
  for (std::size_t i = 0; i < pending.size(); ++i) {
    Analysis& analysis = *results[pending[i].image];
    analysis.faces[pending[i].face].embedding = std::move(embeddings[i]);
    analysis.timings_ms.embed += each;
  }
}

void finish(const Engine::State& engine, const AnalyzeOptions& options, Analysis& analysis) {
  Timings& timings = analysis.timings_ms;
  timings.total = timings.decode + timings.enhance + timings.detect + timings.embed + timings.quality;
  analysis.models.detector = engine.detector_file.info.name;
  if (engine.embedder != nullptr) {
    analysis.models.embedder = engine.embedder_file.info.name;
    analysis.models.embedder_id = engine.embedder->id;
  }
  analysis.placement = describe_placement(engine, options, analysis);
}

}  // namespace

std::vector<Result<Analysis>> analyze_images(const Engine::State& engine, std::span<const Bytes> images,
                                             const AnalyzeOptions& options, Workspace::State& work,
                                             const BatchProgress& progress) {
  std::vector<Result<Analysis>> results;
  std::vector<PendingFace> pending;
  work.aligned.clear();
  for (const Bytes image : images) {
    try {
      results.push_back(analyze_encoded(engine, image, options, work, results.size(), pending));
    } catch (const Exception& error) {
      results.push_back(error.error());
    }
    if (progress) progress(results.size(), images.size());
  }
  embed_pending(engine, pending, options.stop, work, results);
  for (Result<Analysis>& result : results) {
    if (result) finish(engine, options, *result);
  }
  return results;
}

Result<Analysis> analyze_pixels(const Engine::State& engine, const PixelView& pixels, const AnalyzeOptions& options,
                                Workspace::State& work) {
  std::vector<Result<Analysis>> results;
  std::vector<PendingFace> pending;
  work.aligned.clear();
  try {
    results.push_back(analyze_view(engine, pixels, options, work, pending));
  } catch (const Exception& error) {
    results.push_back(error.error());
  }
  embed_pending(engine, pending, options.stop, work, results);
  if (results.front()) finish(engine, options, *results.front());
  return std::move(results.front());
}

}  // namespace mien
