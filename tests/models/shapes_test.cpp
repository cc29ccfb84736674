#include "models/shapes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "device/session.h"
#include "mien/file.h"
#include "support/freed_model.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

using test::ByteVector;

class Shapes : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { runtime = open_onnxruntime(test::plain_settings()); }
  static void TearDownTestSuite() { runtime.reset(); }

  static std::unique_ptr<Session> open(const ByteVector& model) { return runtime->create_session(model, "a model"); }
  static inline std::unique_ptr<Runtime> runtime;
};

std::vector<float> make_input(const Shape& shape, std::uint32_t seed, float low = -1, float high = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> level(low, high);
  std::vector<float> values(TensorView{nullptr, shape}.count());
  for (float& value : values) value = level(random);
  return values;
}

Outputs run(const Session& session, const std::vector<float>& values, const Shape& shape) {
  const TensorView input{values.data(), shape};
  return session.run({&input, 1});
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Mean of the red plane over the square of `side` that holds this pixel.
double mean_around(const std::vector<float>& planes, int width, int x, int y, int side) {
  double sum = 0;
  for (int v = y / side * side; v < y / side * side + side; ++v) {
    for (int u = x / side * side; u < x / side * side + side; ++u) {
      sum += planes[static_cast<std::size_t>(v * width + u)];
    }
  }
  return sum / (side * side);
}

// The outputs that tiny_models.h promises, for an input of any size.
void expect_tiny_scrfd(const Session& session, int width, int height, bool landmarks) {
  const std::vector<float> planes = make_input({1, 3, height, width}, 1);
  const Outputs outputs = run(session, planes, {1, 3, height, width});
  ASSERT_EQ(outputs.size(), landmarks ? 9U : 6U);
  for (std::size_t level = 0; level < 3; ++level) {
    const int stride = 8 << level;
    const int columns = width / stride;
    const std::size_t cells = static_cast<std::size_t>(columns * (height / stride));
    ASSERT_EQ(outputs[level].count(), cells * 2);
    ASSERT_EQ(outputs[3 + level].count(), cells * 8);
    for (std::size_t i = 0; i < cells; ++i) {
      double feature = 0;
      for (int side = stride; side <= 32; side *= 2) {
        feature += mean_around(planes, width, static_cast<int>(i) % columns * stride,
                               static_cast<int>(i) / columns * stride, side);
      }
      ASSERT_NEAR(outputs[level].data[2 * i], sigmoid(4 * feature - 2), 1e-5) << "stride " << stride << ", cell " << i;
      ASSERT_NEAR(outputs[level].data[2 * i + 1], sigmoid(4 * feature - 3), 1e-5);
      ASSERT_EQ(outputs[3 + level].data[8 * i + 2], 3);
      if (landmarks) {
        ASSERT_EQ(outputs[6 + level].data[20 * i + 9], 2.25F);
      }
    }
  }
}

TEST_F(Shapes, DetectorRunsAtOtherSizes) {
  for (const bool landmarks : {true, false}) {
    const Result<test::FreedModel> freed =
        test::free_model(test::make_tiny_scrfd({.landmarks = landmarks}), {.size = true});
    ASSERT_TRUE(freed);
    EXPECT_EQ(freed->obstacle, "");
    EXPECT_TRUE(freed->size_is_free);
    EXPECT_FALSE(freed->batch_is_free);
    EXPECT_EQ(freed->declared_batch, 1);
    EXPECT_EQ(freed->declared_height, 64);
    EXPECT_EQ(freed->declared_width, 64);
    const std::unique_ptr<Session> session = open(freed->bytes);
    EXPECT_EQ(session->inputs().front().shape, (Shape{1, 3, -1, -1}));
    expect_tiny_scrfd(*session, 64, 64, landmarks);
    expect_tiny_scrfd(*session, 160, 96, landmarks);
    expect_tiny_scrfd(*session, 32, 128, landmarks);
  }
}

TEST_F(Shapes, YunetRunsAtOtherSizes) {
  const Result<test::FreedModel> freed = test::free_model(test::make_tiny_yunet(), {.size = true});
  ASSERT_TRUE(freed);
  EXPECT_EQ(freed->obstacle, "");
  const Outputs outputs = run(*open(freed->bytes), make_input({1, 3, 32, 96}, 1), {1, 3, 32, 96});
  ASSERT_EQ(outputs.size(), 12U);
  EXPECT_EQ(outputs[0].count(), 48U);
  EXPECT_EQ(outputs[11].count(), 30U);
  EXPECT_FLOAT_EQ(outputs[0].data[47], 0.81F);
}

TEST_F(Shapes, CenterFaceTakesOneImageOfAnySize) {
  const Result<test::FreedModel> freed = test::free_model(test::make_tiny_centerface(), {.size = true});
  ASSERT_TRUE(freed);
  EXPECT_EQ(freed->obstacle, "");
  EXPECT_EQ(freed->declared_batch, 10);
  const std::unique_ptr<Session> session = open(freed->bytes);
  EXPECT_EQ(session->inputs().front().shape, (Shape{1, 3, -1, -1}));
  const std::vector<float> planes = make_input({1, 3, 64, 96}, 2);
  const Outputs outputs = run(*session, planes, {1, 3, 64, 96});
  EXPECT_EQ(outputs[0].shape, (Shape{1, 1, 16, 24}));
  for (std::size_t i = 0; i < 16 * 24; ++i) {
    const int at = static_cast<int>(i);
    ASSERT_NEAR(outputs[0].data[i], sigmoid(mean_around(planes, 96, at % 24 * 4, at / 24 * 4, 4)), 1e-5);
  }
}

TEST_F(Shapes, EmbedderTakesBatches) {
  const Result<test::FreedModel> freed = test::free_model(test::make_tiny_embedder({}), {.batch = true});
  ASSERT_TRUE(freed);
  EXPECT_EQ(freed->obstacle, "");
  EXPECT_TRUE(freed->batch_is_free);
  const std::unique_ptr<Session> session = open(freed->bytes);
  for (const std::int64_t batch : {1, 2, 5}) {
    const Shape shape = {batch, 3, 112, 112};
    const std::vector<float> faces = make_input(shape, 3);
    const Outputs outputs = run(*session, faces, shape);
    ASSERT_EQ(outputs[0].shape, (Shape{batch, test::kTinyDimension}));
    for (std::int64_t face = 0; face < batch; ++face) {
      for (const std::int64_t k : {0, 13, 63}) {
        double sum = 0;
        for (std::int64_t i = 0; i < 3 * 112 * 112; ++i) {
          const std::int64_t block = i / 112 % 112 / 28 * 4 + i % 112 / 28;
          sum += static_cast<double>(test::tiny_weight(k, i / (112 * 112), block)) *
                 faces[static_cast<std::size_t>(face * 3 * 112 * 112 + i)] / (28 * 28);
        }
        ASSERT_NEAR(outputs[0].data[face * test::kTinyDimension + k], sum, 1e-4) << "face " << face;
      }
    }
  }
}

void expect_unchanged(const test::FreedModel& freed, const ByteVector& model) {
  ASSERT_FALSE(freed.is_changed);
  // A mutant may have fields twice, or in another order than they are written in.
  ASSERT_EQ(freed.bytes, serialize(parse_model(model).take()));
}

TEST_F(Shapes, FreeModelsStayAsTheyAre) {
  const ByteVector detector = test::make_tiny_scrfd({.side = 0});
  const Result<test::FreedModel> freed = test::free_model(detector, {.size = true});
  ASSERT_TRUE(freed);
  EXPECT_TRUE(freed->size_is_free);
  EXPECT_EQ(freed->declared_height, 0);
  expect_unchanged(*freed, detector);
  expect_tiny_scrfd(*open(detector), 96, 64, true);
  const ByteVector embedder = test::make_tiny_embedder({.batch = 0});
  expect_unchanged(*test::free_model(embedder, {.batch = true}), embedder);
}

TEST_F(Shapes, AnObstacleLeavesTheModelUntouched) {
  // 7 is no multiple of the 4 that it is made from; without declared shapes nobody knows the scale.
  for (const test::TinyScrfd& options : {test::TinyScrfd{.enlarged = 7}, test::TinyScrfd{.knows_shapes = false}}) {
    const ByteVector model = test::make_tiny_scrfd(options);
    const Result<test::FreedModel> freed = test::free_model(model, {.size = true});
    ASSERT_TRUE(freed);
    EXPECT_NE(freed->obstacle.find("Resize"), std::string::npos) << freed->obstacle;
    EXPECT_FALSE(freed->size_is_free);
    expect_unchanged(*freed, model);
  }
}

TEST_F(Shapes, SaysWhatItCannotRead) {
  EXPECT_EQ(test::free_model({}, {.size = true}).error().code, ErrorCode::bad_data);
  const std::string text = "This is a text file and not a model.\n";
  const ByteVector garbage(text.begin(), text.end());
  EXPECT_EQ(test::free_model(garbage, {.size = true}).error().code, ErrorCode::bad_data);
  EXPECT_EQ(test::free_model(garbage, {}).error().code, ErrorCode::bad_data);
  const ByteVector png = test::read_photo("coffee.png");
  EXPECT_EQ(test::free_model(png, {.batch = true}).error().code, ErrorCode::bad_data);
  const Result<test::FreedModel> table = test::free_model(test::make_tiny_table_model(), {.batch = true});
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, ErrorCode::unsupported);
  EXPECT_NE(table.error().message.find("NCHW"), std::string::npos);
}

