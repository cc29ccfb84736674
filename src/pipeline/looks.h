// Looks at images with a detector: the first look, and the closer ones that it calls for, round by round.
#pragma once

#include <deque>
#include <span>
#include <stop_token>
#include <vector>

#include "pipeline/merge.h"
#include "pipeline/passes.h"
#include "pipeline/tiles.h"

namespace mien {

// What is to be run next over some views, told by what was found before. The CPU runs the requests one by one, a
// device in batches: both see the same.
class DetectRounds {
 public:
  DetectRounds(const Detector& detector, const DetectTerms& terms, std::span<const PixelSize> views);

  // The passes of this round; none once all is done.
  std::span<const DetectRequest> requests() const { return requests_; }
  // Whether they are small passes, which a device has run with those of the first round to save a round of its own.
  bool is_small_round() const { return stage_ == Stage::small; }
  // The small pass of a view, if any: it may be asked for.
  const std::optional<DetectPass>& small_pass(std::size_t view) const { return views_[view].plan.small_pass; }
  // Goes on to the next round. `found`: one list a request, as detect_pass gives it.
  void take(std::span<const std::vector<Candidate>> found);

  // Of each view, by falling score, after the last round.
  std::vector<std::vector<DetectedFace>> faces();

 private:
  // The stages after `small` are those of closer looks: `level` counts them.
  enum class Stage { first, small, closer, done };
  struct View {
    PixelSize size;
    DetectPlan plan;
    float scale = 1;               // of the first look
    std::vector<float> levels;     // scales of closer looks
    std::vector<Candidate> faces;  // of the first look
    std::vector<Candidate> peaks;  // of the first look: nearly faces
    std::vector<Hint> hints;       // of smaller faces, for the next level
    std::int64_t pixels_left = 0;  // canvas pixels that closer looks at hints may still cost
    std::vector<Sighting> closer;  // what tiles saw
    std::size_t level_begin = 0;   // the first of `closer` that is of this level
  };

  void take_first(std::span<const std::vector<Candidate>> found);
  void take_small(std::span<const std::vector<Candidate>> found);
  void take_tiles(std::span<const std::vector<Candidate>> found);
  void end_level();
  void next_tiles();
  void add_tiles(std::size_t view, std::vector<DetectPass> tiles);
  void begin_closer();

  const Detector& detector_;
  DetectTerms terms_;
  float threshold_;  // of a face
  Stage stage_ = Stage::first;
  std::size_t level_ = 0;
  std::vector<View> views_;
  std::vector<DetectRequest> requests_;
  std::deque<DetectRequest> tiles_;  // of this level, not asked for yet
  std::size_t passes_ = 0;           // numbers them
};

// One image, on the CPU. Throws Exception(internal, cancelled).
std::vector<DetectedFace> detect_faces(const Detector& detector, const DetectTerms& terms, ImageView image,
                                       DetectScratch& scratch, const std::stop_token& stop = {});

}  // namespace mien
