#include "pipeline/looks.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "base/cancel.h"

namespace mien {
namespace {

// A face of the first look with fewer canvas pixels hints at others that are smaller still.
constexpr float kHintFace = 48;
// Candidates so far below the threshold are hints, but none below this share of the threshold.
constexpr float kPeakMargin = 0.15F;
constexpr float kPeakShare = 0.5F;
// A peak that shares so much with a face belongs to that.
constexpr float kPeakOfFace = 0.3F;
// Tiles of a round: as many as fit into a few batches of a device, so that a photo of 100 megapixels needs no more
// memory than another.
constexpr std::size_t kTilesMax = 64;
// Closer looks at hints cost this many times what the first look does, at most: so many canvas pixels.
constexpr double kHintsCost = 2;
// What a hint promises that is a face already: so much where it is tiny, nothing from kHintFace on.
constexpr float kFacePromise = 0.5F;
// A face may be this part of the image's long side before the first pass starts to miss it.
constexpr float kLargeFaceShare = 0.4F;

float peak_margin(float threshold) { return std::min(kPeakMargin, (1 - kPeakShare) * std::max(0.0F, threshold)); }

// Of a face of so many canvas pixels: others beside it are about as large.
float face_promise(float side) { return kFacePromise * std::max(0.0F, 1 - side / kHintFace); }

float large_side(PixelSize view) { return kLargeFaceShare * static_cast<float>(std::max(view.width, view.height)); }

// Faces of the small pass that fill the image and that no other pass has found.
void add_large_faces(const std::vector<Candidate>& large, float side_min, std::vector<Candidate>& faces) {
  const std::size_t before = faces.size();
  for (const Candidate& face : large) {
    if (long_side(face.box) < side_min) continue;
    const bool is_known =
        std::any_of(faces.begin(), faces.begin() + static_cast<std::ptrdiff_t>(before),
                    [&](const Candidate& other) { return intersection_over_union(face.box, other.box) > 0.3F; });
    if (!is_known) faces.push_back(face);
  }
}

bool is_of_a_face(const Candidate& peak, std::span<const Candidate> faces) {
  return std::any_of(faces.begin(), faces.end(),
                     [&](const Candidate& face) { return contained_share(peak.box, face.box) > kPeakOfFace; });
}

}  // namespace

DetectRounds::DetectRounds(const Detector& detector, const DetectTerms& terms, std::span<const PixelSize> views)
    : detector_(detector), terms_(terms), threshold_(terms.score_threshold.value_or(detector.score_threshold)) {
  for (const PixelSize& size : views) {
    View& view = views_.emplace_back();
    view.size = size;
    view.plan = plan_detection(detector, terms.precision, size.width, size.height);
    // The tiles of a panorama decide what it shows.
    const bool is_tiled = view.plan.is_merged && terms.precision != Precision::exact;
    view.scale = pass_scale(is_tiled ? view.plan.passes.back() : view.plan.passes.front());
    if (terms.detail == Detail::automatic) view.levels = closer_scales(view.scale, terms.scale_max);
    if (terms.detail == Detail::full) view.levels = full_scales(view.scale, terms.scale_max);
    if (view.plan.small_pass) view.plan.small_pass->score_threshold = threshold_;
    for (DetectPass pass : view.plan.passes) {
      pass.score_threshold = threshold_;
      if (terms.detail == Detail::automatic && !view.levels.empty()) pass.peak_margin = peak_margin(threshold_);
      requests_.push_back({views_.size() - 1, pass});
      view.pixels_left += std::llround(kHintsCost * static_cast<double>(canvas_pixels(pass)));
    }
  }
}

void DetectRounds::take(std::span<const std::vector<Candidate>> found) {
  switch (stage_) {
    case Stage::first: return take_first(found);
    case Stage::small: return take_small(found);
    case Stage::closer: return take_tiles(found);
    case Stage::done: return;
  }
}

void DetectRounds::take_first(std::span<const std::vector<Candidate>> found) {
  std::vector<std::vector<Sighting>> seen(views_.size());
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    const auto& [view, pass] = requests_[i];
    for (const Candidate& face : found[i]) {
      seen[view].push_back({{face, 1, 0}, edge_place(face, pass, views_[view].size), i});
    }
  }
  requests_.clear();
  for (std::size_t i = 0; i < views_.size(); ++i) {
    View& view = views_[i];
    drop_pieces(seen[i], threshold_);
    std::vector<Candidate> all(seen[i].begin(), seen[i].end());
    if (view.plan.is_merged) suppress_overlaps(*detector_.kind, all);
    for (const Candidate& face : all) {
      (face.score >= threshold_ ? view.faces : view.peaks).push_back(face);
    }
    const float large = large_side(view.size);
    const bool has_large = std::any_of(view.faces.begin(), view.faces.end(),
                                       [&](const Candidate& face) { return long_side(face.box) >= large; });
    if (view.plan.small_pass && !has_large) requests_.push_back({i, *view.plan.small_pass});
  }
  stage_ = Stage::small;
  if (requests_.empty()) begin_closer();
}