TEST_F(Shapes, FactsOfTheGraph) {
  EXPECT_EQ(test::free_model(test::make_tiny_scrfd({}), {})->facts.output_count, 9);
  EXPECT_FALSE(test::free_model(test::make_tiny_embedder({}), {})->facts.normalises_itself);
  EXPECT_TRUE(test::free_model(test::make_tiny_embedder({.normalises = true}), {})->facts.normalises_itself);
}

// Whatever a file holds, there is a result. Sanitizer builds look for more than crashes.
TEST_F(Shapes, SurviveBrokenModels) {
  std::mt19937 random(7);
  for (const ByteVector& model :
       {test::make_tiny_scrfd({.landmarks = false}), test::make_tiny_embedder({.dimension = 2})}) {
    for (std::size_t size = 0; size < model.size(); size += 1 + size / 64) {
      const Bytes part(model.data(), size);
      (void)test::free_model(part, {.batch = true, .size = true});
      (void)test::free_model(part, {});
    }
    for (int i = 0; i < 3000; ++i) {
      ByteVector mutant = model;
      for (int flips = 1 + i % 5; flips > 0; --flips) {
        mutant[random() % mutant.size()] ^= static_cast<std::uint8_t>(1U << (random() % 8));
      }
      const Result<test::FreedModel> freed = test::free_model(mutant, {.batch = true, .size = true});
      if (freed && !freed->obstacle.empty()) {
        ASSERT_NO_FATAL_FAILURE(expect_unchanged(*freed, mutant));
      }
      (void)test::free_model(mutant, {});
    }
  }
}

