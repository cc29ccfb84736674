#include "pipeline/analyze.h"

#include <gtest/gtest.h>

#include "image/encode.h"
#include "image/image_files.h"
#include "image/orientation.h"
#include "image/phash.h"
#include "pipeline/state.h"
#include "support/photos.h"

namespace mien {
namespace {

using test::ByteVector;

// Embeds every face as one number, writes down how many came, and fails while it is told to.
class WatchedSession final : public Session {
 public:
  const std::vector<TensorInfo>& inputs() const override { return none_; }
  const std::vector<TensorInfo>& outputs() const override { return none_; }
  Outputs run(std::span<const TensorView> inputs, const std::stop_token&) const override {
    struct Memory final : Outputs::Owner {
      std::vector<float> values;
    };
    if (fails) throw Exception(ErrorCode::internal, "the session fails");
    const std::int64_t count = inputs[0].shape[0];
    faces += count;
    auto memory = std::make_unique<Memory>();
    memory->values.assign(static_cast<std::size_t>(count), 1.0F);
    std::vector<TensorView> views{{memory->values.data(), {count, 1}}};
    return {std::move(views), std::move(memory)};
  }

  mutable std::int64_t faces = 0;
  bool fails = false;

 private:
  std::vector<TensorInfo> none_;
};

class AnalyzeImages : public ::testing::Test {
 protected:
  AnalyzeImages() : engine_(options()), state_(engine_.state()) {
    auto session = std::make_unique<WatchedSession>();
    session_ = session.get();
    auto embedder = std::make_shared<Embedder>();
    embedder->dimension = 1;
    embedder->session = std::move(session);
    state_.embedder = embedder;
    state_.embedder_runtime = state_.detector_runtime;
  }

  static EngineOptions options() {
    EngineOptions options;
    options.settings = test::plain_settings();
    options.load_embedder = false;
    return options;
  }

  std::vector<Result<Analysis>> analyze(const std::vector<ByteVector>& files, const BatchProgress& progress) {
    const std::vector<Bytes> images(files.begin(), files.end());
    Workspace workspace;
    return analyze_images(state_, images, {}, workspace.state(), progress);
  }

  Engine engine_;
  Engine::State state_;
  WatchedSession* session_;
};

// A crowd of thousands would otherwise wait as 150 kB each.
TEST_F(AnalyzeImages, FacesWaitForNoMoreThanABatch) {
  const std::vector<ByteVector> files = {test::read_photo("obama.jpg"), test::read_photo("solvay_conference_1927.jpg")};
  std::vector<std::int64_t> embedded;
  const std::vector<Result<Analysis>> results =
      analyze(files, [&](std::size_t, std::size_t) { embedded.push_back(session_->faces); });
  ASSERT_TRUE(results[1]);
  const std::int64_t all = 1 + static_cast<std::int64_t>(results[1]->faces.size());
  EXPECT_EQ(embedded, (std::vector<std::int64_t>{0, all / kEmbedBatch * kEmbedBatch}));
  EXPECT_EQ(session_->faces, all);
  for (const Face& face : results[1]->faces) EXPECT_EQ(face.embedding, std::vector{1.0F});
}

TEST_F(AnalyzeImages, ABatchThatFailsIsTheErrorOfItsImagesAlone) {
  const std::vector<ByteVector> files = {test::read_photo("obama.jpg"), test::read_photo("solvay_conference_1927.jpg"),
                                         test::read_photo("chelsea.png"), test::read_photo("obama2.jpg")};
  const std::vector<Result<Analysis>> results =
      analyze(files, [&](std::size_t done, std::size_t) { session_->fails = done == 1; });
  ASSERT_EQ(results.size(), 4U);
  for (const std::size_t image : {0, 1}) {  // the face of the first waited for those of the second
    ASSERT_FALSE(results[image]) << image;
    EXPECT_EQ(results[image].error().message, "the session fails");
  }
  ASSERT_TRUE(results[2]);
  ASSERT_TRUE(results[3]);
  ASSERT_EQ(results[3]->faces.size(), 1U);
  EXPECT_EQ(results[3]->faces[0].embedding, std::vector{1.0F});
}

// In `exact` the detector looks at colours as stored, and the hash is of them everywhere.
TEST_F(AnalyzeImages, ShowsFacesInColoursOfSrgbWhateverItLooksAt) {
  constexpr int kOrientation = 6;
  ByteVector wide = encode_jpeg(test::turn_as_stored(test::load_photo("obama2.jpg"), kOrientation), 95);
  const ByteVector p3 = test::read_image("colour/jpeg_p3.jpg");
  const auto segment = p3.begin() + static_cast<std::ptrdiff_t>(test::find_marker(p3, 0xE2));
  wide.insert(wide.begin() + 2, segment, segment + 2 + (segment[2] << 8 | segment[3]));
  wide = test::add_exif_to_jpeg(wide, kOrientation);
  const std::vector<ByteVector> files = {wide, test::read_photo("coffee.png"), test::read_photo("obama.jpg")};
  const std::vector<Bytes> images(files.begin(), files.end());
  DecodedImage stored;
  ASSERT_TRUE(decode_image(wide, {.limits = {}, .convert_colours = false}, stored));
  for (const Precision precision : {Precision::exact, Precision::standard}) {
    state_.options.precision = precision;
    Workspace workspace;
    std::vector<std::size_t> shown;
    std::vector<Result<Analysis>> results =
        analyze_images(state_, images, {.phash = true}, workspace.state(), {},
                       [&](std::size_t image, ImageView upright, std::span<const Face> faces) {
                         shown.push_back(image);
                         EXPECT_EQ(faces.size(), 1);
                         DecodedImage alone;
                         Image expected;
                         ASSERT_TRUE(decode_image(images[image], {}, alone));
                         apply_orientation(alone.pixels, alone.orientation, expected);
                         EXPECT_EQ(test::pixel_sha256(test::copy_pixels(upright)), test::pixel_sha256(expected));
                       });
    EXPECT_EQ(shown, (std::vector<std::size_t>{0, 2})) << "nobody is seen in the second";
    EXPECT_EQ(results[0]->phash, perceptual_hash_hex(perceptual_hash(stored.pixels)));
  }
}

}  // namespace
}  // namespace mien