void DetectRounds::take_small(std::span<const std::vector<Candidate>> found) {
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    View& view = views_[requests_[i].view];
    add_large_faces(found[i], large_side(view.size), view.faces);
    std::stable_sort(view.faces.begin(), view.faces.end(),
                     [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  }
  begin_closer();
}

// What the first look found is complete: tells what hints at smaller faces.
void DetectRounds::begin_closer() {
  requests_.clear();
  stage_ = Stage::closer;
  for (View& view : views_) {
    for (const Candidate& face : view.faces) {
      const float side = long_side(face.box) * view.scale;
      if (side < kHintFace) view.hints.push_back({face.box, face_promise(side)});
    }
    for (const Candidate& peak : view.peaks) {
      const bool is_small = long_side(peak.box) * view.scale < kHintFace;
      if (is_small && !is_of_a_face(peak, view.faces)) view.hints.push_back({peak.box});
    }
  }
  level_ = 0;
  next_tiles();
}

void DetectRounds::add_tiles(std::size_t view, std::vector<DetectPass> tiles) {
  for (DetectPass& tile : tiles) {
    tile.score_threshold = threshold_;
    if (terms_.detail == Detail::automatic) {
      tile.peak_margin = peak_margin(threshold_);
      views_[view].pixels_left -= canvas_pixels(tile);
    }
    tiles_.push_back({view, tile});
  }
}

// Asks for tiles of this level or, when it has no more, of the next one.
void DetectRounds::next_tiles() {
  requests_.clear();
  while (tiles_.empty()) {
    std::size_t levels = 0;
    for (const View& view : views_) levels = std::max(levels, view.levels.size());
    if (level_ >= levels) {
      stage_ = Stage::done;
      return;
    }
    for (std::size_t i = 0; i < views_.size(); ++i) {
      View& view = views_[i];
      view.level_begin = view.closer.size();
      if (level_ >= view.levels.size()) continue;
      const float scale = view.levels[level_];
      add_tiles(i, terms_.detail == Detail::full
                       ? cover_view(detector_, view.size, scale)
                       : cover_hints(detector_, view.size, scale, view.hints, view.pixels_left));
      view.hints.clear();
    }
    if (tiles_.empty()) ++level_;
  }
  const auto end = tiles_.begin() + static_cast<std::ptrdiff_t>(std::min(tiles_.size(), kTilesMax));
  requests_.assign(tiles_.begin(), end);
  tiles_.erase(tiles_.begin(), end);
}

void DetectRounds::take_tiles(std::span<const std::vector<Candidate>> found) {
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    const auto& [index, pass] = requests_[i];
    View& view = views_[index];
    const std::size_t number = passes_++;
    for (const Candidate& face : found[i]) {
      view.closer.push_back({{face, pass_scale(pass), 0}, edge_place(face, pass, view.size), number});
    }
  }
  if (tiles_.empty()) end_level();
  next_tiles();
}

// What the tiles of a level saw: faces, and hints for the next one.
void DetectRounds::end_level() {
  for (View& view : views_) {
    std::vector<Sighting> seen(view.closer.begin() + static_cast<std::ptrdiff_t>(view.level_begin), view.closer.end());
    view.closer.resize(view.level_begin);
    for (const Sighting& face : seen) {
      const float side = long_side(face.box) * face.scale;
      const bool is_face = face.score >= threshold_;
      const bool is_hint = is_face ? side < kKeptFace || face.place == EdgePlace::cut : side < kHintFace;
      if (is_hint && terms_.detail == Detail::automatic) {
        view.hints.push_back({face.box, is_face ? face_promise(side) : 1});
      }
    }
    drop_pieces(seen, threshold_);
    std::erase_if(seen, [&](const Sighting& face) { return face.score < threshold_; });
    view.closer.insert(view.closer.end(), seen.begin(), seen.end());
  }
  ++level_;
}

std::vector<std::vector<DetectedFace>> DetectRounds::faces() {
  std::vector<std::vector<DetectedFace>> faces;
  for (View& view : views_) faces.push_back(merge_looks(view.faces, view.scale, std::move(view.closer)));
  return faces;
}

std::vector<DetectedFace> detect_faces(const Detector& detector, const DetectTerms& terms, ImageView image,
                                       DetectScratch& scratch, const std::stop_token& stop) {
  const PixelSize size{image.width, image.height};
  DetectRounds rounds(detector, terms, {&size, 1});
  while (!rounds.requests().empty()) {
    std::vector<std::vector<Candidate>> found(rounds.requests().size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      throw_if_stopped(stop);
      detect_pass(detector, image, rounds.requests()[i].pass, scratch, found[i], stop);
    }
    rounds.take(found);
  }
  return std::move(rounds.faces().front());
}

}  // namespace mien
