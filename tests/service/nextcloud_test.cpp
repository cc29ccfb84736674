#include "service/nextcloud.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace mien::service {
namespace {

using Json = nlohmann::json;

ModelInfo embedder(std::optional<float> threshold) {
  ModelInfo model;
  model.name = "one";
  model.threshold_search = threshold;
  model.threshold_source = "nobody measured it";
  return model;
}

const NextcloudScale kScale("", embedder(0.478F), 0.5F);

// Of one direction, and at a cosine from it.
Face face_at(double cosine, double length) {
  Face face;
  face.bbox = {10, 20, 60, 80};
  face.det_score = 0.75F;
  face.embedding = {static_cast<float>(length * cosine), static_cast<float>(length * std::sqrt(1 - cosine * cosine))};
  return face;
}

Analysis of(std::vector<Face> faces) {
  Analysis analysis;
  analysis.width = 100;
  analysis.height = 90;
  analysis.faces = std::move(faces);
  return analysis;
}

double distance(const Json& a, const Json& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double step = a[i].get<double>() - b[i].get<double>();
    sum += step * step;
  }
  return std::sqrt(sum);
}

TEST(NextcloudScale, PutsTheThresholdAtTheAppsDistance) {
  for (const double threshold : {0.1, 0.25, 0.363, 0.478, 0.9}) {
    const NextcloudScale scale(std::to_string(threshold), embedder({}), 0.5F);
    for (const double cosine : {-1.0, -0.2, threshold - 1e-4, threshold + 1e-4, 0.95, 1.0}) {
      const Json faces = Json::parse(nextcloud_faces("", of({face_at(1, 3), face_at(cosine, 0.01)}), scale))["faces"];
      const double apart = distance(faces[0]["descriptor"], faces[1]["descriptor"]);
      EXPECT_EQ(apart<0.4, cosine> threshold) << threshold << " " << cosine << " " << apart;
    }
  }
  EXPECT_NEAR(kScale.length(), 0.3915, 5e-5);
}

TEST(NextcloudScale, NeedsAThreshold) {
  const auto refused = [](const std::string& text, std::optional<float> threshold) -> std::string {
    try {
      (void)NextcloudScale(text, embedder(threshold), 0.5F);
      return "";
    } catch (const Exception& error) {
      EXPECT_EQ(error.error().code, ErrorCode::invalid_argument);
      EXPECT_NE(error.error().message.find("--nextcloud-threshold"), std::string::npos) << error.error().message;
      return error.error().message;
    }
  };
  EXPECT_NE(refused("", {}).find("one (nobody measured it)"), std::string::npos);
  for (const char* wrong : {"0", "1", "-0.5", "1.5", "nan", "inf", "0.4x", " 0.4", "0,4", "x"}) {
    EXPECT_NE(refused(wrong, 0.4F).find("above 0 and below 1"), std::string::npos) << wrong;
  }
  EXPECT_EQ(refused("0.4", {}), "");
  EXPECT_EQ(refused("", 0.4F), "");
}

TEST(NextcloudScale, GivesConfidenceFromTheFloorOfTheAppOn) {
  Face face = face_at(1, 1);
  const auto confidence = [&](float score) {
    face.det_score = score;
    return kScale.confidence(face);
  };
  EXPECT_EQ(confidence(0.5F), 0.99);
  EXPECT_NEAR(confidence(0.75F), 1.045, 1e-9);
  EXPECT_NEAR(confidence(1), 1.1, 1e-9);
  face.poor_reason = PoorReason::too_blurred;
  EXPECT_LT(confidence(1), 0.99);
  EXPECT_LT(confidence(0.5F), confidence(1));
  EXPECT_EQ(NextcloudScale("0.5", embedder({}), 1).confidence(face_at(1, 1)), 1.1);
}

TEST(NextcloudAnswer, HasTheFieldsOfTheApp) {
  Face face = face_at(1, 2);
  face.bbox = {-4.6F, 20.5F, 60.4F, 95};
  face.landmarks = Landmarks{{{1.4F, 2.6F}, {-3, 4}, {5, 6}, {7, 8}, {9, 10}}};
  Face without = face_at(1, 2);
  without.embedding = {0, 0};
  Face broken = face_at(1, 2);
  broken.embedding = {NAN, 1};
  const Json answer = Json::parse(nextcloud_faces("/tmp/oc \"tmp\"/photo.jpg", of({face, without, broken}), kScale));
  EXPECT_EQ(answer["filename"], "photo.jpg");
  EXPECT_EQ(answer["faces-count"], 1);
  ASSERT_EQ(answer["faces"].size(), 1U);
  const Json& told = answer["faces"][0];
  EXPECT_EQ(told["left"].dump() + told["top"].dump() + told["right"].dump() + told["bottom"].dump(), "0206090");
  EXPECT_EQ(told["landmarks"].dump(), R"([{"x":1,"y":3},{"x":-3,"y":4},{"x":5,"y":6},{"x":7,"y":8},{"x":9,"y":10}])");
  EXPECT_NEAR(told["descriptor"][0].get<double>(), kScale.length(), 1e-6);
  EXPECT_EQ(nextcloud_faces("", of({}), kScale), R"({"filename":"","faces-count":0,"faces":[]})");

  const Json one = Json::parse(nextcloud_face("a/b", {1, 2, 3, 4}, face, kScale));
  EXPECT_EQ(one["filename"], "b");
  EXPECT_EQ(one["face"]["right"], 3) << "the box is the one that was asked for";
  EXPECT_EQ(one["face"]["landmarks"], told["landmarks"]);
  EXPECT_EQ(one["face"]["descriptor"], told["descriptor"]);
}

