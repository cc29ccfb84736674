// Small ONNX models made at run time, with outputs that a test can work out by hand. They have the traps of real
// exports: one declared size, constant Resize sizes, Reshape targets with a batch of one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/photos.h"

namespace mien::test {

struct TinyScrfd {
  std::int64_t side = 64;      // of the declared square; 0: height and width are free
  bool landmarks = true;       // nine outputs, or six
  bool knows_shapes = true;    // intermediate shapes are declared, so that Resize sizes can be turned into scales
  std::int64_t enlarged = 0;   // what the Resize from stride 16 says instead of side / 8; 0: what is right
  bool fixed_reshape = false;  // Reshape targets hold the number of cells: another size then fails when it is run
  // As real ones end: two convolutions of 1 x 1 with ReLU, then heads of 3 x 3 with weights of no meaning, boxes times
  // a number, the sigmoid last. Without these the heads are of 1 x 1.
  bool real_heads = false;
  std::int64_t head_pad = 1;  // of real heads
};
// f32 = the mean of the red plane over 32 x 32; f16 = the same over 16 x 16 plus f32 enlarged; f8 likewise. Score =
// sigmoid(4 f - 2) for the first anchor of a cell, sigmoid(4 f - 3) for the second. Box distances 1 2 3 4 and 2 2 2 2
// strides; landmark coordinate j is j / 4 strides for the first anchor, 1 for the second.
ByteVector make_tiny_scrfd(const TinyScrfd& options);

// Ten outputs: five strides and one anchor, without landmarks, free size. Constant scores.
ByteVector make_tiny_scrfd_of_five();
// Twelve outputs by name, declared 64 x 64, Reshape targets with a batch of one.
ByteVector make_tiny_yunet();
// Declared as ten images of 32 x 32. Heat = sigmoid(mean of the red plane over 4 x 4), sizes log(2), offsets 0.25,
// landmark value j is j / 10.
ByteVector make_tiny_centerface();

inline constexpr int kTinyDimension = 64;
struct TinyEmbedder {
  std::int64_t batch = 1;  // as declared; 0: free
  std::int64_t dimension = kTinyDimension;
  std::int64_t side = 112;
  bool normalises = false;   // begins with Sub and Mul, as some of InsightFace's do
  bool keeps_batch = false;  // ends with a Reshape that mien cannot free: [dimension]
};
// Number k is the sum over channels c and the 4 x 4 means m of blocks of 28 x 28 of tiny_weight(k, c, m) times them.
ByteVector make_tiny_embedder(const TinyEmbedder& options);
float tiny_weight(std::int64_t k, std::int64_t channel, std::int64_t block);

// Three outputs: no kind of detector, no embedder.
ByteVector make_tiny_stranger();
// Takes rows of ten numbers instead of images.
ByteVector make_tiny_table_model();
// An embedder whose output is 64-bit integers.
ByteVector make_tiny_integer_model();

}  // namespace mien::test
