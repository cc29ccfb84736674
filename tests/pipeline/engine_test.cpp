#include "mien/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "image/encode.h"
#include "ops/compare.h"
#include "ops/detect.h"
#include "support/contains.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

using test::ByteVector;
using test::contains;
using Variables = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kScrfd = "test-models/scrfd_2.5g_static640.onnx";

EngineOptions default_options() {
  EngineOptions options;
  options.settings = test::plain_settings();
  return options;
}

class EngineTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { shared = std::make_unique<Engine>(default_options()); }
  static void TearDownTestSuite() { shared.reset(); }

  static Analysis analyze(Bytes file, const AnalyzeOptions& options = {}) {
    Workspace workspace;
    Result<Analysis> result = shared->analyze(file, options, workspace);
    return std::move(result).take();
  }
  static Analysis analyze_with(const Engine& engine, ImageView pixels, const AnalyzeOptions& options = {}) {
    Workspace workspace;
    Result<Analysis> result = engine.analyze_pixels(to_pixels(pixels), options, workspace);
    return std::move(result).take();
  }
  static Face only_face(const std::string& photo) {
    Analysis analysis = analyze(test::read_photo(photo));
    EXPECT_EQ(analysis.faces.size(), 1U) << photo;
    return analysis.faces.empty() ? Face{} : analysis.faces.front();
  }
  static inline std::unique_ptr<Engine> shared;
};

void expect_same_detection(const Analysis& a, const Analysis& b) {
  ASSERT_EQ(a.faces.size(), b.faces.size());
  for (std::size_t i = 0; i < a.faces.size(); ++i) {
    EXPECT_EQ(a.faces[i].det_score, b.faces[i].det_score);
    EXPECT_EQ(a.faces[i].bbox.x1, b.faces[i].bbox.x1);
    EXPECT_EQ(a.faces[i].bbox.y1, b.faces[i].bbox.y1);
    EXPECT_EQ(a.faces[i].bbox.x2, b.faces[i].bbox.x2);
    EXPECT_EQ(a.faces[i].bbox.y2, b.faces[i].bbox.y2);
  }
}

TEST_F(EngineTest, CountsTheFacesOfTheSamplePhotos) {
  const Analysis solvay = analyze(test::read_photo("solvay_conference_1927.jpg"), {.embed = false});
  EXPECT_NEAR(static_cast<int>(solvay.faces.size()), 29, 1);
  EXPECT_TRUE(std::is_sorted(solvay.faces.begin(), solvay.faces.end(),
                             [](const Face& a, const Face& b) { return a.det_score > b.det_score; }));
  EXPECT_TRUE(analyze(test::read_photo("chelsea.png")).faces.empty());
  EXPECT_TRUE(analyze(test::read_photo("coffee.png")).faces.empty());
}

TEST_F(EngineTest, KnowsAPersonAgain) {
  const std::vector<float> obama = only_face("obama.jpg").embedding;
  const float threshold = shared->embedder()->threshold_verify.value();
  EXPECT_EQ(obama.size(), static_cast<std::size_t>(shared->embedder()->dimension));
  EXPECT_GE(cosine_similarity(obama, only_face("obama2.jpg").embedding), threshold);
  EXPECT_GE(cosine_similarity(obama, only_face("obama3.jpg").embedding), threshold);
  EXPECT_LT(cosine_similarity(obama, only_face("biden.jpg").embedding), threshold);
}

TEST_F(EngineTest, SaysWhatRanWhere) {
  const Analysis analysis = analyze(test::read_photo("obama2.jpg"), {.image_quality = true, .phash = true});
  EXPECT_EQ(analysis.format, "jpeg");
  EXPECT_EQ(analysis.width, 626);
  EXPECT_EQ(analysis.height, 1200);
  EXPECT_EQ(analysis.phash.size(), 16U);
  EXPECT_TRUE(analysis.quality);
  EXPECT_EQ(analysis.models.detector, "centerface");
  EXPECT_EQ(analysis.models.embedder, "fr_feature");
  EXPECT_EQ(analysis.models.embedder_id, "87aacdfe57510db2-bgr-127.5-128");
  std::vector<std::string> operations;
  for (const Placement& placement : analysis.placement) {
    operations.push_back(placement.operation);
    EXPECT_EQ(placement.requested, "cpu");
    EXPECT_EQ(placement.ran, "cpu");
    EXPECT_FALSE(placement.reason);
    EXPECT_FALSE(placement.device.empty());
  }
  EXPECT_EQ(operations, (std::vector<std::string>{"face_detection", "face_embedding", "quality_checks"}));
  EXPECT_GT(analysis.timings_ms.detect, 0);
  EXPECT_TRUE(shared->runtime().starts_with("onnxruntime 1."));
}

