// The int8 copy of a detector: made, measured, kept or refused, and taken by Precision::fast.
#include "measure/optimize.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "mien/catalog.h"
#include "mien/file.h"
#include "support/device_scene.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Four red squares on a dark ground. Of one colour, and on the cells of all levels: what the tiny detector finds does
// not hang on which of many candidates with nearly the same score is the best.
test::ByteVector make_squares(int number) {
  constexpr int kCell = 32;
  Image image = test::make_flat(640, 640, 3, 60);
  for (int square = 0; square < 4; ++square) {
    const int left = (square % 2 * 9 + 1 + number % 8) * kCell;
    const int top = (square / 2 * 9 + 1 + number * 3 % 8) * kCell;
    for (int y = top; y < top + kCell; ++y) {
      for (int x = left; x < left + kCell; ++x) image.row(y)[x * 3] = 250;
    }
  }
  return test::encode_png_with_exif(image, 1);
}

class Optimize : public ::testing::Test {
 protected:
  Optimize() {
    settings.model_dir = models.path();
    settings.runtime = "onnxruntime";
    options.images_dir = photos.path();
    options.embedder = elsewhere.add("rec.onnx", test::make_tiny_embedder({}));
    const std::string detector = elsewhere.add("det.onnx", test::make_tiny_scrfd({.side = 0, .body = true}));
    add_model(settings, "my_det", detector);
    for (int i = 0; i < kPhotos; ++i) {
      pictures.push_back(make_squares(i));
      photos.add(std::to_string(i) + ".png", pictures.back());
    }
  }

  // Each look takes as long as it is told: those of the float detector come first.
  OptimizeMeans looks_take(double float_ms, double int8_ms) {
    OptimizeMeans means;
    means.clock_ms = [=, calls = 0, now = 0.0]() mutable {
      ++calls;
      if (calls % 4 == 2) now += float_ms;
      if (calls % 4 == 0) now += int8_ms;
      return now;
    };
    return means;
  }

  OptimizeResult optimize(const OptimizeMeans& means) { return optimize_model(settings, "my_det", options, means); }

  Error error_of(const std::string& name) {
    try {
      (void)optimize_model(settings, name, options);
    } catch (const Exception& error) {
      return error.error();
    }
    ADD_FAILURE() << name << " was optimised";
    return {};
  }

  Engine open(Precision precision) {
    EngineOptions engine;
    engine.settings = settings;
    engine.detector = "my_det";
    engine.embedder = options.embedder;
    engine.precision = precision;
    return Engine(engine);
  }

  CatalogEntry entry() {
    for (const CatalogEntry& one : list_models(settings)) {
      if (one.model.name == "my_det") return one;
    }
    return {};
  }

  std::string copy_path() const { return models.path() + "/my_det.int8.onnx"; }

  static constexpr int kPhotos = 12;
  test::ScratchFolder models, photos, elsewhere;
  Settings settings;
  OptimizeOptions options;
  std::vector<test::ByteVector> pictures;
};

TEST_F(Optimize, KeepsWhatIsAsGoodAndFaster) {
  const OptimizeResult result = optimize(looks_take(10, 6));
  EXPECT_EQ(result.refusal, "");
  EXPECT_EQ(result.path, copy_path());
  EXPECT_EQ(result.convolutions, 3);
  EXPECT_EQ(result.photos_calibrated, kPhotos / 2);
  EXPECT_EQ(result.photos_compared, kPhotos / 2);
  EXPECT_EQ(result.missed, 0);
  EXPECT_GE(result.sure_faces, kOptimizeFacesMin);
  EXPECT_NEAR(result.float_ms, 10, 1e-9);
  EXPECT_NEAR(result.int8_ms, 6, 1e-9);
  EXPECT_GT(result.overlap_mean, 0.95);
  EXPECT_EQ(entry().int8_path, copy_path());
  EXPECT_EQ(entry().int8_problem, "");
}

