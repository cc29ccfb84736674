// The whole flow, read from top to bottom: bytes -> upright pixels -> (enhanced) -> faces -> quality -> aligned ->
// embeddings, whose batches the faces of several images share. Images go through the stages (stages.h) in groups: one
// at a time on the CPU, several where a device takes part. What a device detects and embeds is handed in by one group
// and collected after others were: the device computes while the CPU decodes.
#include "pipeline/analyze.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "base/cancel.h"
#include "base/log.h"
#include "base/stopwatch.h"
#include "image/orientation.h"
#include "image/phash.h"
#include "ops/align.h"
#include "ops/pixels.h"
#include "pipeline/device_stages.h"
#include "pipeline/placement.h"
#include "pipeline/stages.h"
#include "pipeline/tiles.h"

namespace mien {
namespace {

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
  item.analysis.taken = decoded.taken;
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
void add_item(Workspace::State& work, Group& group, std::size_t index, const AnalyzeOptions* options, Open open) {
  GroupItem& item = group.emplace_back();
  item.index = index;
  item.options = options;
  item.memory = work.spare ? std::exchange(work.spare, nullptr) : std::make_shared<ItemMemory>();
  try {
    const Result<Done> done = open(item);
    if (!done) item.error = done.error();
  } catch (const Exception& error) {
    item.error = error.error();
  }
}

// ---- Results

// Returns what is known of the image now; the embeddings may still be missing.
Result<Analysis> take_result(const Engine::State& engine, GroupItem& item) {
  if (item.error) return *item.error;
  for (ItemFace& one : item.faces) item.analysis.faces.push_back(std::move(one.face));
  item.analysis.models.detector = engine.detector_file.info.name;
  if (engine.embedder != nullptr) {
    item.analysis.models.embedder = engine.embedder_file.info.name;
    item.analysis.models.embedder_id = engine.embedder->id;
  }
  item.analysis.detail = choose_detail(engine.options.precision, item.options->detail);
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

// Results in order, some of which wait until the CPU has embedded their faces: a batch of them at once.
class Results {
 public:
  // `stop`: of all images.
  Results(const Engine::State& engine, std::stop_token stop, Workspace::State& work, const ImageStream& stream)
      : engine_(engine), stop_(std::move(stop)), work_(work), stream_(stream) {}

  void add(GroupItem& item) {
    waiting_.push_back(take_result(engine_, item));
    if (stream_.on_seen) stream_.on_seen(item.index);
    if (work_.pending.empty() || waiting_.size() >= stream_.held_max) hand_out();
  }

  // An error that ended a batch of embeddings becomes the result of the images whose faces were in it. Their time is
  // shared among the images by their faces.
  void hand_out() {
    if (waiting_.empty()) return;
    if (work_.aligned.size() > 0) embed_waiting(engine_, stop_, work_);
    std::vector<PendingFace> pending = std::exchange(work_.pending, {});
    std::vector<Result<std::vector<float>>> embeddings = std::exchange(work_.embeddings, {});
    const double each = pending.empty() ? 0 : work_.embed_ms / static_cast<double>(pending.size());
    for (std::size_t i = 0; i < pending.size(); ++i) {
      if (pending[i].image >= next_ + waiting_.size()) {  // the image itself is still in work
        work_.pending.push_back(pending[i]);
        work_.embeddings.push_back(std::move(embeddings[i]));
        continue;
      }
      Result<Analysis>& result = waiting_[pending[i].image - next_];
      if (!result) continue;
      if (embeddings[i]) {
        result->faces[pending[i].face].embedding = std::move(*embeddings[i]);
        result->timings_ms.embed += each;
      } else {
        result = embeddings[i].error();
      }
    }
    work_.embed_ms = each * static_cast<double>(work_.pending.size());
    for (; !waiting_.empty(); waiting_.pop_front()) {
      if (waiting_.front()) {
        add_norms(engine_, *waiting_.front());
        add_up(waiting_.front()->timings_ms);
      }
      stream_.on_result(next_++, std::move(waiting_.front()));
    }
  }

 private:
  const Engine::State& engine_;
  const std::stop_token stop_;
  Workspace::State& work_;
  const ImageStream& stream_;
  std::size_t next_ = 0;  // the image of the first that waits
  std::deque<Result<Analysis>> waiting_;
};

// Images of a thread that are done, and whose memory waits for others: so many, and one more for so many in work.
constexpr std::size_t kSparesLeast = 2;
constexpr std::size_t kAheadPerSpare = 3;
// Of so many images in work the oldest is one that the thread comes to soon.
constexpr std::size_t kAheadPerSoon = 8;

// The images of a group have the same options.
const AnalyzeOptions& options_of(const Group& group) { return *group.front().options; }

// The groups of a thread that are in work, in order: those that wait for their faces, and those that have no pixels any
// more and wait for their embeddings.
class Flow {
 public:
  Flow(const Engine::State& engine, Workspace::State& work, const OnFaces& on_faces, Results& results)
      : engine_(engine),
        work_(work),
        on_faces_(on_faces),
        results_(results),
        caller_(engine.device ? engine.device->enter() : std::nullopt) {}

  bool is_empty() const { return detecting_.empty() && embedding_.empty(); }

  // Takes a group whose pixels are there, and brings older ones on when the device has enough to do.
  void add(Group group) {
    enhance_stage(engine_, options_of(group), work_, group);
    begin_detect(engine_, options_of(group), work_, group);
    if (engine_.device) engine_.device->add_image_time(since_last_.lap() / static_cast<double>(group.size()));
    images_ += group.size();
    for (const GroupItem& item : group) bytes_ += pixel_bytes(item.upright);
    detecting_.push_back(std::move(group));
    (void)look_closer_at_all();
    while (is_far_ahead(Operation::face_detection, images_, bytes_) ||
           is_settled(Operation::face_detection, detecting_)) {
      end_pixels();
    }
    while (is_far_ahead(Operation::face_embedding, embedding_images_, 0) ||
           is_settled(Operation::face_embedding, embedding_)) {
      end_first();
    }
    expect_next(Operation::face_detection, detecting_, images_, bytes_);
    expect_next(Operation::face_embedding, embedding_, embedding_images_, 0);
  }

  // Nothing is in work: memory of the images that were is not kept for those that may never come.
  void rest() {
    if (caller_) work_.spare_images.keep(spares_at_rest());
  }

  // Brings on what is nearest to its end.
  void bring_on() {
    if (is_settled(Operation::face_embedding, embedding_)) return end_first();
    if (!detecting_.empty()) return end_pixels();
    end_first();
  }

 private:
  bool is_far_ahead(Operation operation, std::size_t images, std::size_t bytes) const {
    if (images == 0) return false;
    return !engine_.device || engine_.device->is_far_ahead(operation, images, bytes);
  }

  // A thread that would wait for a run does other work while it lasts: the device is told of what comes next.
  void expect_next(Operation operation, std::deque<Group>& groups, std::size_t images, std::size_t bytes) {
    if (!caller_) return;
    const std::size_t soon = engine_.device->images_ahead() / kAheadPerSoon;
    if (soon == 0 || !is_far_ahead(operation, images + soon, bytes)) return;
    std::vector<GroupItem*> items;
    for (std::size_t i = 0; i < std::min(soon, groups.size()); ++i) {
      for (GroupItem& item : groups[i]) items.push_back(&item);
    }
    engine_.device->expect(operation, items);
  }

  // Whether the device has nothing more to do for the first group.
  bool is_settled(Operation operation, const std::deque<Group>& groups) const {
    return !groups.empty() &&
           (!engine_.device || std::all_of(groups.front().begin(), groups.front().end(), [&](const GroupItem& item) {
             return engine_.device->is_settled(operation, item);
           }));
  }

  // Waits for the first group's part of an operation, in which all of `groups` may be brought on.
  void settle_first(Operation operation, std::deque<Group>& groups) {
    if (!caller_) return;
    std::vector<GroupItem*> mine;
    for (Group& group : groups) {
      for (GroupItem& item : group) mine.push_back(&item);
    }
    settle(operation, engine_, options_of(groups.front()), work_, caller_, mine, groups.front().size());
  }

  // Hands in what the looks that are back call for: tiles of several photos share the device's runs. Returns whether
  // the oldest group has to settle again.
  bool look_closer_at_all() {
    if (!engine_.device) return false;
    bool is_first_in_work = false;
    for (Group& group : detecting_) {
      const bool has_more = look_closer(engine_, options_of(group), work_, group);
      if (&group == &detecting_.front()) is_first_in_work = has_more;
    }
    return is_first_in_work;
  }

  // All that the oldest group needs pixels for, which are let go then; or a step of it, where tiles are to come back.
  void end_pixels() {
    settle_first(Operation::face_detection, detecting_);
    if (look_closer_at_all()) return;
    Group group = std::move(detecting_.front());
    detecting_.pop_front();
    images_ -= group.size();
    const AnalyzeOptions& options = options_of(group);
    end_detect(engine_, options, work_, group);
    quality_stage(engine_, options, work_, group);
    recognition_stage(engine_, options, work_, group);
    for (const GroupItem& item : group) {
      if (on_faces_ && !item.error && !item.faces.empty()) show_faces(item, on_faces_);
    }
    begin_embed(engine_, options, work_, group);
    if (engine_.device) engine_.device->release(group);
    for (GroupItem& item : group) {
      bytes_ -= pixel_bytes(item.upright);
      give_back(std::move(item.memory));
    }
    embedding_images_ += group.size();
    embedding_.push_back(std::move(group));
  }

  // One image at a time keeps its memory for the next. Of many, each is to have no more than it needs; the device lets
  // several go at once, and as many follow.
  void give_back(std::shared_ptr<ItemMemory> memory) {
    if (!caller_) {
      work_.spare = std::move(memory);
      return;
    }
    const std::size_t ahead = engine_.device->images_ahead();
    const std::size_t missing = ahead - std::min(ahead, images_);
    for (Image* const image :
         {&memory->decoded.pixels, &memory->decoded.converted, &memory->upright, &memory->enhanced}) {
      work_.spare_images.give(std::move(*image), spares_at_rest() + missing);
    }
  }

  std::size_t spares_at_rest() const { return kSparesLeast + engine_.device->images_ahead() / kAheadPerSpare; }

  void end_first() {
    settle_first(Operation::face_embedding, embedding_);
    Group group = std::move(embedding_.front());
    embedding_.pop_front();
    embedding_images_ -= group.size();
    end_embed(engine_, options_of(group), work_, group);
    for (GroupItem& item : group) results_.add(item);
  }

  const Engine::State& engine_;
  Workspace::State& work_;
  const OnFaces& on_faces_;
  Results& results_;
  std::optional<Batcher::Caller> caller_;
  std::deque<Group> detecting_;
  std::deque<Group> embedding_;
  std::size_t images_ = 0;  // of detecting_
  std::size_t bytes_ = 0;   // of their pixels
  std::size_t embedding_images_ = 0;
  Stopwatch since_last_;  // group
};

// A thread with images in work looks for the next one for so long before it brings those on.
constexpr std::chrono::milliseconds kNextPatience{5};

// The images that are there now, as many as a group takes: one where each has options of its own. `patience`: how long
// to wait for the first; empty: until there is one, or there will be none.
template <typename Open>
Group open_group(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work,
                 const ImageStream& stream, std::optional<std::chrono::milliseconds> patience, std::size_t& next,
                 Open open) {
  Group group;
  while (!is_full(engine, group) && (group.empty() || !stream.options)) {
    const std::optional<Bytes> bytes = stream.next(group.empty() ? patience : std::chrono::milliseconds(0));
    if (!bytes) break;
    add_item(work, group, next++, stream.options ? stream.options() : &options,
             [&](GroupItem& item) { return open(*bytes, item); });
  }
  return group;
}

}  // namespace

DecodeOptions decoding_of(const Engine::State& engine) {
  DecodeOptions decoding = decode_options(engine.input);
  // InsightFace uses colours as they are stored.
  decoding.convert_colours = engine.options.precision != Precision::exact;
  return decoding;
}

void analyze_stream(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work,
                    const ImageStream& stream) {
  DecodeOptions decoding = decoding_of(engine);
  decoding.converted_too = stream.on_faces != nullptr;
  std::size_t next = 0;
  const auto open_one = [&](Bytes bytes, GroupItem& item) {
    decoding.stop = item.options->stop;
    decoding.hash = item.options->phash;
    const SpareImages::Use spares(work.spare_images);  // for the image alone: what is made of it does not last
    return open_encoded(bytes, decoding, item);
  };
  const auto open = [&](std::optional<std::chrono::milliseconds> patience) {
    return open_group(engine, options, work, stream, patience, next, open_one);
  };
  work.begin_call();
  Results results(engine, options.stop, work, stream);
  Flow flow(engine, work, stream.on_faces, results);
  for (;;) {
    Group group = open(flow.is_empty() ? std::chrono::milliseconds(0) : kNextPatience);
    if (group.empty() && flow.is_empty()) {
      results.hand_out();
      flow.rest();
      group = open(std::nullopt);
      if (group.empty()) return;
    }
    if (group.empty()) {
      flow.bring_on();
    } else {
      flow.add(std::move(group));
    }
  }
}

std::vector<Result<Analysis>> analyze_images(const Engine::State& engine, std::span<const Bytes> images,
                                             const AnalyzeOptions& options, Workspace::State& work,
                                             const BatchProgress& progress, const OnFaces& on_faces) {
  std::vector<Result<Analysis>> results;
  std::size_t given = 0;
  ImageStream stream;
  stream.next = [&](std::optional<std::chrono::milliseconds>) {
    return given < images.size() ? std::optional(images[given++]) : std::nullopt;
  };
  stream.on_result = [&](std::size_t, Result<Analysis> result) { results.push_back(std::move(result)); };
  if (progress) stream.on_seen = [&](std::size_t image) { progress(image + 1, images.size()); };
  stream.on_faces = on_faces;
  stream.held_max = images.size();
  analyze_stream(engine, options, work, stream);
  if (images.size() > 1 && engine.device && engine.device->gpu().is_usable() && engine.device->gpu().batch_max() > 1) {
    log(LogLevel::debug,
        fmt::format("GPU batch processing completed: {} images, {} results", images.size(), results.size()));
  }
  return results;
}

Result<Analysis> analyze_pixels(const Engine::State& engine, const PixelView& pixels, const AnalyzeOptions& options,
                                Workspace::State& work) {
  std::optional<Result<Analysis>> result;
  ImageStream stream;
  stream.on_result = [&](std::size_t, Result<Analysis> of_pixels) { result = std::move(of_pixels); };
  work.begin_call();
  Results results(engine, options.stop, work, stream);
  Flow flow(engine, work, stream.on_faces, results);
  Group group;
  add_item(work, group, 0, &options, [&](GroupItem& item) { return open_view(engine, pixels, options, work, item); });
  flow.add(std::move(group));
  while (!flow.is_empty()) flow.bring_on();
  results.hand_out();
  return std::move(*result);
}

// ---- One stage by itself

void add_upright(Workspace::State& work, Group& group, ImageView upright) {
  add_item(work, group, group.size(), nullptr, [&](GroupItem& item) {
    set_upright(item, upright, 0);
    return Result<Done>(Done{});
  });
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
      group.back().faces.emplace_back().landmarks = template_landmarks();
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
