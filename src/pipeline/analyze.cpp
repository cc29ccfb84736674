// The whole flow, read from top to bottom: bytes -> upright pixels -> (enhanced) -> faces -> quality -> aligned ->
// embeddings, whose batches the faces of all images of a call share. Images go through the stages in groups: one at a
// time on the CPU, several where a device takes part. In each stage the device comes first, and the CPU does what is
// left. What a device detects and embeds is handed in by one group and collected after the next one was: the device
// computes while the CPU decodes.
#include "pipeline/analyze.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <iterator>

#include "base/cancel.h"
#include "base/log.h"
#include "image/orientation.h"
#include "image/phash.h"
#include "ops/align.h"
#include "ops/enhance.h"
#include "ops/pixels.h"
#include "ops/quality.h"
#include "pipeline/device_stages.h"
#include "pipeline/passes.h"
#include "pipeline/placement.h"
#include "pipeline/rotations.h"

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

// ---- Stages. Each works on all images of a group that have no error.

// Runs `work` for each image that has come so far; what it throws becomes that image's error.
template <typename Work>
void for_each_alive(Group& group, Work work) {
  for (GroupItem& item : group) {
    if (item.error) continue;
    try {
      work(item);
    } catch (const Exception& error) {
      item.error = error.error();
    }
  }
}

// Offers a stage to the device, where one takes part; a stop there ends all images that are not done.
template <typename Stage>
void offer_to_device(const Engine::State& engine, Group& group, Stage stage) {
  if (!engine.device) return;
  try {
    stage(*engine.device);
  } catch (const Exception& error) {
    for_each_alive(group, [&](GroupItem& item) { item.error = error.error(); });
  }
}

bool wants_enhancement(const AnalyzeOptions& options, const GroupItem& item) {
  return options.enhance && (item.always_enhance || needs_enhancement(item.upright.width, item.upright.height));
}

void enhance_stage(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& /*work*/,
                   Group& group) {
  if (!options.enhance) return;
  offer_to_device(engine, group, [&](DeviceStages& device) { device.enhance(group, options); });
  for_each_alive(group, [&](GroupItem& item) {
    StageNote& note = item.note(Operation::image_enhancement);
    if (!wants_enhancement(options, item) || note.on_device > 0) return;
    Stopwatch watch;
    item.enhancement = static_cast<float>(enhance_pixels(item.upright, item.memory->enhanced));
    item.image = item.memory->enhanced;
    item.analysis.timings_ms.enhance += watch.lap();
    ++note.on_cpu;
  });
}

// Runs the detector on the image as it is and, when asked, rotated; the rotation that shows most wins, the upright one
// in doubt.
Detection find_faces(const Engine::State& engine, ImageView image, const AnalyzeOptions& options,
                     Workspace::State& work) {
  std::vector<Detection> rotations;
  const std::stop_token& stop = options.stop;
  rotations.push_back(detect_faces(*engine.detector, engine.options.precision, image, work.detect, stop));
  for (int quarters = 1; options.rotations && quarters <= 3; ++quarters) {
    apply_orientation(image, kOrientationOfRotation[quarters], work.rotated, stop);
    rotations.push_back(detect_faces(*engine.detector, engine.options.precision, work.rotated, work.detect, stop));
  }
  return choose_rotation(std::move(rotations), {image.width, image.height});
}

void begin_detect(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group) {
  offer_to_device(engine, group, [&](DeviceStages& device) { device.begin_detect(group, options, work.rotated); });
}

// `behind`: images that were handed in since.
void end_detect(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group,
                std::size_t behind) {
  offer_to_device(engine, group, [&](DeviceStages& device) { device.end_detect(group, options, behind); });
  for_each_alive(group, [&](GroupItem& item) {
    StageNote& note = item.note(Operation::face_detection);
    if (note.on_device == 0) {
      Stopwatch watch;
      if (engine.device) engine.device->fetch_image(item);
      item.found = find_faces(engine, item.image, options, work);
      const double elapsed = watch.lap();
      item.analysis.timings_ms.detect += elapsed;
      if (engine.device) engine.device->add_cpu_time(Operation::face_detection, elapsed);
      ++note.on_cpu;
    }
    for (const Candidate& candidate : item.found.faces) {
      item.faces.push_back({candidate, make_face(*engine.detector, candidate, item.found.scale, item.enhancement)});
    }
  });
}

