// The pipeline against tests/oracle/pipeline_oracle.py, which knows the published rules and none of our code.
#include <gtest/gtest.h>

#include "mien/engine.h"
#include "ops/compare.h"
#include "ops/detect.h"
#include "support/photos.h"

namespace mien {
namespace {

struct GoldenRun {
  const char* file;
  const char* detector;  // below .deps; empty: the default
  Precision precision;
};

void PrintTo(const GoldenRun& run, std::ostream* out) { *out << run.file; }

Box read_box(const nlohmann::json& row) { return {row.at(0), row.at(1), row.at(2), row.at(3)}; }

// Tolerances. Both sides feed the detector the same bytes and run it with the same library, so what differs is float
// against double afterwards: measured over 108 faces, IoU >= 0.99999, landmarks within 0.0003 pixels of the photo,
// scores within 1e-6. Such landmarks and float arithmetic round a few of the 37,632 values of an aligned face to the
// other side of a half: measured cosine >= 0.999997. The limits leave room for another CPU's kernels, and none
// for a neighbouring cell, another rounding of the sides or a shift by a tenth of a pixel.
void expect_face(const Face& face, const nlohmann::json& golden) {
  EXPECT_GE(intersection_over_union(face.bbox, read_box(golden.at("bbox"))), 0.999F);
  EXPECT_NEAR(face.det_score, golden.at("score").get<float>(), 1e-4F);
  ASSERT_TRUE(face.landmarks);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR((*face.landmarks)[i].x, golden.at("landmarks").at(i).at(0).get<float>(), 0.05F);
    EXPECT_NEAR((*face.landmarks)[i].y, golden.at("landmarks").at(i).at(1).get<float>(), 0.05F);
  }
  EXPECT_GE(cosine_similarity(face.embedding, test::decode_floats(golden.at("embedding"))), 0.9999F);
}

// The face of the golden list that covers this one best; each is used once.
const nlohmann::json* take_nearest(const Face& face, const nlohmann::json& faces, std::vector<bool>& used) {
  std::size_t nearest = faces.size();
  float best = 0;
  for (std::size_t i = 0; i < faces.size(); ++i) {
    const float overlap = intersection_over_union(face.bbox, read_box(faces.at(i).at("bbox")));
    if (!used[i] && overlap > best) best = overlap, nearest = i;
  }
  if (nearest == faces.size()) return nullptr;
  used[nearest] = true;
  return &faces.at(nearest);
}

class Golden : public ::testing::TestWithParam<GoldenRun> {};

TEST_P(Golden, PhotosGiveTheOraclesFaces) {
  EngineOptions options;
  options.settings = test::plain_settings();
  options.precision = GetParam().precision;
  if (*GetParam().detector != '\0') options.detector = test::deps_path(GetParam().detector);
  const Engine engine(options);
  Workspace workspace;
  int count = 0;
  const nlohmann::json golden = test::read_golden(GetParam().file);
  for (const auto& [name, photo] : golden.at("photos").items()) {
    SCOPED_TRACE(name);
    const Result<Analysis> result =
        engine.analyze(test::read_photo(name), {.face_quality = false, .detail = Detail::off}, workspace);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->width, photo.at("width").get<int>());
    EXPECT_EQ(result->height, photo.at("height").get<int>());
    const nlohmann::json& faces = photo.at("faces");
    EXPECT_EQ(result->faces.size(), faces.size());
    std::vector<bool> used(faces.size());
    for (const Face& face : result->faces) {
      SCOPED_TRACE(count++);
      const nlohmann::json* nearest = take_nearest(face, faces, used);
      ASSERT_NE(nearest, nullptr) << "a face that the oracle has not found";
      expect_face(face, *nearest);
    }
  }
  EXPECT_GT(count, 0);
}

INSTANTIATE_TEST_SUITE_P(Pipeline, Golden,
                         ::testing::Values(GoldenRun{"centerface_exact.json", "", Precision::exact},
                                           GoldenRun{"centerface_default.json", "", Precision::standard},
                                           GoldenRun{"scrfd_exact.json", "test-models/scrfd_2.5g_static640.onnx",
                                                     Precision::exact}));

}  // namespace
}  // namespace mien