TEST_F(Optimize, FastTakesIt) {
  const Engine standard = open(Precision::standard);
  const Engine before = open(Precision::fast);
  EXPECT_TRUE(contains(before.why_not_fast(), "'mien models optimize my_det'")) << before.why_not_fast();
  ASSERT_EQ(optimize(looks_take(10, 6)).refusal, "");
  const Engine fast = open(Precision::fast);
  EXPECT_EQ(fast.why_not_fast(), "");
  EXPECT_TRUE(contains(fast.runtime(), " int8 (detector)")) << fast.runtime();
  EXPECT_EQ(fast.detector().path, standard.detector().path);
  EXPECT_EQ(fast.embedder()->id, standard.embedder()->id) << "embeddings can be compared";
  const Result<Analysis> analysis = fast.analyze(pictures[0]);
  ASSERT_TRUE(analysis) << analysis.error().message;
  const Placement* const detection = test::find_placement(*analysis, "face_detection");
  const Placement* const embedding = test::find_placement(*analysis, "face_embedding");
  ASSERT_TRUE(detection != nullptr && embedding != nullptr);
  EXPECT_EQ(detection->runtime, standard.runtime() + " int8");
  EXPECT_EQ(detection->reason, std::nullopt);
  EXPECT_EQ(embedding->runtime, standard.runtime()) << "the embedder stays in float";
  EXPECT_EQ(analysis->faces.size(), standard.analyze(pictures[0])->faces.size());
  EXPECT_EQ(open(Precision::standard).runtime(), standard.runtime()) << "only fast takes it";
}

// The check of drift can fail: scales of another picture cut off what makes a face.
TEST_F(Optimize, RefusesAWrongScale) {
  OptimizeMeans means = looks_take(10, 6);
  means.change_ranges = [](ValueRanges& ranges) {
    for (auto& [name, range] : ranges) range.low /= 10, range.high /= 10;
  };
  const OptimizeResult result = optimize(means);
  EXPECT_TRUE(contains(result.refusal, "misses")) << result.refusal;
  EXPECT_GT(result.missed, 0);
  EXPECT_EQ(result.path, "");
  EXPECT_FALSE(fs::exists(copy_path()));
  EXPECT_EQ(entry().int8_path, "");
}

TEST_F(Optimize, RefusesWhatGainsNothing) {
  const OptimizeResult result = optimize(looks_take(10, 9.5));
  EXPECT_TRUE(contains(result.refusal, "no gain")) << result.refusal;
  EXPECT_FALSE(fs::exists(copy_path()));
  options.any_speed = true;
  EXPECT_EQ(optimize(looks_take(10, 9.5)).refusal, "");
  EXPECT_TRUE(fs::exists(copy_path()));
}

TEST_F(Optimize, JudgesByBounds) {
  OptimizeResult figures;
  figures.sure_faces = figures.faces = 1000;
  figures.float_ms = 10;
  figures.int8_ms = 5;
  EXPECT_EQ(judge_int8(figures, false), "");
  figures.missed = 2;
  EXPECT_EQ(judge_int8(figures, false), "");
  figures.missed = 3;
  EXPECT_TRUE(contains(judge_int8(figures, false), "misses 3 of 1000"));
  figures.missed = 0;
  figures.cosine_mean = 0.9979;
  EXPECT_TRUE(contains(judge_int8(figures, false), "0.9979"));
  figures.cosine_mean = 1;
  figures.cosine_low = 0.98;
  EXPECT_TRUE(contains(judge_int8(figures, true), "0.98"));
  figures.cosine_low = 1;
  figures.sure_faces = 19;
  EXPECT_TRUE(contains(judge_int8(figures, true), "19 faces are too few"));
}