void detect_stage(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group) {
  begin_detect(engine, options, work, group);
  end_detect(engine, options, work, group, 0);
}

const Landmarks* landmarks_of(const Face& face) { return face.landmarks ? &*face.landmarks : nullptr; }

void quality_stage(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& /*work*/,
                   Group& group) {
  const bool of_faces = options.face_quality || options.min_quality > 0;
  if (!of_faces && !options.image_quality) return;
  offer_to_device(engine, group, [&](DeviceStages& device) { device.assess(group, options); });
  for_each_alive(group, [&](GroupItem& item) {
    StageNote& note = item.note(Operation::quality_checks);
    Stopwatch watch;
    for (ItemFace& one : item.faces) {
      throw_if_stopped(options.stop);
      if (!of_faces || one.face.quality) continue;
      one.face.quality = assess_part(item.upright, &one.face.bbox, landmarks_of(one.face));
      ++note.on_cpu;
    }
    if (options.min_quality > 0) {
      std::erase_if(item.faces,
                    [&](const ItemFace& one) { return one.face.quality->overall_score < options.min_quality; });
    }
    if (options.image_quality && !item.analysis.quality) {
      item.analysis.quality = assess_part(item.upright, nullptr, nullptr);
      ++note.on_cpu;
    }
    item.analysis.timings_ms.quality += watch.lap();
  });
}

// Embeds the faces that wait for it. An error becomes the result of each of them.
void embed_waiting(const Engine::State& engine, const std::stop_token& stop, Workspace::State& work) {
  Stopwatch watch;
  const std::size_t count = work.aligned.size();
  try {
    for (std::vector<float>& embedding : embed_faces(*engine.embedder, work.aligned, stop)) {
      work.embeddings.emplace_back(std::move(embedding));
    }
  } catch (const Exception& error) {
    work.embeddings.insert(work.embeddings.end(), count, error.error());
  }
  work.aligned.clear();
  const double elapsed = watch.lap();
  work.embed_ms += elapsed;
  if (engine.device && count > 0) {
    engine.device->add_cpu_time(Operation::face_embedding, elapsed / static_cast<double>(count));
  }
}

// Adds a face to those that the CPU embeds, as soon as they fill a batch, so that a crowd needs no more memory than
// that. The last faces wait for those of the next image. `write` puts the aligned face into its place.
template <typename Write>
void embed_on_cpu(const Engine::State& engine, const std::stop_token& stop, Workspace::State& work, GroupItem& item,
                  std::size_t face, Stopwatch& watch, Write write) {
  write(work.aligned.add());
  work.pending.push_back({item.index, face});
  ++item.note(Operation::face_embedding).on_cpu;
  if (work.aligned.size() < static_cast<std::size_t>(engine.embedder->batch_max.load())) return;
  item.analysis.timings_ms.embed += watch.lap();
  embed_waiting(engine, stop, work);
  watch.lap();
}

bool wants_embeddings(const Engine::State& engine, const AnalyzeOptions& options) {
  return options.embed && engine.embedder != nullptr;
}

// Hands the faces to the device, where it takes them; the CPU embeds the others.
void begin_embed(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group) {
  if (!wants_embeddings(engine, options)) return;
  offer_to_device(engine, group, [&](DeviceStages& device) { device.begin_embed(group, options); });
  for_each_alive(group, [&](GroupItem& item) {
    Stopwatch watch;
    for (std::size_t i = 0; i < item.faces.size(); ++i) {
      throw_if_stopped(options.stop);
      if (engine.device && engine.device->has_face(item, i)) continue;
      const std::optional<Similarity> similarity = estimate_alignment(item.faces[i].candidate.landmarks);
      if (!similarity) {
        item.analysis.warnings.push_back(fmt::format("face {} has no embedding: its landmarks are one point", i));
        continue;
      }
      if (engine.device) engine.device->fetch_image(item);
      embed_on_cpu(engine, options.stop, work, item, i, watch,
                   [&](float* planes) { warp_aligned_into(item.image, *similarity, engine.embedder->feed, planes); });
    }
    item.analysis.timings_ms.embed += watch.lap();
  });
}

