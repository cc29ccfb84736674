#include "models/load.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/detectors.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

using test::ByteVector;

class Load : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { runtime = open_onnxruntime(test::plain_settings()); }
  static void TearDownTestSuite() { runtime.reset(); }

  ModelFile store(const ByteVector& model, const std::string& role) {
    ModelFile file;
    file.info.name = "tiny.onnx";
    file.info.path = folder.add("tiny.onnx", model);
    file.info.role = role;
    return file;
  }
  std::unique_ptr<Detector> load_detector_of(const ByteVector& model, const LoadOptions& options = {}) {
    return load_detector(*runtime, store(model, "detector"), options);
  }
  std::unique_ptr<Embedder> load_embedder_of(const ByteVector& model) {
    return load_embedder(*runtime, store(model, "embedder"));
  }
  template <typename Function>
  Error error_of(Function load) {
    try {
      load();
    } catch (const Exception& error) {
      EXPECT_NE(error.error().message.find("tiny.onnx"), std::string::npos) << error.error().message;
      return error.error();
    }
    ADD_FAILURE() << "the model was accepted";
    return {};
  }

  static inline std::unique_ptr<Runtime> runtime;
  test::ScratchFolder folder;
};

TEST_F(Load, DetectorsByTheirOutputs) {
  EXPECT_EQ(load_detector_of(test::make_tiny_yunet())->kind, &kYunet);
  EXPECT_EQ(load_detector_of(test::make_tiny_centerface())->kind, &kCenterFace);
  const std::unique_ptr<Detector> scrfd = load_detector_of(test::make_tiny_scrfd({}));
  EXPECT_EQ(scrfd->kind, &kScrfd);
  EXPECT_TRUE(scrfd->has_landmarks);
  EXPECT_FALSE(scrfd->fixed_width);
  EXPECT_EQ(scrfd->score_threshold, 0.5F);
  EXPECT_FALSE(load_detector_of(test::make_tiny_scrfd({.landmarks = false}))->has_landmarks);
  EXPECT_EQ(load_detector_of(test::make_tiny_scrfd_of_five())->kind, &kScrfd);
  EXPECT_EQ(load_detector_of(test::make_tiny_yunet(), {.score_threshold = 0.875F})->score_threshold, 0.875F);
}

TEST_F(Load, ExactKeepsTheSizeOfAModelThatHasOne) {
  const LoadOptions exact = {.keep_declared_size = true, .score_threshold = {}};
  const std::unique_ptr<Detector> kept = load_detector_of(test::make_tiny_scrfd({.side = 128}), exact);
  EXPECT_EQ(kept->fixed_width, 128);
  EXPECT_EQ(kept->fixed_height, 128);
  EXPECT_FALSE(load_detector_of(test::make_tiny_scrfd({.side = 128}))->fixed_width);
  // Ten images of 32 x 32 are what an exporter left behind.
  EXPECT_FALSE(load_detector_of(test::make_tiny_centerface(), exact)->fixed_width);
}

// One model says at once that it cannot be freed, the other one fails when it is run at another size.
TEST_F(Load, ModelsThatCannotBeFreedKeepTheirSize) {
  for (const std::int64_t side : {64, 96, 128}) {
    for (const test::TinyScrfd& options :
         {test::TinyScrfd{.side = side, .knows_shapes = false}, test::TinyScrfd{.side = side, .fixed_reshape = true}}) {
      const std::unique_ptr<Detector> detector = load_detector_of(test::make_tiny_scrfd(options));
      EXPECT_EQ(detector->fixed_width, side);
      EXPECT_EQ(detector->fixed_height, side);
      const std::vector<float> black(static_cast<std::size_t>(3 * side * side));
      const TensorView input{black.data(), {1, 3, side, side}};
      EXPECT_EQ(detector->session->run({&input, 1}).size(), 9U);
    }
  }
}

// A white cell of 32 x 32 in a black picture: faces where the light is, in pixels of the picture.
TEST_F(Load, ALoadedDetectorFindsTheLight) {
  const std::unique_ptr<Detector> detector = load_detector_of(test::make_tiny_scrfd({}));
  Image image = test::make_flat(256, 160, 3, 0);
  test::paste(test::make_flat(32, 32, 3, 255), 192, 64, image);
  DetectScratch scratch;
  std::vector<Candidate> faces;
  detect_pass(*detector, image, {0, 0, 256, 160, {256, 160, 256, 160}}, scratch, faces);
  ASSERT_FALSE(faces.empty());
  for (const Candidate& face : faces) {
    // The cell's own corner is the centre; boxes are 1 2 3 4 strides around it.
    EXPECT_GE(face.landmarks[0].x, 192);
    EXPECT_LT(face.landmarks[0].x, 192 + 64);
    EXPECT_GE(face.landmarks[0].y, 64);
    EXPECT_LT(face.landmarks[0].y, 64 + 64);
  }
  // Stride 8, first anchor: the three means of white (127.5 / 128) are added.
  EXPECT_NEAR(faces.front().score, 1 / (1 + std::exp(-(12 * 127.5 / 128 - 2))), 1e-4);
}