TEST(NextcloudBox, IsReadAsTheAppSendsIt) {
  const Box box = read_nextcloud_box(R"({"left":1,"right":30.5,"top":-2,"bottom":40,"detection_confidence":0.9})");
  EXPECT_EQ(box.x1, 1);
  EXPECT_EQ(box.y1, -2);
  EXPECT_EQ(box.x2, 30.5F);
  EXPECT_EQ(box.y2, 40);
}

TEST(NextcloudBox, IsRefusedWithItsPlace) {
  const auto expect = [](const std::string& text, const std::string& part) {
    try {
      (void)read_nextcloud_box(text);
      ADD_FAILURE() << text;
    } catch (const Exception& error) {
      EXPECT_EQ(error.error().code, ErrorCode::invalid_argument);
      EXPECT_NE(error.error().message.find(part), std::string::npos) << error.error().message;
      EXPECT_TRUE(error.error().message.starts_with("face")) << error.error().message;
    }
  };
  expect("", "JSON");
  expect("1 2 3 4", "JSON");
  expect("{\"left\":\"\xff\"}", "UTF-8");
  expect(std::string(100'000, '['), "nested");
  expect("[1,2,3,4]", "object");
  expect("null", "object");
  expect(R"({"left":1,"top":2,"right":3})", "bottom is missing");
  expect(R"({"left":"1","top":2,"right":3,"bottom":4})", "face.left");
  expect(R"({"left":1,"top":null,"right":3,"bottom":4})", "face.top");
  expect(R"({"left":1,"top":2,"right":1e300,"bottom":4})", "face.right");
  expect(R"({"left":1,"top":2,"right":3,"bottom":-1e7})", "face.bottom");
  expect(R"({"left":3,"top":2,"right":3,"bottom":4})", "no box");
  expect(R"({"left":1,"top":4,"right":3,"bottom":2})", "no box");
}

TEST(NextcloudBox, MeansTheFaceThatItOverlapsMost) {
  std::vector<Face> faces(3, face_at(1, 1));
  faces[0].bbox = {10, 10, 30, 30};
  faces[1].bbox = {28, 10, 48, 30};
  faces[2].bbox = {60, 60, 64, 64};
  Analysis analysis = of(std::move(faces));
  const auto found = [&](const Box& box) -> int {
    const Face* const face = face_in_box(analysis, box);
    return face == nullptr ? -1 : static_cast<int>(face - analysis.faces.data());
  };
  EXPECT_EQ(found({10, 10, 30, 30}), 0);
  EXPECT_EQ(found({14, 10, 34, 30}), 0);
  EXPECT_EQ(found({16, 10, 48, 30}), 1) << "of two the second, of which more lies in it";
  EXPECT_EQ(found({24, 10, 44, 30}), 1);
  EXPECT_EQ(found({0, 0, 50, 40}), 0) << "both lie in it, and the first is as large as the second";
  EXPECT_EQ(found({50, 50, 90, 90}), 2) << "a box that somebody drew generously";
  EXPECT_EQ(found({15, 15, 18, 18}), 0) << "a box within the face";
  EXPECT_EQ(found({46, 10, 60, 30}), -1) << "a strip of somebody else's face is nobody's";
  EXPECT_EQ(found({70, 0, 90, 20}), -1);
  EXPECT_EQ(found({500, 500, 600, 600}), -1);
  analysis.faces[0].embedding.clear();
  EXPECT_EQ(found({10, 10, 30, 30}), -1);
}

TEST(NextcloudNames, AreTheLastPartOfThePath) {
  EXPECT_EQ(base_name("/tmp/oc_tmp_x/a b.jpg"), "a b.jpg");
  EXPECT_EQ(base_name("a"), "a");
  EXPECT_EQ(base_name("a/"), "");
  EXPECT_EQ(base_name(""), "");
}

}  // namespace
}  // namespace mien::service