// Fetches what the device embedded; the CPU embeds what it did not.
void end_embed(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group,
               std::size_t behind) {
  if (!engine.device || !wants_embeddings(engine, options)) return;
  offer_to_device(engine, group, [&](DeviceStages& device) { device.end_embed(group, options, behind); });
  for_each_alive(group, [&](GroupItem& item) {
    Stopwatch watch;
    for (std::size_t i = 0; i < item.faces.size(); ++i) {
      throw_if_stopped(options.stop);
      if (!item.faces[i].face.embedding.empty() || !engine.device->has_face(item, i)) continue;
      embed_on_cpu(engine, options.stop, work, item, i, watch,
                   [&](float* planes) { engine.device->write_face(item, i, planes); });
    }
    item.analysis.timings_ms.embed += watch.lap();
  });
}

void embed_stage(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group) {
  begin_embed(engine, options, work, group);
  end_embed(engine, options, work, group, 0);
}

// ---- From upright pixels to faces

// Each stage stands beside the operation that it does, so that `mien bench` can run one by itself.
struct Stage {
  Operation operation;
  void (*run)(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group);
};

constexpr Stage kStages[] = {
    {Operation::image_enhancement, enhance_stage},
    {Operation::face_detection, detect_stage},
    {Operation::quality_checks, quality_stage},
    {Operation::face_embedding, embed_stage},
};

// ---- From bytes or pixels to upright pixels

// From here on the image stands upright, and every coordinate is a pixel of it.
void set_upright(GroupItem& item, const ImageView& upright, double decode_ms) {
  item.upright = item.image = upright;
  item.analysis.width = upright.width;
  item.analysis.height = upright.height;
  item.analysis.timings_ms.decode = decode_ms;
}

Result<Done> open_encoded(Bytes encoded, const DecodeOptions& options, GroupItem& item) {
  throw_if_stopped(options.stop);
  Stopwatch watch;
  DecodedImage& decoded = item.memory->decoded;
  Result<Done> done = decode_image(encoded, options, decoded);
  if (!done) return done;
  item.analysis.format = decoded.format;
  item.analysis.warnings = decoded.warnings;
  if (options.hash) item.analysis.phash = perceptual_hash_hex(decoded.hash);
  throw_if_stopped(options.stop);
  const ImageView upright = upright_view(decoded.pixels, decoded.orientation, item.memory->upright, options.stop);
  set_upright(item, upright, watch.lap());
  return done;
}

Result<Done> open_view(const Engine::State& engine, const PixelView& pixels, const AnalyzeOptions& options,
                       Workspace::State& work, GroupItem& item) {
  throw_if_stopped(options.stop);
  Stopwatch watch;
  const Result<ImageView> view = open_pixels(pixels, engine.options.limits, work.converted, options.stop);
  if (!view) return view.error();
  item.analysis.format = "pixels";
  if (options.phash) item.analysis.phash = perceptual_hash_hex(perceptual_hash(*view));
  const ImageView upright = upright_view(*view, pixels.orientation, item.memory->upright, options.stop);
  set_upright(item, upright, watch.lap());
  return Done{};
}

// Begins the next image of a group; `open` fills in its pixels.
template <typename Open>
void add_item(Workspace::State& work, Group& group, std::size_t index, Open open) {
  GroupItem& item = group.emplace_back();
  item.index = index;
  if (work.spare.empty()) {
    item.memory = std::make_shared<ItemMemory>();
  } else {
    item.memory = std::move(work.spare.back());
    work.spare.pop_back();
  }
  try {
    const Result<Done> done = open(item);
    if (!done) item.error = done.error();
  } catch (const Exception& error) {
    item.error = error.error();
  }
}

// ---- Results

// Gives every face its embedding. The time is shared among the images by their faces. An error that ended a batch
// becomes the result of the images whose faces were in it.
void hand_out_embeddings(const Engine::State& engine, const std::stop_token& stop, Workspace::State& work,
                         std::vector<Result<Analysis>>& results) {
  const std::vector<PendingFace>& pending = work.pending;
  if (pending.empty()) return;
  embed_waiting(engine, stop, work);
  const double each = work.embed_ms / static_cast<double>(pending.size());
  for (std::size_t i = 0; i < pending.size(); ++i) {
    Result<Analysis>& result = results[pending[i].image];
    if (!result) continue;
    if (work.embeddings[i]) {
      result->faces[pending[i].face].embedding = std::move(*work.embeddings[i]);
      result->timings_ms.embed += each;
    } else {
      result = work.embeddings[i].error();
    }
  }
}

