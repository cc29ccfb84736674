// Faces that are one person as far as their embeddings and what was said tell: the exact mean of all similarities of
// two groups decides, never one pair of them (average linkage; Sokal and Michener 1958). No face chosen at random, no
// order of input, no number but the embedder's own threshold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mien/tools/store.h"

namespace mien {

// On which side of a split a face was. Two faces on different sides of one split are in no group together.
struct SplitSide {
  OperationId split = 0;
  bool is_off = false;  // among those that were split off
  bool operator==(const SplitSide&) const = default;
};

struct GroupFace {
  FaceKey key = 0;
  ImageId image = 0;
  // Two faces of this image may be one person, as on an album page.
  bool is_page = false;
  // Joins others by similarity. Faces without a vector and poor ones do not; they stand alone for whom they are said to
  // be, or else nowhere.
  bool joins = true;
  // As many neighbours as are kept are at least as similar as the threshold: there may be more.
  bool has_more = false;
  PersonId person = 0;             // who it is said to be; 0: not said
  std::vector<PersonId> rejected;  // whom it is said not to be
  std::vector<SplitSide> sides;
  OperationId together = 0;  // faces with one number, other than 0, begin as one group
};

// Two faces by their places in GroupInput::faces, and the similarity of their vectors.
struct FaceEdge {
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  float similarity = 0;
};

struct GroupInput {
  std::vector<GroupFace> faces;  // in any order, each key once
  int dimension = 0;
  // Rows of `dimension` halves, and for each face the number of its row; of faces that do not join it is not read.
  std::span<const std::uint16_t> rows;
  std::vector<std::size_t> row_of;
  // Each face and its most similar ones; in any order, one way or both.
  std::vector<FaceEdge> edges;
  float threshold = 0;  // cosine
};

inline constexpr std::uint32_t kNoGroup = UINT32_MAX;

// For each face the place of one face of its group, the same for all of a group (that of the lowest key), or kNoGroup.
// In the end no two groups are left whose mean similarity is at least the threshold, unless
//  - two of their faces are of one image that is no page. All faces that are said to be one person count together here,
//    and two of them may be of one image;
//  - they are said to be different persons, or a face of one is said not to be the other's person;
//  - they lie on different sides of a split.
std::vector<std::uint32_t> group_faces(const GroupInput& input);

// The sum of a face's row, or of those of a group: the mean similarity of two groups is the product of their sums over
// the product of their counts. Halves are added without rounding, so that no order of faces shows.
struct VectorSum {
  std::vector<double> values;
  std::size_t count = 0;
  void add(std::span<const std::uint16_t> half);
};
double mean_similarity(const VectorSum& a, const VectorSum& b);

}  // namespace mien
