#include "ops/embed.h"

#include <gtest/gtest.h>

namespace mien {
namespace {

// Embeds a face as its first number, and writes down how many came at once.
class CountingSession final : public Session {
 public:
  explicit CountingSession(std::vector<std::int64_t>& batches) : batches_(batches) {}
  const std::vector<TensorInfo>& inputs() const override { return none_; }
  const std::vector<TensorInfo>& outputs() const override { return none_; }
  Outputs run(std::span<const TensorView> inputs, const std::stop_token&) const override {
    struct Memory final : Outputs::Owner {
      std::vector<float> values;
    };
    const std::int64_t count = inputs[0].shape[0];
    batches_.push_back(count);
    auto memory = std::make_unique<Memory>();
    const std::size_t step = inputs[0].count() / static_cast<std::size_t>(count);
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      memory->values.push_back(inputs[0].data[i * step]);
    }
    std::vector<TensorView> views{{memory->values.data(), {count, 1}}};
    return {std::move(views), std::move(memory)};
  }

 private:
  std::vector<std::int64_t>& batches_;
  std::vector<TensorInfo> none_;
};

std::vector<std::int64_t> batches_of(std::size_t faces, int batch_max) {
  std::vector<std::int64_t> batches;
  Embedder embedder;
  embedder.dimension = 1;
  embedder.batch_max = batch_max;
  embedder.session = std::make_unique<CountingSession>(batches);
  AlignedFaces aligned;
  for (std::size_t i = 0; i < faces; ++i) *aligned.add() = static_cast<float>(i);
  const std::vector<std::vector<float>> embeddings = embed_faces(embedder, aligned);
  EXPECT_EQ(embeddings.size(), faces);
  for (std::size_t i = 0; i < embeddings.size(); ++i) EXPECT_EQ(embeddings[i], std::vector{static_cast<float>(i)});
  return batches;
}

// Few sizes, because a runtime compiles for each.
TEST(EmbedFaces, GoInFullBatchesAndTheRestOneByOne) {
  using Batches = std::vector<std::int64_t>;
  EXPECT_EQ(batches_of(0, kEmbedBatch), Batches());
  EXPECT_EQ(batches_of(9, kEmbedBatch), (Batches{4, 4, 1}));
  EXPECT_EQ(batches_of(23, kReducedEmbedBatch), (Batches{8, 8, 4, 1, 1, 1}));
  EXPECT_EQ(batches_of(3, kReducedEmbedBatch), (Batches{1, 1, 1}));
  EXPECT_EQ(batches_of(3, 1), (Batches{1, 1, 1}));
}

}  // namespace
}  // namespace mien