// Returns what is known of the image now; the embeddings may still be missing.
Result<Analysis> take_result(const Engine::State& engine, GroupItem& item) {
  if (item.error) return *item.error;
  for (ItemFace& one : item.faces) item.analysis.faces.push_back(std::move(one.face));
  item.analysis.models.detector = engine.detector_file.info.name;
  if (engine.embedder != nullptr) {
    item.analysis.models.embedder = engine.embedder_file.info.name;
    item.analysis.models.embedder_id = engine.embedder->id;
  }
  item.analysis.placement = describe_placement(engine, item);
  return std::move(item.analysis);
}

void show_faces(const GroupItem& item, const OnFaces& on_faces) {
  std::vector<Face> faces;
  for (const ItemFace& one : item.faces) faces.push_back(one.face);
  const DecodedImage& decoded = item.memory->decoded;
  if (decoded.converted.empty()) return on_faces(item.index, item.upright, faces);
  Image upright;  // the other upright pixels are still to be embedded
  on_faces(item.index, upright_view(decoded.converted, decoded.orientation, upright), faces);
}

// ---- The flow of groups

std::size_t pixel_bytes(const ImageView& view) {
  return static_cast<std::size_t>(view.width) * static_cast<std::size_t>(view.height) *
         static_cast<std::size_t>(view.channels);
}

// The groups of a call that are in work, in order: those that wait for their faces, and those that have no pixels any
// more and wait for their embeddings.
struct Flow {
  const Engine::State& engine;
  const AnalyzeOptions& options;
  Workspace::State& work;
  const OnFaces& on_faces;
  std::function<void(GroupItem& item)> on_done;
  std::deque<Group> detecting = {};
  std::deque<Group> embedding = {};
  std::size_t images = 0;  // of `detecting`
  std::size_t bytes = 0;   // of their pixels

  // Takes a group whose pixels are there, and brings the oldest ones on while the device works on the newer ones.
  void add(Group group) {
    enhance_stage(engine, options, work, group);
    begin_detect(engine, options, work, group);
    for (const GroupItem& item : group) {
      ++images;
      bytes += pixel_bytes(item.upright);
    }
    detecting.push_back(std::move(group));
    while (!detecting.empty() && (!engine.device || engine.device->is_far_ahead(images, bytes))) end_pixels();
    while (embedding.size() > (engine.device ? detecting.size() : 0)) end_first();
  }

  void finish() {
    while (!detecting.empty()) end_pixels();
    while (!embedding.empty()) end_first();
  }

 private:
  // All that the oldest group needs pixels for, which are let go then.
  void end_pixels() {
    Group group = std::move(detecting.front());
    detecting.pop_front();
    images -= group.size();
    end_detect(engine, options, work, group, images);
    quality_stage(engine, options, work, group);
    for (const GroupItem& item : group) {
      if (on_faces && !item.error && !item.faces.empty()) show_faces(item, on_faces);
    }
    begin_embed(engine, options, work, group);
    if (engine.device) engine.device->release(group);
    for (GroupItem& item : group) {
      bytes -= pixel_bytes(item.upright);
      work.spare.push_back(std::move(item.memory));
    }
    embedding.push_back(std::move(group));
  }

  void end_first() {
    end_embed(engine, options, work, embedding.front(), embedding.size() - 1);
    for (GroupItem& item : embedding.front()) on_done(item);
    embedding.pop_front();
  }
};

void add_up(Timings& timings) {
  timings.total = timings.decode + timings.enhance + timings.detect + timings.embed + timings.quality;
}

// Says whether the group takes no more images: it has one on the CPU, and with a device as many images or bytes of
// pixels as the device takes at once.
bool is_full(const Engine::State& engine, const Group& group) {
  if (!engine.device) return !group.empty();
  std::size_t bytes = 0;
  for (const GroupItem& item : group) bytes += pixel_bytes(item.upright);
  return engine.device->is_group_full(group.size(), bytes);
}

}  // namespace

DecodeOptions decoding_of(const Engine::State& engine) {
  DecodeOptions decoding = decode_options(engine.input);
  // InsightFace uses colours as they are stored.
  decoding.convert_colours = engine.options.precision != Precision::exact;
  return decoding;
}