// Every image is detected by itself, so boxes and scores are the same bits. Embeddings share runs of up to four faces:
// with ONNX Runtime 1.31 and fr_feature on AVX-512 those are the same bits too (36 faces, three detectors), because its
// convolutions go image by image. Another library may split the sums differently: 1e-6 is what float sums of a few
// thousand products may move a cosine.
TEST_F(EngineTest, BatchEqualsOneByOne) {
  std::vector<ByteVector> files = {test::read_photo("obama2.jpg"),
                                   {},
                                   test::read_photo("astronaut.png"),
                                   test::read_photo("chelsea.png"),
                                   test::read_photo("obama_partial_face.jpg"),
                                   test::read_photo("obama_partial_face2.jpg"),
                                   test::read_photo("obama.jpg")};
  const std::string text = "not an image at all";
  files.insert(files.begin() + 3, ByteVector(text.begin(), text.end()));
  const std::vector<Bytes> images(files.begin(), files.end());
  Workspace workspace;
  const std::vector<Result<Analysis>> together = shared->analyze_batch(images, {}, workspace);
  ASSERT_EQ(together.size(), images.size());
  std::size_t embeddings = 0;
  for (std::size_t i = 0; i < images.size(); ++i) {
    SCOPED_TRACE(i);
    const Result<Analysis> alone = shared->analyze(images[i], {}, workspace);
    ASSERT_EQ(together[i].ok(), alone.ok());
    EXPECT_EQ(alone.ok(), i != 1 && i != 3);
    if (!alone) {
      EXPECT_EQ(together[i].error().code, ErrorCode::bad_data);
      EXPECT_EQ(together[i].error().message, alone.error().message);
      continue;
    }
    expect_same_detection(*together[i], *alone);
    for (std::size_t j = 0; j < alone->faces.size(); ++j) {
      ++embeddings;
      EXPECT_GE(cosine_similarity(together[i]->faces[j].embedding, alone->faces[j].embedding), 0.999999F);
    }
  }
  EXPECT_EQ(embeddings, 5U);
  EXPECT_TRUE(shared->analyze_batch({}, {}, workspace).empty());
}

TEST_F(EngineTest, EightThreadsEqualOne) {
  const std::vector<ByteVector> files = {test::read_photo("astronaut.png"), test::read_photo("obama_partial_face.jpg")};
  std::vector<Analysis> expected;
  for (const ByteVector& file : files) expected.push_back(analyze(file));
  std::vector<std::jthread> threads;
  std::vector<std::vector<Analysis>> found(8);
  for (std::size_t thread = 0; thread < found.size(); ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t i = 0; i < files.size(); ++i) {
        found[thread].push_back(analyze(files[(i + thread) % files.size()]));
      }
    });
  }
  threads.clear();
  for (std::size_t thread = 0; thread < found.size(); ++thread) {
    ASSERT_EQ(found[thread].size(), files.size());
    for (std::size_t i = 0; i < files.size(); ++i) {
      const Analysis& serial = expected[(i + thread) % files.size()];
      expect_same_detection(found[thread][i], serial);
      ASSERT_EQ(serial.faces.size(), 1U);
      EXPECT_EQ(found[thread][i].faces[0].embedding, serial.faces[0].embedding);
    }
  }
}

// The runtime is one a process: what an engine sets up there must outlive its neighbours.
TEST_F(EngineTest, EnginesLiveSideBySide) {
  const Image photo = test::load_photo("astronaut.png");
  const Analysis before = analyze_with(*shared, photo);
  ASSERT_EQ(before.faces.size(), 1U);
  {
    const Engine second(default_options());
    EXPECT_EQ(analyze_with(*shared, photo).faces.at(0).embedding, before.faces[0].embedding);
    EXPECT_EQ(analyze_with(second, photo).faces.at(0).embedding, before.faces[0].embedding);
  }
  EXPECT_EQ(analyze_with(*shared, photo).faces.at(0).embedding, before.faces[0].embedding);
}

TEST_F(EngineTest, GrayEqualsThreeTimesTheSame) {
  const Image gray = test::to_gray(test::load_photo("astronaut.png"));
  const Analysis one = analyze_with(*shared, gray);
  const Analysis three = analyze_with(*shared, test::replicate_gray(gray));
  ASSERT_EQ(one.faces.size(), 1U);
  expect_same_detection(one, three);
  EXPECT_EQ(one.faces[0].embedding, three.faces[0].embedding);
}

