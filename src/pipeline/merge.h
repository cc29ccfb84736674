// What several passes over one view saw becomes the faces of it, each of them once.
#pragma once

#include <span>
#include <vector>

#include "pipeline/passes.h"

namespace mien {

// A face that the first pass found with so many canvas pixels or more keeps its numbers, whatever looks closer.
inline constexpr float kKeptFace = 32;

// Where a face lies in the part of the view that a pass looked at: an inner edge, behind which the view goes on, may
// hide a part of it.
enum class EdgePlace { whole, near, cut };
EdgePlace edge_place(const Candidate& face, const DetectPass& pass, PixelSize view);

// What one pass saw.
struct Sighting : DetectedFace {
  EdgePlace place = EdgePlace::whole;
  std::size_t pass = 0;
};

float long_side(const Box& box);
// The part of the smaller box that lies in the other.
float contained_share(const Box& a, const Box& b);
// Whether two passes that saw these boxes saw one face.
bool is_one_face(const Box& a, const Box& b);

// Drops what an inner edge cuts (its neighbour, or the pass over the whole view, sees it), and pieces of faces beside
// an inner edge that another pass sees whole. `score_threshold`: of a face.
void drop_pieces(std::vector<Sighting>& seen, float score_threshold);

// `first`: the faces of the first look, of `first_scale` canvas pixels a pixel. `closer`: what tiles saw of the same
// view, without pieces. Faces of the first look that closer looks did not see stay; those below kKeptFace that they
// saw take the closer look's numbers. By falling score.
std::vector<DetectedFace> merge_looks(const std::vector<Candidate>& first, float first_scale,
                                      std::vector<Sighting> closer);

// rotations[i]: what was found in the image rotated clockwise by i quarters; `image` is the size of the upright one.
// Returns the faces in its pixels, each once, with the numbers of the rotation that shows it best, by its score and the
// shape of its landmarks, the upright one in doubt. By falling score.
std::vector<DetectedFace> merge_rotations(std::vector<std::vector<DetectedFace>> rotations, PixelSize image);

}  // namespace mien