std::vector<Result<Analysis>> analyze_images(const Engine::State& engine, std::span<const Bytes> images,
                                             const AnalyzeOptions& options, Workspace::State& work,
                                             const BatchProgress& progress, const OnFaces& on_faces) {
  DecodeOptions decoding = decoding_of(engine);
  decoding.stop = options.stop;
  decoding.hash = options.phash;
  decoding.converted_too = on_faces != nullptr;
  std::vector<Result<Analysis>> results;
  work.begin_call();
  const auto caller = engine.device ? engine.device->enter() : std::nullopt;
  Flow flow{engine, options, work, on_faces, [&](GroupItem& item) {
              results.push_back(take_result(engine, item));
              if (progress) progress(results.size(), images.size());
            }};
  for (std::size_t next = 0; next < images.size();) {
    Group group;
    for (; next < images.size() && !is_full(engine, group); ++next) {
      add_item(work, group, next, [&](GroupItem& item) { return open_encoded(images[next], decoding, item); });
    }
    flow.add(std::move(group));
  }
  flow.finish();
  hand_out_embeddings(engine, options.stop, work, results);
  for (Result<Analysis>& result : results) {
    if (result) add_up(result->timings_ms);
  }
  if (images.size() > 1 && engine.device && engine.device->gpu().is_usable() && engine.device->gpu().batch_max() > 1) {
    log(LogLevel::debug,
        fmt::format("GPU batch processing completed: {} images, {} results", images.size(), results.size()));
  }
  return results;
}

Result<Analysis> analyze_pixels(const Engine::State& engine, const PixelView& pixels, const AnalyzeOptions& options,
                                Workspace::State& work) {
  work.begin_call();
  const auto caller = engine.device ? engine.device->enter() : std::nullopt;
  Group group;
  add_item(work, group, 0, [&](GroupItem& item) { return open_view(engine, pixels, options, work, item); });
  std::vector<Result<Analysis>> results;
  const OnFaces nobody;
  Flow flow{engine, options, work, nobody, [&](GroupItem& item) { results.push_back(take_result(engine, item)); }};
  flow.add(std::move(group));
  flow.finish();
  hand_out_embeddings(engine, options.stop, work, results);
  if (results.front()) add_up(results.front()->timings_ms);
  return std::move(results.front());
}

// ---- One stage by itself

void add_upright(Workspace::State& work, Group& group, ImageView upright) {
  add_item(work, group, group.size(), [&](GroupItem& item) {
    set_upright(item, upright, 0);
    return Result<Done>(Done{});
  });
}

bool has_stage(Operation operation) {
  return std::any_of(std::begin(kStages), std::end(kStages),
                     [&](const Stage& row) { return row.operation == operation; });
}

void run_stages_before(Operation operation, const Engine::State& engine, const AnalyzeOptions& options,
                       Workspace::State& work, Group& group) {
  for (const Stage& stage : kStages) {
    if (stage.operation == operation) return;
    stage.run(engine, options, work, group);
  }
}

void run_stage(Operation operation, const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work,
               Group& group) {
  work.begin_call();
  const auto caller = engine.device ? engine.device->enter() : std::nullopt;
  for (const Stage& stage : kStages) {
    if (stage.operation == operation) stage.run(engine, options, work, group);
  }
  // In an analysis the last faces would wait for the next image.
  if (!work.pending.empty()) embed_waiting(engine, options.stop, work);
  for (const Result<std::vector<float>>& embedding : work.embeddings) {
    if (!embedding) throw Exception(embedding.error());
  }
}

namespace {

// Crops that are handed to a device before the first embedding is asked for.
constexpr std::size_t kCropsMax = 32;

}  // namespace

// An aligned face is an image whose landmarks are those of the template.
std::vector<std::vector<float>> embed_crops(const Engine::State& engine, std::span<const ImageView> crops,
                                            const std::stop_token& stop, Workspace::State& work) {
  AnalyzeOptions options;
  options.stop = stop;
  std::vector<std::vector<float>> embeddings;
  Group group;
  for (std::size_t next = 0; next < crops.size();) {
    group.clear();
    for (; next < crops.size() && group.size() < kCropsMax; ++next) {
      add_upright(work, group, crops[next]);
      group.back().faces.emplace_back().candidate.landmarks = template_landmarks();
    }
    run_stage(Operation::face_embedding, engine, options, work, group);
    for (std::size_t i = 0; i < work.pending.size(); ++i) {
      group[work.pending[i].image].faces[0].face.embedding = std::move(*work.embeddings[i]);
    }
    if (engine.device) engine.device->release(group);
    for (GroupItem& item : group) {
      if (item.error) throw Exception(*item.error);
      embeddings.push_back(std::move(item.faces[0].face.embedding));
    }
  }
  return embeddings;
}

}  // namespace mien