// obama.jpg cut so tightly that the face is nine tenths of what is left.
Image make_portrait(const Face& face, const Image& photo) {
  return test::copy_pixels(test::crop_around(photo, face.bbox, 0.055F));
}

TEST_F(EngineTest, AFaceThatFillsTheImageIsFound) {
  const Image photo = test::load_photo("obama.jpg");
  const Image portrait = make_portrait(only_face("obama.jpg"), photo);
  const Analysis analysis = analyze_with(*shared, portrait);
  ASSERT_EQ(analysis.faces.size(), 1U);
  EXPECT_GE(analysis.faces[0].bbox.height(), 0.8F * static_cast<float>(portrait.height()));
}

TEST_F(EngineTest, AThumbnailShowsItsFace) {
  const Image photo = test::load_photo("obama.jpg");
  const Analysis analysis = analyze_with(*shared, test::scale_pixels(photo, 80, 100));
  ASSERT_EQ(analysis.faces.size(), 1U);
  const Face large = only_face("obama.jpg");
  const Box small = {large.bbox.x1 * 80 / 910, large.bbox.y1 * 100 / 1137, large.bbox.x2 * 80 / 910,
                     large.bbox.y2 * 100 / 1137};
  EXPECT_GE(intersection_over_union(analysis.faces[0].bbox, small), 0.7F);
  EXPECT_GT(analysis.faces[0].scale, 3.0F);
}

// Faces of about 60 pixels, some of them on the edges of the six tiles of 1600 pixels that begin at 0, 1280, 2560,
// 3840, 5120 and 6400.
TEST_F(EngineTest, APanoramaShowsEachFaceOnce) {
  Image panorama = test::make_slope(8000, 1600);
  const std::vector<std::string> photos = {"obama.jpg", "astronaut.png", "biden.jpg"};
  const std::vector<int> middles = {1285, 1598, 2570, 4000, 5440, 7950};
  std::vector<Image> faces;
  for (const std::string& name : photos) {
    const Image photo = test::load_photo(name);
    const Face face = only_face(name);
    const ImageView part = test::crop_around(photo, face.bbox, 0.5F);
    const float factor = 60.0F / face.bbox.height();
    faces.push_back(test::scale_pixels(part, static_cast<int>(static_cast<float>(part.width) * factor),
                                       static_cast<int>(static_cast<float>(part.height) * factor)));
  }
  for (std::size_t i = 0; i < middles.size(); ++i) {
    const Image& face = faces[i % faces.size()];
    const int left = std::min(middles[i] - face.width() / 2, 8000 - face.width());
    test::paste(face, left, 200 + 220 * static_cast<int>(i), panorama);
  }
  const Analysis analysis = analyze_with(*shared, panorama, {.embed = false});
  EXPECT_EQ(analysis.faces.size(), middles.size());
  for (std::size_t i = 0; i < middles.size(); ++i) {
    const float y = 200 + 220 * static_cast<float>(i) + static_cast<float>(faces[i % faces.size()].height()) / 2;
    const float x = static_cast<float>(middles[i]);
    EXPECT_EQ(std::count_if(analysis.faces.begin(), analysis.faces.end(),
                            [&](const Face& face) {
                              return face.bbox.x1 < x && x < face.bbox.x2 && face.bbox.y1 < y && y < face.bbox.y2;
                            }),
              1)
        << "face " << i;
  }
}

TEST_F(EngineTest, OptionsLeaveOutWhatIsNotAsked) {
  const Image photo = test::load_photo("astronaut.png");
  const Analysis bare = analyze_with(*shared, photo, {.embed = false, .face_quality = false});
  ASSERT_EQ(bare.faces.size(), 1U);
  EXPECT_TRUE(bare.faces[0].embedding.empty());
  EXPECT_FALSE(bare.faces[0].quality);
  EXPECT_FALSE(bare.quality);
  EXPECT_TRUE(bare.phash.empty());
  EXPECT_TRUE(analyze_with(*shared, photo, {.min_quality = 1.01}).faces.empty());
  const Box& box = bare.faces[0].bbox;
  const double longer_side = std::max(box.width(), box.height());
  EXPECT_EQ(analyze_with(*shared, photo, {.min_face = longer_side}).faces.size(), 1U);
  EXPECT_TRUE(analyze_with(*shared, photo, {.min_face = longer_side + 1}).faces.empty());
}

