// A detector's outputs stay on the device, and only the anchors above the score threshold come down: a mask of bits
// says which they are, and then their rows are picked. The decoders see them as outputs of full size.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "device/graph.h"
#include "ops/detect.h"

namespace mien {

// The outputs of one detector for one size of its input.
class CandidatePlan {
 public:
  // `shapes` are those of the outputs of a run with `images` images. `images_within_cells`: exports of SCRFD that
  // Transpose by (2, 3, 0, 1) before their Reshape give [cells, images, anchors] in a batch.
  // Throws Exception(bad_data) when they are not such outputs.
  CandidatePlan(const OutputLayout& layout, std::vector<Shape> shapes, std::int64_t images,
                bool images_within_cells = false);

  struct Group {
    std::int64_t values = 1;  // of an anchor
    std::int64_t begin = 0;   // its column of a picked row
    bool is_score = false;
  };
  const std::vector<Group>& groups() const { return groups_; }
  const std::vector<std::int64_t>& levels() const { return levels_; }  // anchors of each
  std::size_t output(std::size_t group, std::size_t level) const { return group * levels_.size() + level; }
  const std::vector<Shape>& shapes() const { return shapes_; }
  std::int64_t anchors() const { return anchors_; }  // of an image
  std::int64_t row_floats() const { return row_floats_; }
  bool is_planar() const { return is_planar_; }
  std::int64_t anchors_within_cells() const { return anchors_within_cells_; }  // 0: images lie one after the other
  int score_groups() const { return score_groups_; }

 private:
  std::vector<Shape> shapes_;
  std::vector<Group> groups_;
  std::vector<std::int64_t> levels_;
  std::int64_t anchors_ = 0;
  std::int64_t row_floats_ = 0;
  bool is_planar_ = false;
  std::int64_t anchors_within_cells_ = 0;
  int score_groups_ = 1;
};

// Anchors in a word of the mask: few enough for a float to hold them exactly.
inline constexpr std::int64_t kMaskBits = 16;

// Inputs: the detector's score outputs (of the groups that make the score, in their order), then
//   threshold f32 [1]  of mask_threshold
// Outputs: mask f32 [N, words], anchor 16 w + b of an image is bit b of word w; anchors of all levels in order;
//   total f32 [1], the sum of all scores: no number where one of them is none (which the mask does not show).
Graph make_mask_graph(const CandidatePlan& plan);

// Returns the value that the graph compares scores with: a little below the threshold, so that rounding loses no
// candidate. The decoder drops those that are too many. Where two groups make the score, their product is compared.
float mask_threshold(const CandidatePlan& plan, float score_threshold);

// Anchors of the mask: image * plan.anchors() + anchor, rising.
std::vector<std::int32_t> read_mask(const CandidatePlan& plan, std::span<const float> mask);

// Inputs: all outputs of the detector, then
//   anchors i32 [K]  image * plan.anchors() + anchor
// Output: rows f32 [K, row_floats], the values of all groups.
Graph make_pick_graph(const CandidatePlan& plan);

// Rows of a run of the pick graph at most; more anchors take several runs.
inline constexpr std::size_t kPickMax = 1024;
// The power of two from 16 to kPickMax that holds `anchors`.
std::size_t pick_bucket(std::size_t anchors);

// One image's outputs of full size in which only the picked anchors have values. Scores of the others are not numbers,
// which no threshold lets through.
class SparseOutputs {
 public:
  explicit SparseOutputs(CandidatePlan plan);
  // `rows` are those of `anchors`; those of other images are passed over. The values of an earlier call are gone.
  void fill(std::int64_t image, std::span<const std::int32_t> anchors, std::span<const float> rows);
  // The outputs view this object.
  Outputs outputs() const;

 private:
  void write(std::int64_t anchor, const float* row);  // null: as if it had never been picked

  CandidatePlan plan_;
  std::vector<std::vector<float>> values_;
  std::vector<std::int64_t> written_;
};

}  // namespace mien
