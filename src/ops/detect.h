// Face detection: letterbox, normalise, detector, and the boxes it means.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "device/session.h"
#include "mien/engine.h"
#include "mien/face.h"
#include "ops/heads.h"
#include "ops/resize.h"

namespace mien {

// A face before overlapping ones are dropped. Pixels of the detector's input until it is mapped to the image.
struct Candidate {
  Box box;
  Landmarks landmarks{};
  float score = 0;
};

// The facts that a decoder needs about the run whose outputs it reads.
struct DecodeContext {
  int input_width = 0;
  int input_height = 0;
  float score_threshold = 0;
  // The image's part of the input, where boxes end for kinds that cut them there; 0: the whole.
  int part_width = 0;
  int part_height = 0;
};

// The levels of a detector with so many outputs: feature maps, each with its own stride.
struct DetectorLevels {
  int count = 1;
  int anchors = 1;  // of a cell
};

// How a detector's outputs lie: groups of outputs, in each one output a level. An output has one row an anchor, an
// image after the other: [images, anchors, values].
struct OutputLayout {
  std::array<int, 4> values{};  // of an anchor, in each group; a detector may end with fewer groups
  int score_groups = 1;         // the first so many groups: the score is the geometric mean of their values
  bool is_planar = false;       // [images, values, rows, columns] instead
  DetectorLevels (*levels)(std::size_t outputs) = nullptr;
};

// How to run one kind of detector: what differs between SCRFD, YuNet and CenterFace, and nothing else.
struct DetectorKind {
  const char* name;
  Feed feed;
  float score_threshold;
  float nms_threshold;
  // InsightFace counts pixels (width = x2 - x1 + 1) when it compares overlaps; others measure lengths.
  bool nms_counts_pixels;
  int size_multiple;  // of the input's width and height
  OutputLayout outputs = {};
  void (*decode)(const Outputs& outputs, const DecodeContext& context, std::vector<Candidate>& candidates);
  // The same where the session ends before the detector's last convolutions; null for kinds that are never cut so.
  void (*decode_heads)(const Outputs& features, const DetectorHeads& heads, const DecodeContext& context,
                       HeadScratch& scratch, std::vector<Candidate>& candidates) = nullptr;
  bool gains_by_openvino = true;  // where the model is large (docs/benchmarks.md)
};

// A detector that is ready to run.
struct Detector {
  const DetectorKind* kind = nullptr;
  std::unique_ptr<Session> session;
  std::shared_ptr<const DetectorHeads> heads;  // what `session` leaves to mien; null: nothing
  float score_threshold = 0;
  bool has_landmarks = true;
  // Set when the model has one size and could not be freed of it.
  std::optional<int> fixed_width;
  std::optional<int> fixed_height;
  std::vector<DetectSize> exact_sizes;  // as EngineOptions has them
  // The whole model, for a device that is to run it too, and whether it takes several images at once. Null where no
  // device was asked for.
  std::shared_ptr<const std::vector<std::uint8_t>> model;
  bool batch_is_free = false;
};

// The same detector with another session in the place of its own: one that watches it, or runs the model otherwise.
Detector with_session(const Detector& detector, std::unique_ptr<Session> session);

// One pass over a part of the image: which part, and how large it becomes.
struct DetectPass {
  int x = 0;
  int y = 0;
  int width = 0;  // of the part, in image pixels
  int height = 0;
  LetterboxSize size;
  bool keeps_overlaps = false;  // they are dropped once, when all passes are merged
  // Faces are mapped back by the scale of the height in both directions, as InsightFace does it: up to one pixel of the
  // scaled picture off, which is enough for other embeddings (631 faces at one scale: a mean cosine of 0.962).
  bool has_one_scale = false;
  float peak_margin = 0;  // candidates so far below the threshold are found too, for whoever looks closer
  std::optional<float> score_threshold = {};  // of a face; empty: the detector's
};

struct DetectScratch {
  std::vector<float> planes;
  ResizeScratch resize;
  HeadScratch heads;
};

// The least score of what this pass finds, whatever the detector's own threshold is.
float pass_threshold(const Detector& detector, const DetectPass& pass);

// Detector-input pixels per image pixel of this pass, by its height. The width has another: sides are whole pixels.
float pass_scale(const DetectPass& pass);

// Runs one pass and appends its faces in pixels of the image, sorted by falling score, overlaps dropped. Throws
// Exception(internal, cancelled).
void detect_pass(const Detector& detector, ImageView image, const DetectPass& pass, DetectScratch& scratch,
                 std::vector<Candidate>& faces, const std::stop_token& stop = {});

// Makes the candidates of a decoder faces in pixels of the image, sorted by falling score, overlaps dropped.
void finish_pass(const Detector& detector, const DetectPass& pass, std::vector<Candidate>& found);

// Sorts by falling score and drops what overlaps a better one by more than the kind's threshold.
void suppress_overlaps(const DetectorKind& kind, std::vector<Candidate>& candidates);

// Intersection over union of two boxes, as lengths.
float intersection_over_union(const Box& a, const Box& b);

}  // namespace mien