// A detector that ends as real ones do is cut before its heads, and a device still gets the whole.
TEST_F(Load, RealHeadsAreLeftToMien) {
  const ByteVector model = test::make_tiny_scrfd({.side = 0, .real_heads = true});
  const std::unique_ptr<Detector> detector = load_detector_of(model, {.keep_model = true});
  EXPECT_EQ(detector->kind, &kScrfd);
  EXPECT_TRUE(detector->has_landmarks);
  ASSERT_NE(detector->heads, nullptr);
  EXPECT_EQ(detector->session->outputs().size(), 3U);
  ASSERT_NE(detector->model, nullptr);
  EXPECT_EQ(runtime->create_session(*detector->model, "whole")->outputs().size(), 9U);
  EXPECT_EQ(load_detector_of(test::make_tiny_scrfd({}))->heads, nullptr);
}

// Free already, or tied to its shapes for good: a device gets the file, byte by byte.
TEST_F(Load, WhatIsNotRewrittenIsTheFile) {
  const ByteVector batched = test::make_tiny_embedder({.batch = 0});
  EXPECT_EQ(*load_embedder(*runtime, store(batched, "embedder"), true)->model, batched);
  const ByteVector tied = test::make_tiny_scrfd({.knows_shapes = false});
  const std::unique_ptr<Detector> detector = load_detector_of(tied, {.keep_model = true});
  EXPECT_FALSE(detector->batch_is_free);
  EXPECT_EQ(*detector->model, tied);
}

TEST_F(Load, EmbeddersTellTheirLength) {
  const std::unique_ptr<Embedder> embedder = load_embedder_of(test::make_tiny_embedder({.dimension = 128}));
  EXPECT_EQ(embedder->dimension, 128);
  EXPECT_EQ(embedder->batch_max, kEmbedBatch);
  EXPECT_EQ(load_embedder_of(test::make_tiny_embedder({.batch = 0, .dimension = 192}))->dimension, 192);
}

TEST_F(Load, FeedsUnknownEmbeddersAsInsightFaceDoes) {
  const std::unique_ptr<Embedder> plain = load_embedder_of(test::make_tiny_embedder({}));
  EXPECT_EQ(plain->feed.mean, 127.5F);
  EXPECT_EQ(plain->feed.scale, 1.0F / 127.5F);
  EXPECT_FALSE(plain->feed.bgr);
  const std::unique_ptr<Embedder> raw = load_embedder_of(test::make_tiny_embedder({.normalises = true}));
  EXPECT_EQ(raw->feed.mean, 0.0F);
  EXPECT_EQ(raw->feed.scale, 1.0F);
}

std::vector<std::vector<float>> embed(const Embedder& embedder, std::size_t count) {
  AlignedFaces faces;
  for (std::size_t i = 0; i < count; ++i) {
    float* planes = faces.add();
    for (int j = 0; j < 3 * 112 * 112; ++j) planes[j] = std::sin(static_cast<float>(j) * 0.01F + static_cast<float>(i));
  }
  return embed_faces(embedder, faces);
}

TEST_F(Load, BatchesGiveOneEmbeddingAFaceInOrder) {
  const std::unique_ptr<Embedder> embedder = load_embedder_of(test::make_tiny_embedder({}));
  const std::vector<std::vector<float>> all = embed(*embedder, 11);
  ASSERT_EQ(all.size(), 11U);
  for (std::size_t i = 1; i < all.size(); ++i) {
    ASSERT_EQ(all[i].size(), static_cast<std::size_t>(test::kTinyDimension));
    EXPECT_NE(all[i], all[i - 1]);
    EXPECT_EQ(embed(*embedder, i).back(), all[i - 1]);
  }
  EXPECT_TRUE(embed(*embedder, 0).empty());
}

// A Reshape to [64] cannot take two faces: after the first try each goes alone, and nothing is lost.
TEST_F(Load, AModelOfOneFaceGetsThemOneByOne) {
  const std::unique_ptr<Embedder> embedder = load_embedder_of(test::make_tiny_embedder({.keeps_batch = true}));
  const std::unique_ptr<Embedder> batched = load_embedder_of(test::make_tiny_embedder({}));
  EXPECT_EQ(embed(*embedder, 6), embed(*batched, 6));
  EXPECT_EQ(embedder->batch_max, 1);
}

