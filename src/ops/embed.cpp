#include "ops/embed.h"

#include <algorithm>
#include <cassert>

namespace mien {
namespace {

// Returns false when the model took the batch but gave another number of rows.
bool run_batch(const Embedder& embedder, const float* planes, std::size_t count, const std::stop_token& stop,
               std::vector<std::vector<float>>& embeddings) {
  const TensorView input{planes, {static_cast<std::int64_t>(count), 3, kAlignedSide, kAlignedSide}};
  const Outputs outputs = embedder.session->run({&input, 1}, stop);
  const TensorView& rows = outputs[0];
  const std::size_t dimension = static_cast<std::size_t>(embedder.dimension);
  if (rows.count() != count * dimension) return false;
  for (std::size_t i = 0; i < count; ++i) {
    const float* row = rows.data + i * dimension;
    embeddings.emplace_back(row, row + dimension);
  }
  return true;
}

// Returns the size of the next batch: the largest that is full, then 1 for the rest. A runtime that compiles for each
// shape sees few of them.
std::size_t batch_of(std::size_t left, std::size_t batch_max) {
  if (left >= batch_max) return batch_max;
  return batch_max > kEmbedBatch && left >= kEmbedBatch ? kEmbedBatch : 1;
}

}  // namespace

float* AlignedFaces::add() {
  ++count_;
  if (planes_.size() < count_ * kAlignedFloats) planes_.resize(count_ * kAlignedFloats);
  return planes_.data() + (count_ - 1) * kAlignedFloats;
}

const float* AlignedFaces::face(std::size_t index) const {
  assert(index < count_);
  return planes_.data() + index * kAlignedFloats;
}

std::vector<std::vector<float>> embed_faces(const Embedder& embedder, const AlignedFaces& faces,
                                            const std::stop_token& stop) {
  std::vector<std::vector<float>> embeddings;
  embeddings.reserve(faces.size());
  while (embeddings.size() < faces.size()) {
    const std::size_t at = embeddings.size();
    const std::size_t batch = batch_of(faces.size() - at, static_cast<std::size_t>(embedder.batch_max.load()));
    bool is_done = false;
    try {
      is_done = run_batch(embedder, faces.face(at), batch, stop, embeddings);
    } catch (const Exception& error) {
      if (batch == 1 || error.error().code == ErrorCode::cancelled) throw;
    }
    if (is_done) continue;
    if (batch == 1) {
      throw Exception(ErrorCode::internal, "the embedder gave an embedding of another length than it declares");
    }
    embedder.batch_max.store(1);  // a model whose batch is fixed at one: each face by itself from here on
  }
  return embeddings;
}

}  // namespace mien
