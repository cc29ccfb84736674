#include "service/immich.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "service/immich_models.h"

namespace mien::service {
namespace {

constexpr const char* kEntries =
    R"({"facial-recognition":{"detection":{"modelName":"buffalo_l","options":{"minScore":0.7}},)"
    R"("recognition":{"modelName":"buffalo_l"}}})";

// The status by which it is refused; 0: it is not.
int status_of(const std::string& entries, const std::string& part = "") {
  try {
    (void)read_entries(entries);
    return 0;
  } catch (const ImmichRefusal& refusal) {
    EXPECT_NE(refusal.message.find(part), std::string::npos) << refusal.message;
    EXPECT_NE(refusal.message.find("entries"), std::string::npos) << refusal.message;
    return refusal.status;
  }
}

std::string detection_with(const std::string& options) {
  return R"({"facial-recognition":{"detection":{"modelName":"m","options":)" + options + "}}}";
}

TEST(ImmichEntries, AreReadAsImmichSendsThem) {
  const ImmichAsk ask = read_entries(kEntries);
  EXPECT_TRUE(ask.is_faces());
  EXPECT_TRUE(ask.recognition);
  EXPECT_EQ(ask.model, "buffalo_l");
  EXPECT_EQ(ask.min_score, 0.7F);
  EXPECT_FALSE(read_entries(detection_with("{}")).recognition);
  EXPECT_FALSE(read_entries(detection_with("{}")).min_score);
  EXPECT_EQ(read_entries(R"({"clip":{"visual":{"modelName":"x"}}})").task, "clip");
  EXPECT_EQ(read_entries("{}").task, "");
}

TEST(ImmichEntries, AreRefusedWithTheirPlace) {
  EXPECT_EQ(status_of("", "JSON"), 422);
  EXPECT_EQ(status_of("no json", "JSON"), 422);
  EXPECT_EQ(status_of("[]", "object"), 422);
  EXPECT_EQ(status_of("{\"a\":\"\xff\"}", "UTF-8"), 422);
  EXPECT_EQ(status_of(std::string(10'000, '[') + std::string(10'000, ']'), "nested"), 422);
  EXPECT_EQ(status_of(std::string(1'000'000, '{'), "nested"), 422);
  EXPECT_EQ(status_of(R"({"clip":{},"ocr":{}})", "one task"), 422);
  EXPECT_EQ(status_of(R"({"facial-recognition":{}})", "detection"), 422);
  EXPECT_EQ(status_of(R"({"facial-recognition":[1]})", "detection"), 422);
  EXPECT_EQ(status_of(R"({"facial-recognition":{"detection":{}}})", "modelName"), 422);
  EXPECT_EQ(status_of(R"({"facial-recognition":{"detection":{"modelName":7}}})", "modelName"), 422);
  EXPECT_EQ(status_of(R"({"facial-recognition":{"detection":{"modelName":"m"},"other":{}}})", "other"), 422);
  EXPECT_EQ(status_of(R"({"facial-recognition":{"recognition":{"modelName":"m"}}})", "detection"), 400);
  EXPECT_EQ(status_of(detection_with(R"({"minScore":"0.7"})"), "0.1 to 1"), 422);
  EXPECT_EQ(status_of(detection_with(R"({"minScore":NaN})"), "JSON"), 422);
  EXPECT_EQ(status_of(detection_with(R"({"minScore":1.5})"), "0.1 to 1"), 422);
  EXPECT_EQ(status_of(detection_with(R"({"minScore":0.01})"), "0.1 to 1"), 422);
  EXPECT_EQ(status_of(detection_with(R"({"minScore":0.1})")), 0);
  EXPECT_EQ(status_of(detection_with(R"({"minScore":1e999})")), 422);
  EXPECT_EQ(status_of(detection_with(R"({"minFaces":3})"), "minScore"), 422);
  EXPECT_EQ(status_of(detection_with("[]"), "options"), 422);
}

Analysis two_faces() {
  Analysis analysis;
  analysis.width = 1440;
  analysis.height = 1080;
  Face face;
  face.bbox = {-3.4F, 2.5F, 829.0F, 3.5F};
  face.det_score = 0.75F;
  face.embedding = {0.1F, -2, 3e-7F};
  analysis.faces = {face, face};
  analysis.faces[1].embedding = {};
  return analysis;
}

TEST(ImmichAnswer, HasWholeNumbersAndATextOfNumbers) {
  const std::string text = immich_answer(read_entries(kEntries), two_faces());
  const nlohmann::json answer = nlohmann::json::parse(text);
  EXPECT_EQ(answer["imageWidth"], 1440);
  EXPECT_EQ(answer["imageHeight"], 1080);
  const nlohmann::json& faces = answer["facial-recognition"];
  ASSERT_EQ(faces.size(), 1U) << "a face without an embedding has no place in Immich's table";
  EXPECT_EQ(faces[0]["boundingBox"].dump(), R"({"x1":-3,"x2":829,"y1":2,"y2":4})");
  EXPECT_EQ(faces[0]["embedding"], "[0.1,-2,3e-07]");
  EXPECT_EQ(faces[0]["score"], 0.75);
  EXPECT_EQ(immich_answer(read_entries(kEntries), {}), R"({"facial-recognition":[],"imageHeight":0,"imageWidth":0})");
}

TEST(ImmichAnswer, OfDetectionAloneHasListsSideBySide) {
  const nlohmann::json answer = nlohmann::json::parse(immich_answer(read_entries(detection_with("{}")), two_faces()));
  const nlohmann::json& found = answer["facial-recognition"];
  EXPECT_EQ(found["boxes"].size(), 2U);
  EXPECT_EQ(found["scores"].size(), 2U);
  EXPECT_EQ(found["landmarks"][0].size(), 5U);
  EXPECT_EQ(immich_answer(read_entries("{}"), two_faces()), R"({"imageHeight":1080,"imageWidth":1440})");
}

TEST(ImmichErrors, HaveTheDetailOfImmichsOwnService) {
  const Response response = immich_error(422, "entries: \"x\"", "id-1");
  const nlohmann::json body = nlohmann::json::parse(response.body);
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(body["detail"], "entries: \"x\"");
  EXPECT_EQ(body["error"]["code"], "bad_data");
  EXPECT_EQ(body["request_id"], "id-1");
}

TEST(ImmichNames, AreReadAsTheOperatorWritesThem) {
  const auto exists = [](const std::string& text) { return text == "/a+b/det.onnx" || text == "/c=d/rec.onnx"; };
  const std::vector<ImmichName> names =
      read_immich_names("buffalo_l=centerface+fr_feature,x=/a+b/det.onnx+/c=d/rec.onnx", exists);
  ASSERT_EQ(names.size(), 2U);
  EXPECT_EQ(names[0].detector + " " + names[0].embedder, "centerface fr_feature");
  EXPECT_EQ(names[1].name, "x");
  EXPECT_EQ(names[1].detector + " " + names[1].embedder, "/a+b/det.onnx /c=d/rec.onnx");
  EXPECT_TRUE(read_immich_names("", exists).empty());
  for (const char* wrong : {"buffalo_l", "=a+b", "n=a", "n=+b", "n=a+", "n=a+b,n=c+d"}) {
    try {
      (void)read_immich_names(wrong, exists);
      ADD_FAILURE() << wrong;
    } catch (const Exception& error) {
      EXPECT_EQ(error.error().code, ErrorCode::invalid_argument);
      EXPECT_NE(error.error().message.find("--immich"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace mien::service