TEST_F(Optimize, AReplacedModelDoesNotUseAnOldCopy) {
  ASSERT_EQ(optimize(looks_take(10, 6)).refusal, "");
  models.add("my_det.onnx", test::make_tiny_scrfd({}));
  const Engine fast = open(Precision::fast);
  EXPECT_TRUE(contains(fast.why_not_fast(), "made of another file")) << fast.why_not_fast();
  EXPECT_TRUE(contains(fast.why_not_fast(), "mien models optimize my_det")) << fast.why_not_fast();
  EXPECT_TRUE(contains(entry().int8_problem, "another file")) << entry().int8_problem;
  int wrong = 0;
  for (const ModelCheck& check : verify_models(settings)) wrong += check.path == copy_path() && !check.ok;
  EXPECT_EQ(wrong, 1);
}

TEST_F(Optimize, ADamagedCopyIsNotUsed) {
  ASSERT_EQ(optimize(looks_take(10, 6)).refusal, "");
  test::ByteVector bytes = read_file(copy_path(), std::size_t{1} << 20).take();
  bytes[bytes.size() / 3] ^= 1U;
  models.add("my_det.int8.onnx", bytes);
  EXPECT_FALSE(entry().int8_problem.empty());
  EXPECT_FALSE(open(Precision::fast).why_not_fast().empty());
  models.add("my_det.int8.onnx", test::make_tiny_scrfd({}));
  EXPECT_TRUE(contains(entry().int8_problem, "not made by mien")) << entry().int8_problem;
}

TEST_F(Optimize, RemovingAModelRemovesItsCopy) {
  ASSERT_EQ(optimize(looks_take(10, 6)).refusal, "");
  EXPECT_EQ(remove_model(settings, "my_det").size(), 2U);
  EXPECT_FALSE(fs::exists(copy_path()));
  EXPECT_FALSE(fs::exists(models.path() + "/my_det.onnx"));
}

TEST_F(Optimize, FilesWithoutANameHaveCopiesToo) {
  const std::string path = elsewhere.add("other.onnx", test::make_tiny_scrfd({.side = 64, .body = true}));
  const OptimizeResult result = optimize_model(settings, path, options, looks_take(10, 6));
  EXPECT_EQ(result.path, models.path() + "/other.int8.onnx") << result.refusal;
  EXPECT_EQ(remove_model(settings, path).size(), 1U);
  EXPECT_TRUE(fs::exists(path)) << "what lies elsewhere is never removed";
}

TEST_F(Optimize, ErrorsSayWhatToDo) {
  add_model(settings, "my_rec", options.embedder);
  EXPECT_EQ(error_of("my_rec").code, ErrorCode::invalid_argument);
  EXPECT_TRUE(contains(error_of("my_rec").message, "embedder")) << error_of("my_rec").message;
  EXPECT_EQ(error_of(options.embedder).code, ErrorCode::unsupported);
  const Error unknown = error_of("nobody");
  EXPECT_EQ(unknown.code, ErrorCode::not_found);
  EXPECT_TRUE(contains(unknown.message, "my_det")) << unknown.message;
  const std::string only_heads = elsewhere.add("heads.onnx", test::make_tiny_scrfd({.side = 0}));
  EXPECT_TRUE(contains(error_of(only_heads).message, "no convolutions")) << error_of(only_heads).message;
  const test::ScratchFolder empty;
  options.images_dir = empty.path();
  EXPECT_TRUE(contains(error_of("my_det").message, empty.path())) << error_of("my_det").message;
  options.images_dir = empty.path() + "/absent";
  EXPECT_EQ(error_of("my_det").code, ErrorCode::not_found);
  EXPECT_TRUE(contains(error_of("my_det").message, "absent cannot be listed")) << error_of("my_det").message;
  empty.add("flat.png", test::encode_png_with_exif(test::make_flat(64, 64, 3, 60), 1));
  options.images_dir = empty.path();
  const Error faceless = error_of("my_det");
  EXPECT_EQ(faceless.code, ErrorCode::not_found);
  EXPECT_TRUE(contains(faceless.message, "no face in the photos of " + empty.path())) << faceless.message;
  EXPECT_TRUE(contains(faceless.message, "--images")) << faceless.message;
}

}  // namespace
}  // namespace mien