TEST_F(EngineTest, EachFaceSaysHowFarItCanBeRecognised) {
  const Image photo = test::load_photo("astronaut.png");
  const Analysis embedded = analyze_with(*shared, photo);
  EXPECT_GT(embedded.faces[0].recognition_quality.value_or(0), 0.8F);
  EXPECT_FALSE(embedded.faces[0].poor_reason);
  // Without an embedding the pixels alone decide: its length can only lower the measure.
  const Analysis bare = analyze_with(*shared, photo, {.embed = false});
  EXPECT_GE(bare.faces[0].recognition_quality.value_or(0), *embedded.faces[0].recognition_quality);
  Image dark;
  dark.reset(photo.width(), photo.height(), photo.channels());
  for (int y = 0; y < dark.height(); ++y) {
    std::transform(photo.row(y), photo.row(y) + photo.width() * photo.channels(), dark.row(y),
                   [](std::uint8_t value) { return static_cast<std::uint8_t>(value / 16); });
  }
  for (const bool embed : {false, true}) {
    const Analysis poor = analyze_with(*shared, dark, {.embed = embed});
    ASSERT_EQ(poor.faces.size(), 1U);
    EXPECT_LT(*poor.faces[0].recognition_quality, kRecognitionFloor);
    EXPECT_EQ(poor.faces[0].poor_reason, PoorReason::too_dark);
  }
}

TEST_F(EngineTest, EnhancedImagesAreMeasuredInTheOriginal) {
  const Image photo = test::load_photo("astronaut.png");
  const Image small = test::scale_pixels(photo, 200, 200);
  const Analysis plain = analyze_with(*shared, small);
  const Analysis enhanced = analyze_with(*shared, small, {.enhance = true});
  ASSERT_EQ(plain.faces.size(), 1U);
  ASSERT_EQ(enhanced.faces.size(), 1U);
  EXPECT_EQ(enhanced.width, 200);
  EXPECT_GT(enhanced.faces[0].enhancement_scale, 1.0F);
  EXPECT_EQ(plain.faces[0].enhancement_scale, 1.0F);
  EXPECT_GE(intersection_over_union(plain.faces[0].bbox, enhanced.faces[0].bbox), 0.8F);
  EXPECT_GE(cosine_similarity(plain.faces[0].embedding, enhanced.faces[0].embedding), 0.8F);
}

TEST_F(EngineTest, TakesPixelsOfAnySize) {
  EXPECT_TRUE(analyze_with(*shared, test::make_flat(1, 1, 3, 0)).faces.empty());
  EXPECT_TRUE(analyze_with(*shared, test::make_flat(700, 1, 1, 0)).faces.empty());
}

Error construct_error(const EngineOptions& options) {
  try {
    const Engine engine(options);
  } catch (const Exception& error) {
    return error.error();
  }
  ADD_FAILURE() << "the engine was made";
  return {};
}

class EngineErrors : public ::testing::Test {
 protected:
  test::ScratchFolder folder;
  EngineOptions options = default_options();
};

TEST_F(EngineErrors, FilesThatAreNoModel) {
  const std::string text = "faces: none\n";
  for (const ByteVector& bytes : {ByteVector(text.begin(), text.end()), test::read_photo("coffee.png")}) {
    options.detector = folder.add("wrong.onnx", bytes);
    const Error error = construct_error(options);
    EXPECT_EQ(error.code, ErrorCode::bad_data);
    EXPECT_TRUE(contains(error.message, "wrong.onnx")) << error.message;
    EXPECT_TRUE(contains(error.message, "ONNX file of a face detector")) << error.message;
  }
}

TEST_F(EngineErrors, ModelsOfTheOtherRole) {
  options.detector = test::deps_path("models/fr_feature.onnx");
  EXPECT_TRUE(contains(construct_error(options).message, "detector"));
  options.detector = "";
  options.embedder = test::deps_path("models/centerface.onnx");
  const Error error = construct_error(options);
  EXPECT_EQ(error.code, ErrorCode::unsupported);
  EXPECT_TRUE(contains(error.message, "embedder")) << error.message;
}

TEST_F(EngineErrors, ADetectorWithoutLandmarksCannotFeedAnEmbedder) {
  options.detector = folder.add("boxes.onnx", test::make_tiny_scrfd({.landmarks = false}));
  const Error error = construct_error(options);
  EXPECT_EQ(error.code, ErrorCode::unsupported);
  EXPECT_TRUE(contains(error.message, "landmarks")) << error.message;
  EXPECT_TRUE(contains(error.message, "boxes.onnx")) << error.message;
  options.load_embedder = false;
  const Engine engine(options);
  EXPECT_EQ(engine.embedder(), nullptr);
  Workspace workspace;
  Image image = test::make_flat(256, 160, 3, 0);
  test::paste(test::make_flat(32, 32, 3, 255), 192, 64, image);
  const Result<Analysis> result = engine.analyze_pixels(to_pixels(image), {}, workspace);
  ASSERT_TRUE(result);
  ASSERT_FALSE(result->faces.empty());
  EXPECT_FALSE(result->faces[0].landmarks);
  EXPECT_TRUE(result->faces[0].embedding.empty());
  EXPECT_EQ(result->models.embedder, "");
}

