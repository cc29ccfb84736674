// Face embedding: aligned faces in bounded batches through the embedder.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "device/session.h"
#include "mien/face.h"
#include "ops/align.h"

namespace mien {

// Faces a run on a CPU: a larger batch is no faster per face in 32 bits, and its memory grows with it. In reduced
// precision (bf16), reading the weights is a larger share of the time: twice as many take 3 % less per face.
inline constexpr int kEmbedBatch = 4;
inline constexpr int kReducedEmbedBatch = 8;

struct Embedder {
  Feed feed;
  std::unique_ptr<Session> session;
  int dimension = 0;
  std::string id;  // ModelNames::embedder_id
  // One of the two above; falls to 1 at the first batch that the model refuses or answers with another number of rows.
  mutable std::atomic<int> batch_max{kEmbedBatch};
  // The model of `session`, for a device that is to run it too. Null where no device was asked for.
  std::shared_ptr<const std::vector<std::uint8_t>> model;
};

// Aligned faces waiting for their embedding, in one block of memory.
class AlignedFaces {
 public:
  void clear() { count_ = 0; }
  std::size_t size() const { return count_; }
  // Room for one more face: 3 x 112 x 112 floats to be written at once.
  float* add();
  const float* face(std::size_t index) const;

 private:
  std::vector<float> planes_;
  std::size_t count_ = 0;
};

// One embedding a face, in order, as the model gives it. Throws Exception(internal, cancelled).
std::vector<std::vector<float>> embed_faces(const Embedder& embedder, const AlignedFaces& faces,
                                            const std::stop_token& stop = {});

}  // namespace mien