TEST_F(Load, RefusesWrongModels) {
  const ByteVector text = {'#', ' ', 'n', 'o', ' ', 'm', 'o', 'd', 'e', 'l', '\n'};
  const ByteVector png = test::read_photo("coffee.png");
  ByteVector half = test::make_tiny_scrfd({});
  half.resize(half.size() / 2);
  for (const ByteVector& bytes : {text, png, half, ByteVector{}}) {
    EXPECT_EQ(error_of([&] { load_detector_of(bytes); }).code, ErrorCode::bad_data);
    EXPECT_EQ(error_of([&] { load_embedder_of(bytes); }).code, ErrorCode::bad_data);
  }
  const Error swapped = error_of([&] { load_detector_of(test::make_tiny_embedder({})); });
  EXPECT_EQ(swapped.code, ErrorCode::unsupported);
  EXPECT_NE(swapped.message.find("face detector"), std::string::npos) << swapped.message;
  const Error detector = error_of([&] { load_embedder_of(test::make_tiny_scrfd({})); });
  EXPECT_EQ(detector.code, ErrorCode::unsupported);
  EXPECT_NE(detector.message.find("face embedder"), std::string::npos) << detector.message;
  EXPECT_EQ(error_of([&] { load_detector_of(test::make_tiny_stranger()); }).code, ErrorCode::unsupported);
  EXPECT_EQ(error_of([&] { load_embedder_of(test::make_tiny_stranger()); }).code, ErrorCode::unsupported);
  EXPECT_EQ(error_of([&] { load_detector_of(test::make_tiny_table_model()); }).code, ErrorCode::unsupported);
  EXPECT_EQ(error_of([&] { load_embedder_of(test::make_tiny_table_model()); }).code, ErrorCode::unsupported);
}

TEST_F(Load, RefusesEmbeddersThatMienCannotFeed) {
  const Error small = error_of([&] { load_embedder_of(test::make_tiny_embedder({.side = 160})); });
  EXPECT_EQ(small.code, ErrorCode::unsupported);
  EXPECT_NE(small.message.find("160x160"), std::string::npos) << small.message;
  const Error classifier = error_of([&] { load_embedder_of(test::make_tiny_embedder({.dimension = 2})); });
  EXPECT_EQ(classifier.code, ErrorCode::unsupported);
  EXPECT_NE(classifier.message.find("2 numbers"), std::string::npos) << classifier.message;
  EXPECT_EQ(error_of([&] { load_embedder_of(test::make_tiny_integer_model()); }).code, ErrorCode::unsupported);
}

// A file of so many bytes, that holds the text.
ModelFile make_file(test::ScratchFolder& folder, const std::string& role, std::size_t size, const std::string& text) {
  ByteVector bytes(size);
  std::copy(text.begin(), text.end(), bytes.begin() + 1000);
  ModelFile file;
  file.info.path = folder.add("some.onnx", bytes);
  file.info.role = role;
  return file;
}

TEST(GainsByOpenvino, IsWhatTheFileTellsWhereNoRowSays) {
  test::ScratchFolder folder;
  EXPECT_TRUE(gains_by_openvino(make_file(folder, "embedder", 2000, "PRelu")));
  EXPECT_FALSE(gains_by_openvino(make_file(folder, "embedder", 3'000'000, "Relu")));
  EXPECT_FALSE(gains_by_openvino(make_file(folder, "detector", 2'999'999, "Relu")));
  ModelFile large = make_file(folder, "detector", 3'000'000, "Relu");
  EXPECT_TRUE(gains_by_openvino(large));
  CatalogRow row;
  for (const DetectorKind* const kind : detector_kinds()) {
    row.decoder = kind->name;
    large.row = std::make_shared<CatalogRow>(row);
    EXPECT_EQ(gains_by_openvino(large), kind != &kCenterFace) << kind->name;
  }
  row.gains_by_openvino = true;
  large.row = std::make_shared<CatalogRow>(row);
  EXPECT_TRUE(gains_by_openvino(large));
}

TEST(GainsByOpenvino, IsInTheRowsWhatTheirFilesTell) {
  int count = 0;
  for (const CatalogRow& row : catalog_rows()) {
    if (!row.gains_by_openvino) continue;
    Result<ModelFile> file = find_model(test::plain_settings(), row.role, row.name);
    ASSERT_TRUE(file) << file.error().message;
    CatalogRow silent = row;
    silent.gains_by_openvino.reset();
    file->row = std::make_shared<CatalogRow>(silent);
    EXPECT_EQ(gains_by_openvino(*file), *row.gains_by_openvino) << row.name;
    ++count;
  }
  EXPECT_EQ(count, 2);
}

}  // namespace
}  // namespace mien
