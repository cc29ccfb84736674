#include "support/device_scene.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <thread>

#include "image/encode.h"
#include "pipeline/state.h"

namespace mien::test {
namespace {

struct PictureKind {
  int width;
  int height;
  int channels;
  int squares;
};

constexpr PictureKind kPictures[] = {{640, 480, 3, 2}, {520, 700, 3, 1},  {330, 250, 3, 2}, {1100, 420, 3, 1},
                                     {500, 400, 1, 0}, {900, 1200, 3, 4}, {160, 130, 3, 1}, {512, 512, 3, 0}};

void paint_square(Image& image, int x, int y, int side) {
  for (int row = y; row < std::min(y + side, image.height()); ++row) {
    for (int column = x; column < std::min(x + side, image.width()); ++column) {
      std::uint8_t* const pixel = image.row(row) + column * image.channels();
      pixel[0] = static_cast<std::uint8_t>(250 - (row + column) % 9);
      pixel[1] = static_cast<std::uint8_t>(40 + (row * 3) % 60);
      pixel[2] = static_cast<std::uint8_t>(30 + (column * 5) % 90);
    }
  }
}

ByteVector make_picture(const PictureKind& kind, std::mt19937& random) {
  Image image = make_noise(kind.width, kind.height, kind.channels, random());
  for (std::size_t i = 0; i < image.size_bytes(); ++i) image.data()[i] /= 2;  // darker than a face
  constexpr int kSide = 48;  // a larger one has hundreds of candidates, which no real face has
  for (int i = 0; i < kind.squares; ++i) {
    paint_square(image, static_cast<int>(random() % static_cast<unsigned>(kind.width - kSide)),
                 static_cast<int>(random() % static_cast<unsigned>(kind.height - kSide)), kSide);
  }
  return encode_jpeg(image, 95);
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return ab / std::sqrt(std::max(1e-30, aa * bb));
}

void expect_near(double found, double expected, double relative, const std::string& what) {
  EXPECT_NEAR(found, expected, relative * std::max(1.0, std::abs(expected))) << what;
}

void expect_quality(const std::optional<Quality>& found, const std::optional<Quality>& expected,
                    const Tolerance& tolerance, const std::string& what) {
  ASSERT_EQ(found.has_value(), expected.has_value()) << what;
  if (!found) return;
  expect_near(found->blur_score, expected->blur_score, tolerance.quality, what + " blur_score");
  expect_near(found->brightness, expected->brightness, tolerance.quality, what + " brightness");
  expect_near(found->contrast, expected->contrast, tolerance.quality, what + " contrast");
  expect_near(found->sharpness, expected->sharpness, tolerance.quality, what + " sharpness");
  expect_near(found->overall_score, expected->overall_score, tolerance.quality, what + " overall_score");
}

void expect_face(const Face& found, const Face& expected, const Tolerance& tolerance, const std::string& what) {
  EXPECT_NEAR(found.bbox.x1, expected.bbox.x1, tolerance.box) << what;
  EXPECT_NEAR(found.bbox.y1, expected.bbox.y1, tolerance.box) << what;
  EXPECT_NEAR(found.bbox.x2, expected.bbox.x2, tolerance.box) << what;
  EXPECT_NEAR(found.bbox.y2, expected.bbox.y2, tolerance.box) << what;
  EXPECT_NEAR(found.det_score, expected.det_score, tolerance.score) << what;
  EXPECT_EQ(found.enhancement_scale, expected.enhancement_scale) << what;
  expect_quality(found.quality, expected.quality, tolerance, what);
  ASSERT_EQ(found.embedding.size(), expected.embedding.size()) << what;
  if (!found.embedding.empty()) {
    EXPECT_GE(cosine(found.embedding, expected.embedding), 1 - tolerance.embedding) << what;
  }
}

}  // namespace

TinyEngineFiles::TinyEngineFiles()
    : detector_(folder_.add("detector.onnx", make_tiny_scrfd({}))),
      embedder_(folder_.add("embedder.onnx", make_tiny_embedder({}))) {}

EngineOptions TinyEngineFiles::options(const Settings& settings) const {
  EngineOptions options;
  options.settings = settings;
  options.detector = detector_;
  options.embedder = embedder_;
  return options;
}

std::vector<ByteVector> make_device_pictures(int count) {
  std::mt19937 random(7);
  std::vector<ByteVector> pictures;
  for (int i = 0; i < count; ++i) {
    pictures.push_back(make_picture(kPictures[static_cast<std::size_t>(i) % std::size(kPictures)], random));
  }
  return pictures;
}

AnalyzeOptions everything(bool enhance) {
  AnalyzeOptions options;
  options.image_quality = true;
  options.enhance = enhance;
  return options;
}

std::vector<Result<Analysis>> analyze_all(const Engine& engine, const std::vector<ByteVector>& pictures,
                                          const AnalyzeOptions& options) {
  const std::vector<Bytes> bytes(pictures.begin(), pictures.end());
  Workspace workspace;
  return engine.analyze_batch(bytes, options, workspace);
}

void expect_equal(const std::vector<Result<Analysis>>& found, const std::vector<Result<Analysis>>& expected,
                  const Tolerance& tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string what = "image " + std::to_string(i);
    ASSERT_EQ(found[i].ok(), expected[i].ok()) << what << (found[i] ? "" : ": " + found[i].error().message);
    if (!found[i]) continue;
    EXPECT_EQ(found[i]->width, expected[i]->width) << what;
    EXPECT_EQ(found[i]->warnings, expected[i]->warnings) << what;
    expect_quality(found[i]->quality, expected[i]->quality, tolerance, what);
    ASSERT_EQ(found[i]->faces.size(), expected[i]->faces.size()) << what;
    for (std::size_t j = 0; j < found[i]->faces.size(); ++j) {
      expect_face(found[i]->faces[j], expected[i]->faces[j], tolerance, what + " face " + std::to_string(j));
    }
  }
}

void wait_until_prepared(const Engine& engine) {
  for (int i = 0; i < 3000 && engine.state().device->is_preparing(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

const Placement* find_placement(const Analysis& analysis, std::string_view operation) {
  for (const Placement& placement : analysis.placement) {
    if (placement.operation == operation) return &placement;
  }
  return nullptr;
}

}  // namespace mien::test