ByteVector read_model(const std::string& name) {
  Result<ByteVector> bytes = read_file(test::deps_path(name), std::size_t{64} << 20);
  return std::move(bytes).take();
}

void expect_same(const Outputs& outputs, const Outputs& others, float tolerance) {
  ASSERT_EQ(outputs.size(), others.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    ASSERT_EQ(outputs[i].shape, others[i].shape) << "output " << i;
    for (std::size_t j = 0; j < outputs[i].count(); ++j) {
      ASSERT_NEAR(outputs[i].data[j], others[i].data[j], tolerance) << "output " << i << ", value " << j;
    }
  }
}

// The graph and its weights are the same; only the plan of the runtime may differ, by a rounding of its sums.
TEST_F(Shapes, RealModelsGiveTheSameAtTheirOwnSize) {
  const ByteVector scrfd = read_model("test-models/scrfd_2.5g_static640.onnx");
  const Shape square = {1, 3, 640, 640};
  const std::vector<float> picture = make_input(square, 4);
  const Result<test::FreedModel> freed_scrfd = test::free_model(scrfd, {.size = true});
  ASSERT_EQ(freed_scrfd->obstacle, "");
  expect_same(run(*open(scrfd), picture, square), run(*open(freed_scrfd->bytes), picture, square), 1e-4F);

  const ByteVector embedder = read_model("models/fr_feature.onnx");
  const Shape face_shape = {1, 3, 112, 112};
  const std::vector<float> face = make_input(face_shape, 5);
  const Result<test::FreedModel> freed_embedder = test::free_model(embedder, {.batch = true});
  ASSERT_EQ(freed_embedder->obstacle, "");
  expect_same(run(*open(embedder), face, face_shape), run(*open(freed_embedder->bytes), face, face_shape), 1e-4F);
}

// CenterFace declares ten images; each of them alone must give its tenth.
TEST_F(Shapes, CenterFaceOfTenIsTenTimesCenterFaceOfOne) {
  const ByteVector model = read_model("models/centerface.onnx");
  const std::vector<float> ten = make_input({10, 3, 32, 32}, 6, 0, 255);
  const Outputs together = run(*open(model), ten, {10, 3, 32, 32});
  const std::unique_ptr<Session> freed = open(test::free_model(model, {.size = true})->bytes);
  for (std::size_t image = 0; image < 10; ++image) {
    const TensorView input{ten.data() + image * 3 * 32 * 32, {1, 3, 32, 32}};
    const Outputs alone = freed->run({&input, 1});
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t count = alone[i].count();
      ASSERT_EQ(together[i].count(), 10 * count);
      for (std::size_t j = 0; j < count; ++j) {
        ASSERT_NEAR(alone[i].data[j], together[i].data[image * count + j], 1e-3F) << "output " << i;
      }
    }
  }
}

}  // namespace
}  // namespace mien