TEST_F(EngineErrors, UnknownNames) {
  options.embedder = "no_such_model";
  const Error error = construct_error(options);
  EXPECT_EQ(error.code, ErrorCode::not_found);
  EXPECT_TRUE(contains(error.message, "fr_feature")) << error.message;
}

TEST_F(EngineErrors, MissingRuntime) {
  options.settings.ort_library = "/nonexistent/libonnxruntime.so";
  const Error error = construct_error(options);
  EXPECT_EQ(error.code, ErrorCode::not_found);
  EXPECT_TRUE(contains(error.message, "MIEN_ORT_LIBRARY")) << error.message;
}

// Where reduced precision gains nothing, fast is default, and every result says so.
TEST_F(EngineErrors, FastIsDefaultWhereItGainsNothing) {
  options.precision = Precision::fast;
  options.settings.runtime = "onnxruntime";
  options.load_embedder = false;
  const Engine fast(options);
  EXPECT_TRUE(contains(fast.why_not_fast(), "fast computes like default")) << fast.why_not_fast();
  options.precision = Precision::standard;
  const Engine standard(options);
  EXPECT_EQ(standard.why_not_fast(), "");
  const Image image = test::make_slope(320, 240);
  const Result<Analysis> of_fast = fast.analyze_pixels(to_pixels(image));
  const Result<Analysis> of_standard = standard.analyze_pixels(to_pixels(image));
  ASSERT_TRUE(of_fast && of_standard);
  ASSERT_FALSE(of_fast->placement.empty());
  EXPECT_EQ(of_fast->placement[0].reason, fast.why_not_fast());
  EXPECT_EQ(of_standard->placement[0].reason, std::nullopt);
}

TEST_F(EngineErrors, ARequiredGpuThatIsNotThere) {
  for (const std::string flag : {"FACE_DETECTION_GPU", "QUALITY_CHECKS_GPU"}) {
    options.settings = load_settings({.environment = [] { return Variables{}; },
                                      .dotenv_path = folder.path() + "/none",
                                      .user_path = folder.path() + "/none",
                                      .overrides = {{flag, "require", "--gpu=require"}}});
    const Error error = construct_error(options);
    EXPECT_EQ(error.code, ErrorCode::unavailable);
    EXPECT_EQ(error_exit_code(error.code), 3);
    EXPECT_TRUE(contains(error.message, flag == "FACE_DETECTION_GPU" ? "face_detection" : "quality_checks"))
        << error.message;
  }
}

TEST_F(EngineErrors, AWantedGpuFallsBackAndSaysSo) {
  options.settings.all_gpu = true;
  const Engine engine(options);
  const Result<Analysis> result = engine.analyze(test::read_photo("astronaut.png"));
  ASSERT_TRUE(result);
  ASSERT_FALSE(result->placement.empty());
  for (const Placement& placement : result->placement) {
    EXPECT_EQ(placement.requested, "gpu");
    EXPECT_EQ(placement.ran, "cpu");
    EXPECT_TRUE(placement.reason);
  }
}

// `exact` does not do what the contract promises of `default`.
TEST_F(EngineErrors, ExactMissesAFaceThatFillsTheImage) {
  options.precision = Precision::exact;
  options.detector = test::deps_path(kScrfd);
  const Engine exact(options);
  const Image photo = test::load_photo("obama.jpg");
  const Result<Analysis> whole = exact.analyze(test::read_photo("obama.jpg"));
  ASSERT_TRUE(whole);
  ASSERT_EQ(whole->faces.size(), 1U);
  const Image portrait = make_portrait(whole->faces[0], photo);
  Workspace workspace;
  const Result<Analysis> missed = exact.analyze_pixels(to_pixels(portrait), {}, workspace);
  ASSERT_TRUE(missed);
  options.precision = Precision::standard;
  const Engine standard(options);
  const Result<Analysis> found = standard.analyze_pixels(to_pixels(portrait), {}, workspace);
  ASSERT_TRUE(found);
  EXPECT_EQ(missed->faces.size(), 0U);
  EXPECT_EQ(found->faces.size(), 1U);
}

}  // namespace
}  // namespace mien
