#include "service/crawler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "support/fake_exchange.h"

namespace mien::service {
namespace {

using Json = nlohmann::json;
using test::make_part;

constexpr const char* kHashes = R"([{"phash":"aa","index":0},{"phash":"bb","index":1}])";

CrawlerFields fields(const std::vector<std::pair<std::string, std::string>>& values) {
  CrawlerFields result;
  for (const auto& [name, text] : values) EXPECT_TRUE(result.take(make_part(name, text))) << name;
  return result;
}

CrawlerImage image_with(std::vector<float> scores) {
  CrawlerImage image;
  for (const float score : scores) {
    Face face;
    face.bbox = {1.5F, 2, 3, 4};
    face.det_score = score;
    face.landmarks = Landmarks{{{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9.25F, 10}}};
    image.faces.push_back(face);
  }
  return image;
}

CrawlerImage broken() { return {{}, "not an image"}; }

Json answer(const CrawlerFields& asked, const std::vector<std::string>& names, const std::vector<CrawlerImage>& images,
            const CrawlerFacts& facts = {12.34, false, "w"}) {
  return Json::parse(crawler_answer(asked, crawler_hashes(asked, names), images, facts));
}

TEST(CrawlerFields, AreReadAsPythonSendsThem) {
  const CrawlerFields asked = fields({{"image_hashes", kHashes},
                                      {"min_face_quality", "0.5"},
                                      {"require_face", "True"},
                                      {"crop_faces", "false"},
                                      {"face_margin", "0.2"}});
  asked.check();
  EXPECT_EQ(asked.quality_min(), 0.5);
  EXPECT_TRUE(asked.needs_face());
  EXPECT_EQ(asked.hashes().at(1), "bb");
  CrawlerFields other;
  EXPECT_FALSE(other.take(make_part("images", "x")));
  EXPECT_FALSE(fields({{"require_face", "0"}}).needs_face());
}

TEST(CrawlerFields, AreRefusedByTheirNames) {
  const auto expect = [](const std::vector<std::pair<std::string, std::string>>& values, const std::string& part) {
    CrawlerFields asked;
    try {
      for (const auto& [name, text] : values) (void)asked.take(make_part(name, text));
      asked.check();
      ADD_FAILURE() << part;
    } catch (const Exception& error) {
      EXPECT_EQ(error.error().code, ErrorCode::invalid_argument);
      EXPECT_NE(error.error().message.find(part), std::string::npos) << error.error().message;
    }
  };
  expect({}, "min_face_quality");
  for (const char* wrong : {"", "x", "nan", "-0.1", "1.1", "0.5 0.5", "inf"}) {
    expect({{"min_face_quality", wrong}}, "min_face_quality: use a number from 0 to 1");
  }
  expect({{"face_margin", "-1"}}, "face_margin");
  expect({{"face_margin", "1e9"}}, "face_margin");
  expect({{"crop_faces", "maybe"}}, "crop_faces");
  expect({{"require_face", ""}}, "require_face");
  expect({{"require_face", "1"}, {"require_face", "1"}}, "require_face: the form has it twice");
  for (const char* wrong :
       {"{}", "1", R"([1])", R"([{"phash":"a"}])", R"([{"index":1}])", R"([{"phash":"","index":1}])",
        R"([{"phash":"a","index":-1}])", R"([{"phash":"a","index":"0"}])", R"([{"phash":1,"index":0}])"}) {
    expect({{"image_hashes", wrong}}, "image_hashes");
  }
  expect({{"image_hashes", "x"}}, "image_hashes: this is not JSON");
  expect({{"image_hashes", std::string(1000, '[')}}, "image_hashes: nested");
  expect({{"image_hashes", std::string(1'100'000, ' ')}}, "image_hashes: longer");
  expect({{"image_hashes", R"([{"phash":"a","index":0},{"phash":"b","index":0}])"}}, "image_hashes[1]: the index 0");
}

TEST(CrawlerHashes, AreThoseOfTheListOrElseOfTheFiles) {
  const CrawlerFields asked = fields({{"image_hashes", R"([{"phash":"told","index":1}])"}});
  EXPECT_EQ(crawler_hashes(asked, {"a/b/f0e1.jpg", "other.jpg"}), (std::vector<std::string>{"f0e1", "told"}));
  EXPECT_EQ(crawler_hashes(asked, {"x", ""}), (std::vector<std::string>{"x", "told"}));
  EXPECT_THROW((void)crawler_hashes(asked, {"", "a"}), Exception);
  EXPECT_THROW((void)crawler_hashes(asked, {"a", "b", "c/"}), Exception);
  EXPECT_EQ(stem_of("C:\\images\\f.0e1.png"), "f.0e1");
  EXPECT_EQ(stem_of(".jpg"), ".jpg");
}

DeviceStatus device(const std::string& name, bool is_software) {
  DeviceStatus status;
  status.device.name = name;
  status.device.is_software = is_software;
  return status;
}

Placement placement(const std::string& ran, const std::string& device_name) {
  Placement one;
  one.operation = "face_detection";
  one.requested = "gpu";
  one.ran = ran;
  one.device = device_name;
  return one;
}

TEST(CrawlerFacts, SayWhereItReallyRan) {
  const auto ran_on = [](const std::string& ran, const std::string& name) {
    Analysis analysis;
    analysis.placement = {placement("cpu", "a CPU"), placement(ran, name)};
    return ran_on_gpu(analysis, {"llvmpipe"});
  };
  EXPECT_TRUE(ran_on("cuda", "H200"));
  EXPECT_TRUE(ran_on("mixed", "H200"));
  EXPECT_FALSE(ran_on("cpu", "a CPU")) << "it was asked for a GPU, and got none";
  EXPECT_FALSE(ran_on("webgpu", "llvmpipe"));
  EXPECT_FALSE(ran_on_gpu({}, {}));
  EXPECT_EQ(emulated_gpus({device("a", false), device("llvmpipe", true)}), std::vector<std::string>{"llvmpipe"});
}

TEST(CrawlerFacts, SayWhetherThereIsAGpu) {
  EXPECT_FALSE(has_gpu({}));
  EXPECT_FALSE(has_gpu({device("llvmpipe", true)}));
  EXPECT_TRUE(has_gpu({device("llvmpipe", true), device("a", false)}));
  DeviceStatus failed = device("a", false);
  failed.breaker_open[index_of(Operation::face_embedding)] = true;
  EXPECT_TRUE(has_gpu({failed}));
  failed.breaker_open[index_of(Operation::face_detection)] = true;
  EXPECT_FALSE(has_gpu({failed}));
}

TEST(CrawlerAnswer, HasTheFieldsOfTheProtocol) {
  const CrawlerFields asked = fields({{"min_face_quality", "0.6"}});
  CrawlerImage image = image_with({0.9F, 0.5F});
  const Json told = answer(asked, {"aa.jpg", "bb.jpg"}, {image, image_with({})}, {12.34, true, "w\"1"});
  EXPECT_EQ(told["gpu_used"], true);
  EXPECT_EQ(told["worker_id"], "w\"1");
  EXPECT_EQ(told["processing_time_ms"], 12.3);
  EXPECT_EQ(told["errors"], Json::object());
  EXPECT_EQ(told["results"]["bb"], Json::array());
  ASSERT_EQ(told["results"]["aa"].size(), 1U) << "the other face has a lower score";
  EXPECT_EQ(told["results"]["aa"][0].dump(), R"({"age":null,"bbox":[1.5,2,3,4],"embedding":null,"gender":null,)"
                                             R"("landmarks":[[1,2],[3,4],[5,6],[7,8],[9.25,10]],"quality":0.9})");
  image.faces[0].embedding = {0.25F, -1};
  EXPECT_EQ(answer(asked, {"aa.jpg"}, {image})["results"]["aa"][0]["embedding"].dump(), "[0.25,-1]");
  image.faces[0].embedding = {NAN, -1};
  EXPECT_TRUE(answer(asked, {"aa.jpg"}, {image})["results"]["aa"][0]["embedding"].is_null());
}

TEST(CrawlerAnswer, NamesWhatIsMissing) {
  const CrawlerFields asked = fields({{"image_hashes", R"([{"phash":"aa","index":0},{"phash":"zz","index":7}])"},
                                      {"min_face_quality", "0.6"},
                                      {"require_face", "true"}});
  const Json told = answer(asked, {"x.jpg", "bb.jpg", "cc.jpg"}, {broken(), image_with({0.5F}), image_with({0.7F})});
  EXPECT_EQ(told["results"].dump(),
            answer(asked, {"", "bb", "cc"}, {broken(), {}, image_with({0.7F})})["results"].dump());
  EXPECT_EQ(told["results"]["aa"], Json::array());
  EXPECT_EQ(told["errors"]["aa"], "not an image");
  EXPECT_NE(told["errors"]["bb"].get<std::string>().find("require_face"), std::string::npos);
  EXPECT_FALSE(told["errors"].contains("cc"));
  EXPECT_EQ(told["errors"]["zz"], "no image with the index 7 came");
  EXPECT_EQ(told["results"]["zz"], Json::array());
}

TEST(CrawlerAnswer, HasOneImageAHash) {
  const CrawlerFields asked = fields({{"min_face_quality", "0"}});
  const std::vector<std::string> names = {"a.jpg", "b.jpg", "a.png"};
  const Json first = answer(asked, names, {image_with({0.9F}), image_with({}), image_with({0.8F, 0.7F})});
  EXPECT_EQ(first["results"]["a"].size(), 1U);
  EXPECT_NE(first["errors"]["a"].get<std::string>().find("2 images"), std::string::npos);
  const Json second = answer(asked, names, {broken(), image_with({}), image_with({0.8F, 0.7F})});
  EXPECT_EQ(second["results"]["a"].size(), 2U);
  EXPECT_NE(second["errors"]["a"].get<std::string>().find("can be read"), std::string::npos);
  const Json none = answer(asked, names, {broken(), image_with({}), broken()});
  EXPECT_TRUE(none["errors"]["a"].get<std::string>().starts_with("not an image; 2 images"));
  EXPECT_FALSE(none["errors"].contains("b"));
}

}  // namespace
}  // namespace mien::service
