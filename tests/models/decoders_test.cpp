#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "models/detectors.h"
#include "support/fake_detector.h"

namespace mien {
namespace {

using test::FakeSession;
using test::make_outputs;

using Tensors = std::vector<std::vector<float>>;

std::vector<Candidate> decode(const DetectorKind& kind, const Tensors& tensors, const DecodeContext& context) {
  std::vector<Candidate> faces;
  kind.decode(make_outputs(tensors), context, faces);
  return faces;
}

void expect_box(const Candidate& face, float x1, float y1, float x2, float y2) {
  EXPECT_FLOAT_EQ(face.box.x1, x1);
  EXPECT_FLOAT_EQ(face.box.y1, y1);
  EXPECT_FLOAT_EQ(face.box.x2, x2);
  EXPECT_FLOAT_EQ(face.box.y2, y2);
}

ErrorCode decode_error(const DetectorKind& kind, const Tensors& tensors, const DecodeContext& context) {
  try {
    decode(kind, tensors, context);
  } catch (const Exception& error) {
    return error.error().code;
  }
  return ErrorCode::cancelled;  // what no decoder throws: nothing was thrown
}

// Empty SCRFD outputs for an input of 96 x 64: a third of the tensors each for scores, boxes and landmarks.
Tensors make_scrfd(int strides, int anchors, bool landmarks, int width = 96, int height = 64) {
  Tensors tensors;
  for (const std::size_t columns : {std::size_t{1}, std::size_t{4}, std::size_t{10}}) {
    for (int level = 0; level < strides && (columns != 10 || landmarks); ++level) {
      const int stride = 8 << level;
      tensors.emplace_back(static_cast<std::size_t>(width / stride * (height / stride) * anchors) * columns);
    }
  }
  return tensors;
}

constexpr DecodeContext kWide = {.input_width = 96, .input_height = 64, .score_threshold = 0.5F};

TEST(Scrfd, ReadsAnchorsRowByRow) {
  Tensors tensors = make_scrfd(3, 2, true);
  // Stride 16: six columns; column 4, row 2, second anchor.
  const std::size_t at = (2 * 6 + 4) * 2 + 1;
  tensors[1][at] = 0.75F;
  for (std::size_t i = 0; i < 4; ++i) tensors[4][at * 4 + i] = static_cast<float>(i + 1);
  for (std::size_t i = 0; i < 10; ++i) tensors[7][at * 10 + i] = static_cast<float>(i) - 4.0F;
  const std::vector<Candidate> faces = decode(kScrfd, tensors, kWide);
  ASSERT_EQ(faces.size(), 1U);
  EXPECT_EQ(faces[0].score, 0.75F);
  expect_box(faces[0], 64 - 16, 32 - 32, 64 + 48, 32 + 64);
  for (std::size_t j = 0; j < 5; ++j) {
    EXPECT_EQ(faces[0].landmarks[j].x, 64 + 16 * (2 * static_cast<float>(j) - 4));
    EXPECT_EQ(faces[0].landmarks[j].y, 32 + 16 * (2 * static_cast<float>(j) - 3));
  }
}

TEST(Scrfd, ReadsEveryStride) {
  for (const bool landmarks : {true, false}) {
    Tensors tensors = make_scrfd(3, 2, landmarks);
    for (std::size_t level = 0; level < 3; ++level) {
      tensors[level].back() = 0.9F;
      for (std::size_t i = 0; i < 4; ++i) tensors[3 + level][tensors[3 + level].size() - 1 - i] = 1;
    }
    const std::vector<Candidate> faces = decode(kScrfd, tensors, kWide);
    ASSERT_EQ(faces.size(), 3U);
    expect_box(faces[0], 80, 48, 96, 64);
    expect_box(faces[1], 64, 32, 96, 64);
    expect_box(faces[2], 32, 0, 96, 64);
  }
}

TEST(Scrfd, ReadsFiveStridesOfOneAnchor) {
  const DecodeContext context = {.input_width = 256, .input_height = 128, .score_threshold = 0.5F};
  for (const bool landmarks : {true, false}) {
    Tensors tensors = make_scrfd(5, 1, landmarks, 256, 128);
    tensors[4][1] = 0.6F;  // stride 128, second column
    for (std::size_t i = 4; i < 8; ++i) tensors[9][i] = 0.5F;
    if (landmarks) tensors[14][10] = 0.25F;
    const std::vector<Candidate> faces = decode(kScrfd, tensors, context);
    ASSERT_EQ(faces.size(), 1U);
    expect_box(faces[0], 64, -64, 192, 64);
    EXPECT_EQ(faces[0].landmarks[0].x, landmarks ? 160.0F : 0.0F);
  }
}

TEST(Scrfd, KeepsScoresFromTheThresholdOn) {
  Tensors tensors = make_scrfd(3, 2, true);
  tensors[0][0] = 0.5F;
  tensors[0][1] = std::nextafter(0.5F, 0.0F);
  tensors[0][2] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(decode(kScrfd, tensors, kWide).size(), 1U);
}

TEST(Scrfd, RefusesOutputsThatAreTooSmall) {
  for (std::size_t i = 0; i < 9; ++i) {
    Tensors tensors = make_scrfd(3, 2, true);
    tensors[i].pop_back();
    EXPECT_EQ(decode_error(kScrfd, tensors, kWide), ErrorCode::bad_data) << "output " << i;
  }
}

// cls, obj, bbox, kps for each of three strides.
Tensors make_yunet() {
  Tensors tensors;
  for (const std::size_t columns : {1, 1, 4, 10}) {
    for (const int stride : {8, 16, 32}) {
      tensors.emplace_back(static_cast<std::size_t>(96 / stride * (64 / stride)) * columns);
    }
  }
  return tensors;
}

TEST(Yunet, ReadsCellsRowByRow) {
  Tensors tensors = make_yunet();
  const std::size_t at = 3 * 12 + 5;  // stride 8: twelve columns; column 5, row 3
  tensors[0][at] = 0.81F;
  tensors[3][at] = 1.0F;
  const std::vector<float> box = {0.5F, -0.25F, std::log(4.0F), std::log(6.0F)};
  std::copy(box.begin(), box.end(), tensors[6].begin() + static_cast<std::ptrdiff_t>(at * 4));
  for (std::size_t i = 0; i < 10; ++i) tensors[9][at * 10 + i] = static_cast<float>(i) / 2;
  const std::vector<Candidate> faces =
      decode(kYunet, tensors, {.input_width = 96, .input_height = 64, .score_threshold = 0.6F});
  ASSERT_EQ(faces.size(), 1U);
  EXPECT_FLOAT_EQ(faces[0].score, 0.9F);
  expect_box(faces[0], 44 - 16, 22 - 24, 44 + 16, 22 + 24);
  for (std::size_t j = 0; j < 5; ++j) {
    EXPECT_FLOAT_EQ(faces[0].landmarks[j].x, (5 + static_cast<float>(j)) * 8);
    EXPECT_FLOAT_EQ(faces[0].landmarks[j].y, (3 + static_cast<float>(j) + 0.5F) * 8);
  }
}

TEST(Yunet, ScoresAreTheRootOfClampedProducts) {
  Tensors tensors = make_yunet();
  tensors[1][0] = 1.5F, tensors[4][0] = 0.49F;   // 1.5 counts as 1
  tensors[1][1] = -1.0F, tensors[4][1] = -1.0F;  // both count as 0
  tensors[1][2] = std::numeric_limits<float>::quiet_NaN(), tensors[4][2] = 1.0F;
  const std::vector<Candidate> faces =
      decode(kYunet, tensors, {.input_width = 96, .input_height = 64, .score_threshold = 0.6F});
  ASSERT_EQ(faces.size(), 1U);
  EXPECT_FLOAT_EQ(faces[0].score, 0.7F);
}

TEST(Yunet, RefusesOutputsThatAreTooSmall) {
  for (std::size_t i = 0; i < 12; ++i) {
    Tensors tensors = make_yunet();
    tensors[i].pop_back();
    EXPECT_EQ(decode_error(kYunet, tensors, kWide), ErrorCode::bad_data) << "output " << i;
  }
}

// Heat, size, offset and landmarks of 24 x 16 cells.
Tensors make_centerface() {
  constexpr std::size_t kCells = 24 * 16;
  return {std::vector<float>(kCells), std::vector<float>(2 * kCells), std::vector<float>(2 * kCells),
          std::vector<float>(10 * kCells)};
}

TEST(CenterFace, ReadsPlanes) {
  constexpr std::size_t kCells = 24 * 16;
  Tensors tensors = make_centerface();
  const std::size_t at = 7 * 24 + 10;
  tensors[0][at] = 0.625F;
  tensors[1][at] = std::log(5.0F);           // height 20
  tensors[1][kCells + at] = std::log(4.0F);  // width 16
  tensors[2][at] = 0.25F;                    // down
  tensors[2][kCells + at] = -0.5F;           // across
  for (std::size_t j = 0; j < 10; ++j) tensors[3][j * kCells + at] = static_cast<float>(j) / 10;
  const std::vector<Candidate> faces = decode(kCenterFace, tensors, kWide);
  ASSERT_EQ(faces.size(), 1U);
  EXPECT_EQ(faces[0].score, 0.625F);
  expect_box(faces[0], 40 - 8, 31 - 10, 40 + 8, 31 + 10);  // centre: (10 - 0.5 + 0.5) * 4, (7 + 0.25 + 0.5) * 4
  for (std::size_t j = 0; j < 5; ++j) {
    EXPECT_FLOAT_EQ(faces[0].landmarks[j].y, 21 + 20 * static_cast<float>(2 * j) / 10);
    EXPECT_FLOAT_EQ(faces[0].landmarks[j].x, 32 + 16 * static_cast<float>(2 * j + 1) / 10);
  }
}

TEST(CenterFace, BoxesEndAtTheInput) {
  constexpr std::size_t kCells = 24 * 16;
  Tensors tensors = make_centerface();
  for (const std::size_t at : {std::size_t{0}, kCells - 1}) {
    tensors[0][at] = 0.75F;
    tensors[1][at] = tensors[1][kCells + at] = std::log(10.0F);
  }
  const std::vector<Candidate> faces = decode(kCenterFace, tensors, kWide);
  ASSERT_EQ(faces.size(), 2U);
  // A box that begins before the edge is moved to it and keeps its size, as the published decoder does.
  expect_box(faces[0], 0, 0, 40, 40);
  expect_box(faces[1], 94 - 20, 62 - 20, 96, 64);
}

TEST(CenterFace, RefusesOutputsThatAreTooSmall) {
  for (std::size_t i = 0; i < 4; ++i) {
    Tensors tensors = make_centerface();
    tensors[i].pop_back();
    EXPECT_EQ(decode_error(kCenterFace, tensors, kWide), ErrorCode::bad_data) << "output " << i;
  }
  Tensors three = make_centerface();
  three.pop_back();
  EXPECT_EQ(decode_error(kCenterFace, three, kWide), ErrorCode::bad_data);
}

DetectorMatch match(const std::vector<std::string>& names, const Shape& shape = {}) {
  std::vector<TensorInfo> outputs;
  for (const std::string& name : names) outputs.push_back({name, shape});
  return match_detector(FakeSession({}, outputs));
}

std::vector<std::string> count_names(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(std::to_string(500 + i));
  return names;
}

TEST(MatchDetector, KnowsKindsByTheirOutputs) {
  const std::vector<std::string> yunet = {"kps_32", "cls_8", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
  EXPECT_EQ(match(yunet).kind, &kYunet);
  EXPECT_EQ(match(count_names(12)).kind, nullptr);
  EXPECT_EQ(match(count_names(4)).kind, &kCenterFace);
  EXPECT_EQ(match(count_names(4), {1, 2, 8, 8}).kind, &kCenterFace);
  EXPECT_EQ(match(count_names(4), {1, 100}).kind, nullptr);
  for (const int count : {6, 9, 10, 15}) {
    EXPECT_EQ(match(count_names(count)).kind, &kScrfd) << count;
    EXPECT_EQ(match(count_names(count)).landmarks, count == 9 || count == 15) << count;
  }
  for (const int count : {0, 1, 2, 3, 5, 7, 8, 11, 13, 16}) EXPECT_EQ(match(count_names(count)).kind, nullptr) << count;
}

}  // namespace
}  // namespace mien
