#include "pipeline/stages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/cancel.h"
#include "base/stopwatch.h"
#include "image/orientation.h"
#include "ops/align.h"
#include "ops/enhance.h"
#include "ops/quality.h"
#include "ops/recognition_quality.h"
#include "pipeline/looks.h"

namespace mien {
namespace {

Box scale_box(const Box& box, float factor) {
  return {box.x1 * factor, box.y1 * factor, box.x2 * factor, box.y2 * factor};
}

Face make_face(const Detector& detector, const DetectedFace& found, float enhancement) {
  Face face;
  face.bbox = scale_box(found.box, 1 / enhancement);
  face.det_score = found.score;
  face.scale = found.scale * enhancement;
  face.enhancement_scale = enhancement;
  face.rotation = found.rotation;
  if (detector.has_landmarks) {
    Landmarks points = found.landmarks;
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

// Runs the detector on the image as it is and, when asked, rotated.
std::vector<DetectedFace> find_faces(const Engine::State& engine, const GroupItem& item, const AnalyzeOptions& options,
                                     Workspace::State& work) {
  const ImageView image = item.image;
  const DetectTerms terms = detect_terms(engine.options.precision, options, item.enhancement);
  const std::stop_token& stop = options.stop;
  std::vector<std::vector<DetectedFace>> rotations;
  rotations.push_back(detect_faces(*engine.detector, terms, image, work.detect, stop));
  for (int quarters = 1; options.rotations && quarters <= 3; ++quarters) {
    apply_orientation(image, kOrientationOfRotation[quarters], work.rotated, stop);
    rotations.push_back(detect_faces(*engine.detector, terms, work.rotated, work.detect, stop));
  }
  return merge_rotations(std::move(rotations), {image.width, image.height});
}

// The CPU finds the faces.
void find_on_cpu(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, GroupItem& item) {
  Stopwatch watch;
  if (engine.device) engine.device->fetch_image(item);
  item.found = find_faces(engine, item, options, work);
  const double elapsed = watch.lap();
  item.analysis.timings_ms.detect += elapsed;
  if (engine.device) engine.device->add_cpu_time(Operation::face_detection, elapsed);
  ++item.note(Operation::face_detection).on_cpu;
}

const Landmarks* landmarks_of(const Face& face) { return face.landmarks ? &*face.landmarks : nullptr; }

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
  // Those that wait may be of several images, which the stop of one must not end.
  const auto first = work.pending.end() - static_cast<std::ptrdiff_t>(work.aligned.size());
  const bool is_alone =
      std::all_of(first, work.pending.end(), [&](const PendingFace& one) { return one.image == item.index; });
  embed_waiting(engine, is_alone ? stop : std::stop_token(), work);
  watch.lap();
}

bool wants_embeddings(const Engine::State& engine, const AnalyzeOptions& options) {
  return options.embed && engine.embedder != nullptr;
}

// Fetches the faces that the device embedded; the CPU embeds what it did not, or not in time.
void collect_faces(const Engine::State& engine, const std::stop_token& stop, Workspace::State& work, GroupItem& item) {
  Stopwatch watch;
  engine.device->end_embed(item, [&](std::size_t face, const std::vector<std::uint8_t>& aligned) {
    throw_if_stopped(stop);
    embed_on_cpu(engine, stop, work, item, face, watch,
                 [&](float* planes) { engine.device->write_face(aligned, planes); });
  });
  item.analysis.timings_ms.embed += watch.lap();
}

// Does on the CPU what the device was asked for.
void do_on_cpu(Operation operation, const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work,
               GroupItem& item) {
  const AnalyzeOptions& own = item.options != nullptr ? *item.options : options;
  try {
    if (operation == Operation::face_embedding) return collect_faces(engine, own.stop, work, item);
    engine.device->end_detect(item);
    find_on_cpu(engine, own, work, item);
    item.is_found = true;
  } catch (const Exception& error) {
    item.error = error.error();
  }
}

}  // namespace

namespace {

void settle_first(Operation operation, const Engine::State& engine, const AnalyzeOptions& options,
                  Workspace::State& work, std::optional<Batcher::Caller>& caller, std::span<GroupItem* const> mine) {
  GroupItem& first = *mine.front();
  double Timings::*const time = operation == Operation::face_detection ? &Timings::detect : &Timings::embed;
  try {
    for (;;) {
      Stopwatch watch;
      GroupItem* const taken = engine.device->wait(operation, *caller, mine, options.stop);
      first.analysis.timings_ms.*time += watch.lap();
      if (taken == nullptr) return;
      do_on_cpu(operation, engine, options, work, *taken);
    }
  } catch (const Exception& error) {
    first.error = error.error();
  }
}

}  // namespace

void settle(Operation operation, const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work,
            std::optional<Batcher::Caller>& caller, std::span<GroupItem* const> mine, std::size_t count) {
  if (!engine.device || !caller) return;
  for (std::size_t i = 0; i < count; ++i) {
    settle_first(operation, engine, options, work, caller, mine.subspan(i));
  }
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

void begin_detect(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group) {
  offer_to_device(engine, group, [&](DeviceStages& device) { device.begin_detect(group, options, work.rotated); });
}

bool look_closer(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group) {
  bool has_more = false;
  if (!engine.device) return has_more;
  for_each_alive(group, [&](GroupItem& item) {
    if (item.is_found || !engine.device->is_settled(Operation::face_detection, item)) return;
    if (engine.device->look_closer(item, options, work.rotated)) has_more = true;
  });
  return has_more;
}

void end_detect(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group) {
  for_each_alive(group, [&](GroupItem& item) {
    const bool is_found = std::exchange(item.is_found, false) || (engine.device && engine.device->end_detect(item));
    if (item.error) return;
    if (!is_found) find_on_cpu(engine, options, work, item);
    for (const DetectedFace& found : item.found) {
      Face face = make_face(*engine.detector, found, item.enhancement);
      if (std::max(face.face_width(), face.face_height()) < options.min_face) continue;
      item.faces.push_back({found.landmarks, std::move(face)});
    }
  });
}

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

void recognition_stage(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work,
                       Group& group) {
  for_each_alive(group, [&](GroupItem& item) {
    Stopwatch watch;
    for (ItemFace& one : item.faces) {
      throw_if_stopped(options.stop);
      if (!one.face.landmarks) continue;
      const std::optional<Similarity> to_template = estimate_alignment(one.landmarks);
      if (!to_template) continue;
      if (engine.device) engine.device->fetch_image(item);
      warp_aligned_gray(item.image, *to_template, work.aligned_face);
      const double eyes = kTemplateEyeDistance / std::hypot(to_template->a, to_template->b) / item.enhancement;
      const RecognitionQuality quality = assess_recognition(measure_recognition(work.aligned_face, eyes));
      one.face.recognition_quality = quality.value;
      one.face.poor_reason = quality.worst;
    }
    item.analysis.timings_ms.quality += watch.lap();
  });
}

void add_norms(const Engine::State& engine, Analysis& analysis) {
  const CatalogRow* const row = engine.embedder_file.row.get();
  for (Face& face : analysis.faces) {
    if (!face.recognition_quality) continue;
    if (row != nullptr && row->norm_scale && !face.embedding.empty()) {
      double square = 0;
      for (const float value : face.embedding) square += static_cast<double>(value) * value;
      face.recognition_quality = add_norm(*face.recognition_quality, std::sqrt(square), *row->norm_scale);
    }
    if (*face.recognition_quality >= kRecognitionFloor) face.poor_reason.reset();
  }
}

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

void begin_embed(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group) {
  if (!wants_embeddings(engine, options)) return;
  offer_to_device(engine, group, [&](DeviceStages& device) { device.begin_embed(group, options); });
  for_each_alive(group, [&](GroupItem& item) {
    Stopwatch watch;
    for (std::size_t i = 0; i < item.faces.size(); ++i) {
      throw_if_stopped(options.stop);
      if (engine.device && engine.device->has_face(item, i)) continue;
      const std::optional<Similarity> similarity = estimate_alignment(item.faces[i].landmarks);
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

void end_embed(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group) {
  if (!engine.device) return;
  for_each_alive(group, [&](GroupItem& item) { collect_faces(engine, options.stop, work, item); });
}

namespace {

// Settles a group by itself.
void settle_group(Operation operation, const Engine::State& engine, const AnalyzeOptions& options,
                  Workspace::State& work, Group& group) {
  auto caller = engine.device ? engine.device->enter() : std::nullopt;
  std::vector<GroupItem*> mine;
  for (GroupItem& item : group) mine.push_back(&item);
  settle(operation, engine, options, work, caller, mine, mine.size());
}

void detect_stage(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group) {
  begin_detect(engine, options, work, group);
  do {
    settle_group(Operation::face_detection, engine, options, work, group);
  } while (look_closer(engine, options, work, group));
  end_detect(engine, options, work, group);
}

void embed_stage(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group) {
  begin_embed(engine, options, work, group);
  settle_group(Operation::face_embedding, engine, options, work, group);
  end_embed(engine, options, work, group);
}

// ---- The table of stages

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

}  // namespace

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
  for (const Stage& stage : kStages) {
    if (stage.operation == operation) stage.run(engine, options, work, group);
  }
  // In an analysis the last faces would wait for the next image.
  if (!work.pending.empty()) embed_waiting(engine, options.stop, work);
  for (const Result<std::vector<float>>& embedding : work.embeddings) {
    if (!embedding) throw Exception(embedding.error());
  }
}

}  // namespace mien
