// The routes with tiny models and without a network: what they answer, and that everything that is accepted is answered
// once.
#include "service/routes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "service/immich.h"
#include "service/views.h"
#include "support/service_scene.h"
#include "support/test_device.h"

namespace mien::service {
namespace {

using Json = nlohmann::json;
using test::FakeExchange;
using test::make_part;

using ServiceTest = test::ServiceScene;

Json without_times(const std::string& record) {
  Json json = Json::parse(record);
  for (const char* key : {"timings_ms", "source", "index"}) json.erase(key);
  return json;
}

TEST_F(ServiceTest, AnalyzeAnswersTheRecord) {
  Service service(options());
  EXPECT_TRUE(service.is_ready());
  const Response response = ask(service, "/v1/analyze", one(pictures_[0]));
  EXPECT_EQ(response.status, 200);
  AnalyzeOptions plain = service.query_defaults().analyze;
  plain.embed = false;
  Workspace workspace;
  const Record record = analyze_to_record(service.engine(), pictures_[0], plain, workspace);
  EXPECT_EQ(without_times(response.body), without_times(record_to_json(record, EmbeddingFormat::none)));
  EXPECT_FALSE(Json::parse(response.body)["faces"].empty());
  EXPECT_FALSE(Json::parse(response.body)["faces"][0].contains("embedding"));

  std::vector<Part> body;
  body.push_back(make_part("", pictures_[0]));
  const Response embedded =
      ask(service, "/v1/analyze", std::move(body), {{"embeddings", "json"}, {"min_score", "0.3"}});
  const Json faces = Json::parse(embedded.body)["faces"];
  EXPECT_EQ(faces[0]["embedding"].size(), 512U);
  EXPECT_GE(faces.size(), Json::parse(response.body)["faces"].size());
}

TEST_F(ServiceTest, WrongRequestsAreAnsweredWithWhatIsAllowed) {
  Service service(options());
  const auto expect = [&](const Response& response, int status, const std::string& part) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_NE(Json::parse(response.body)["error"]["message"].get<std::string>().find(part), std::string::npos)
        << response.body;
  };
  expect(ask(service, "/v1/analyze", one(broken_)), 422, "not an image");
  expect(ask(service, "/v1/analyze", one({})), 422, "empty");
  expect(ask(service, "/v1/analyze", {}), 400, "no image");
  expect(ask(service, "/v1/analyze", one(pictures_[0]), {{"min_scor", "1"}}), 400, "min_score");
  expect(ask(service, "/v1/analyze", one(pictures_[0]), {{"min_score", "nan"}}), 400, "0.1 to 1");
  expect(ask(service, "/v1/analyze", one(pictures_[0]), {{"min_score", "0.05"}}), 400, "0.1 to 1");
  expect(ask(service, "/v1/analyze", one(pictures_[0]), {{"phash", "yes"}}), 400, "true or false");
  expect(ask(service, "/v1/analyze", one(pictures_[0]), {{"detail", "all"}}), 400, "full");
  expect(ask(service, "/v1/analyze", one(pictures_[0]), {{"timeout_ms", "600001"}}), 400, "600000");
  expect(ask(service, "/v1/analyze", one(pictures_[0]), {{"phash", "1"}, {"phash", "0"}}), 400, "twice");
  std::vector<Part> other;
  other.push_back(make_part("photo", pictures_[0]));
  expect(ask(service, "/v1/analyze", std::move(other)), 400, "'image'");
  std::vector<Part> two = one(pictures_[0]);
  two.push_back(make_part("image", pictures_[1]));
  expect(ask(service, "/v1/analyze", std::move(two)), 400, "/v1/batch");
  expect(ask(service, "/v1/batch", {}), 400, "images");
}

TEST_F(ServiceTest, ABatchAnswersEachImageOnce) {
  Service service(options());
  std::vector<Part> parts;
  for (std::size_t i = 0; i < 40; ++i) {
    parts.push_back(
        make_part("images", i == 7 ? broken_ : pictures_[i % 4], "photo \"" + std::to_string(i) + "\".jpg"));
  }
  const auto exchange = std::make_shared<FakeExchange>();
  send(service, "/v1/batch", exchange, std::move(parts));
  const Response response = exchange->wait();
  EXPECT_EQ(response.content_type, "application/x-ndjson");
  EXPECT_EQ(exchange->facts.images, 40);
  std::istringstream lines(response.body);
  std::set<int> seen;
  for (std::string line; std::getline(lines, line);) {
    const Json record = Json::parse(line);
    const int index = record["index"];
    EXPECT_TRUE(seen.insert(index).second);
    EXPECT_EQ(record["source"], "photo \"" + std::to_string(index) + "\".jpg");
    EXPECT_EQ(record["error"].is_null(), index != 7);
    if (index % 4 != 0 || index == 8) continue;
    EXPECT_EQ(record["faces"].size(), Json::parse(ask(service, "/v1/analyze", one(pictures_[0])).body)["faces"].size());
  }
  EXPECT_EQ(seen.size(), 40U);
}

// A form that is wrong from some part on: its images have their records, and the last line says what is wrong.
TEST_F(ServiceTest, ABatchThatGoesWrongSaysSoAtItsEnd) {
  Service service(options());
  const auto exchange = std::make_shared<FakeExchange>();
  {
    const std::unique_ptr<RequestHandler> handler = find(service, "/v1/batch").make(exchange);
    ASSERT_EQ(handler->on_head(), Flow::read_on);
    ASSERT_EQ(handler->on_part(make_part("images", pictures_[0], "a.jpg")), Flow::read_on);
    ASSERT_TRUE(exchange->waits_for([&] { return exchange->answers == 1; }));
    EXPECT_TRUE(handler->on_failure({ErrorCode::limit_exceeded, "too many parts"}));
  }
  const std::string body = exchange->wait().body;
  EXPECT_EQ(std::count(body.begin(), body.end(), '\n'), 2);
  const Json last = Json::parse(body.substr(body.find('\n') + 1));
  EXPECT_EQ(last["error"]["message"], "too many parts");
  EXPECT_EQ(last["error"]["code"], "limit_exceeded");
}

TEST_F(ServiceTest, ABatchThatIsRefusedIsDropped) {
  Service service(options());
  const auto exchange = std::make_shared<FakeExchange>();
  {
    const std::unique_ptr<RequestHandler> handler = find(service, "/v1/batch").make(exchange);
    ASSERT_EQ(handler->on_head(), Flow::read_on);
    ASSERT_EQ(handler->on_part(make_part("images", pictures_[0], "a.jpg")), Flow::read_on);
    EXPECT_THROW((void)handler->on_part(make_part("photo", pictures_[0], "a.jpg")), Exception);
  }
  EXPECT_EQ(ask(service, "/v1/quality", one(pictures_[0])).status, 200);
  EXPECT_EQ(service.scheduler().waiting(), 0U);
}

TEST_F(ServiceTest, TimeIsOver) {
  Service service(options());
  std::vector<Part> parts;
  for (int i = 0; i < 12; ++i) parts.push_back(make_part("images", pictures_[0], "a.jpg"));
  const Response batch = ask(service, "/v1/batch", std::move(parts), {{"timeout_ms", "1"}});
  EXPECT_EQ(std::count(batch.body.begin(), batch.body.end(), '\n'), 12);
  EXPECT_NE(batch.body.find("\"code\":\"cancelled\""), std::string::npos);
  EXPECT_NE(batch.body.find("timeout_ms"), std::string::npos);
}

TEST_F(ServiceTest, ComparesTheLargestFaces) {
  EngineOptions with = options();
  Service service(with);
  const auto pair = [&](const test::ByteVector& a, const test::ByteVector& b) {
    std::vector<Part> parts;
    parts.push_back(make_part("a", a));
    parts.push_back(make_part("b", b));
    return parts;
  };
  const Response same =
      ask(service, "/v1/compare", pair(pictures_[0], pictures_[0]), {{"threshold", "0.5"}, {"compare_anyway", "true"}});
  ASSERT_EQ(same.status, 200) << same.body;
  const Json json = Json::parse(same.body);
  EXPECT_EQ(json["verdict"], "same");
  EXPECT_NEAR(json["similarity"].get<double>(), 1, 1e-5);
  EXPECT_TRUE(json["false_match_rate"].is_null());
  EXPECT_FALSE(json["a"]["embedder_id"].get<std::string>().empty());
  const Response none =
      ask(service, "/v1/compare", pair(pictures_[0], test::make_device_pictures(5)[4]), {{"threshold", "0.5"}});
  EXPECT_EQ(none.status, 422);
  EXPECT_NE(none.body.find("b: no face"), std::string::npos) << none.body;
  std::vector<Part> alone;
  alone.push_back(make_part("a", pictures_[0]));
  EXPECT_EQ(ask(service, "/v1/compare", std::move(alone)).status, 400);
}

TEST_F(ServiceTest, AnswersImmich) {
  Service service(options());
  EXPECT_EQ(ask(service, "/ping", {}).body, "pong");
  const Response response = ask(service, "/predict", predict("buffalo_l", pictures_[0]));
  ASSERT_EQ(response.status, 200) << response.body;
  const Json faces = Json::parse(response.body)["facial-recognition"];
  ASSERT_FALSE(faces.empty());
  EXPECT_TRUE(faces[0]["boundingBox"]["x1"].is_number_integer());
  EXPECT_EQ(Json::parse(faces[0]["embedding"].get<std::string>()).size(), 512U);
  const std::size_t few =
      Json::parse(ask(service, "/predict", predict("buffalo_l", pictures_[0], "0.9")).body)["facial-recognition"]
          .size();
  const std::size_t many =
      Json::parse(ask(service, "/predict", predict("buffalo_l", pictures_[0], "0.2")).body)["facial-recognition"]
          .size();
  EXPECT_LT(few, many);

  const auto expect = [&](const Response& refused, int status, const std::string& part) {
    EXPECT_EQ(refused.status, status) << refused.body;
    EXPECT_NE(Json::parse(refused.body)["detail"].get<std::string>().find(part), std::string::npos) << refused.body;
  };
  expect(ask(service, "/predict", predict("buffalo_m", pictures_[0])), 404, "--immich");
  expect(ask(service, "/predict", predict("buffalo_s", pictures_[0])), 404, "mien models pull buffalo_s");
  expect(ask(service, "/predict", predict(detector_, pictures_[0])), 404, "no model");
  expect(ask(service, "/predict", predict("buffalo_l", broken_)), 400, "not an image");
  expect(ask(service, "/predict", predict("buffalo_l", pictures_[0], "\"0.7\"")), 422, "minScore");
  std::vector<Part> no_image = predict("buffalo_l", {});
  no_image.pop_back();
  expect(ask(service, "/predict", std::move(no_image)), 400, "image");
  expect(ask(service, "/predict", one(pictures_[0])), 422, "entries");
  std::vector<Part> clip;
  clip.push_back(make_part("entries", R"({"clip":{"visual":{"modelName":"x"}}})"));
  expect(ask(service, "/predict", std::move(clip)), 501, "--upstream");
  std::vector<Part> size;
  size.push_back(make_part("entries", "{}"));
  size.push_back(make_part("image", pictures_[0]));
  EXPECT_EQ(ask(service, "/predict", std::move(size)).body, R"({"imageHeight":480,"imageWidth":640})");
}

TEST_F(ServiceTest, OtherTasksGoToTheUpstream) {
  EngineOptions with = options();
  with.settings.upstream = "http://127.0.0.1:3003";
  Service service(with);
  const auto exchange = std::make_shared<FakeExchange>();
  const std::unique_ptr<RequestHandler> handler = find(service, "/predict").make(exchange);
  EXPECT_EQ(handler->on_part(make_part("entries", R"({"ocr":{"detection":{}}})")), Flow::forward);
  EXPECT_FALSE(exchange->is_ended);
}

TEST_F(ServiceTest, NamesOfOtherDimensionsAreRefusedAtTheStart) {
  EngineOptions with = options();
  const std::string small = folder_.add("small.onnx", test::make_tiny_embedder({}));
  with.settings.immich = "buffalo_l=" + detector_ + "+" + small;
  try {
    const Service service(with);
    ADD_FAILURE() << "vectors of 64 numbers do not fit";
  } catch (const Exception& error) {
    EXPECT_EQ(error.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(error.error().message.find("512"), std::string::npos) << error.error().message;
  }
}

// The queue holds one image while 20 of /predict come at once: none is refused. Others are, with a time to come again.
TEST_F(ServiceTest, PredictWaitsWhereOthersAreRefused) {
  EngineOptions with = options();
  with.settings.queue = 1;
  with.settings.threads = 1;
  Service service(with);
  std::vector<std::jthread> clients;
  std::atomic<int> answered{0};
  std::atomic<int> refused{0};
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(
        [&] { answered += ask(service, "/predict", predict("buffalo_l", pictures_[3])).status == 200; });
    clients.emplace_back([&] {
      const auto exchange = std::make_shared<FakeExchange>();
      send(service, "/v1/analyze", exchange, one(pictures_[3]));
      const Response response = exchange->wait();
      if (response.status != 503) return;
      ++refused;
      EXPECT_EQ(exchange->facts.refused_reason, "queue_full");
      EXPECT_EQ(response.headers.at(0).first, "Retry-After");
      EXPECT_GE(std::stoi(response.headers.at(0).second), 1);
    });
  }
  clients.clear();
  EXPECT_EQ(answered, 20);
  EXPECT_GT(refused, 0);
}

TEST_F(ServiceTest, DrainingEndsWhatIsHeld) {
  EngineOptions with = options();
  with.settings.queue = 1;
  with.settings.threads = 1;
  Service service(with);
  std::vector<std::jthread> clients;
  std::atomic<int> answers{0};
  std::atomic<int> refused{0};
  for (int i = 0; i < 12; ++i) {
    clients.emplace_back([&] {
      const Response response = ask(service, "/predict", predict("buffalo_l", pictures_[3]));
      answers += response.status == 200;
      refused += response.status == 503;
    });
  }
  service.drain();
  clients.clear();
  EXPECT_EQ(answers + refused, 12);
  EXPECT_EQ(ask(service, "/readyz", {}).status, 503);
  EXPECT_EQ(ask(service, "/healthz", {}).status, 200);
}

TEST_F(ServiceTest, ClientsThatHangUpLeaveNothingBehind) {
  Service service(options());
  std::vector<std::shared_ptr<FakeExchange>> exchanges;
  for (int i = 0; i < 30; ++i) {
    exchanges.push_back(std::make_shared<FakeExchange>());
    send(service, "/v1/analyze", exchanges.back(), one(pictures_[static_cast<std::size_t>(i) % 4]));
    if (i % 2 == 0) exchanges.back()->client.request_stop();
  }
  for (std::size_t i = 1; i < exchanges.size(); i += 2) EXPECT_EQ(exchanges[i]->wait().status, 200);
  for (const std::shared_ptr<FakeExchange>& exchange : exchanges) EXPECT_LE(exchange->answers, 1);
  EXPECT_EQ(service.scheduler().waiting(), 0U);
}

TEST_F(ServiceTest, StatusIsWhatTheCommandsPrint) {
  Service service(options());
  EXPECT_EQ(ask(service, "/readyz", {}).status, 200);
  const Json devices = Json::parse(ask(service, "/v1/devices", {}).body);
  EXPECT_EQ(devices["backends"].back()["name"], "cpu");
  EXPECT_TRUE(Json::parse(ask(service, "/v1/models", {}).body).is_array());
  (void)ask(service, "/v1/quality", one(pictures_[0]));
  const std::string page = ask(service, "/metrics", {}).body;
  EXPECT_NE(page.find("mien_images_total{result=\"ok\"} 1\n"), std::string::npos);
  EXPECT_NE(page.find("mien_model_info{role=\"embedder\""), std::string::npos);
}

// Images of different requests share a device's batches, and are what the CPU says of them.
TEST_F(ServiceTest, RequestsShareTheBatchesOfADevice) {
  const test::TestDevice device;
  EngineOptions with = options();
  const std::string immich = with.settings.immich;
  with.settings = test::device_settings(GpuMode::require);
  with.settings.immich = immich;
  Service service(with);
  Service on_cpu(options());
  std::vector<std::jthread> clients;
  for (std::size_t i = 0; i < 48; ++i) {
    clients.emplace_back([&, i] {
      const std::string score = i % 3 == 0 ? "0.3" : i % 3 == 1 ? "0.6" : "0.9";
      // Sanitizers on a busy machine take their time.
      const std::vector<NameValue> query = {{"min_score", score}, {"timeout_ms", "600000"}};
      const Response found = ask(service, "/v1/analyze", one(pictures_[i % 4]), query);
      const Response expected = ask(on_cpu, "/v1/analyze", one(pictures_[i % 4]), query);
      EXPECT_EQ(found.status, 200) << found.body;
      Json a = without_times(found.body);
      Json b = without_times(expected.body);
      a.erase("placement");
      b.erase("placement");
      EXPECT_EQ(a["faces"].size(), b["faces"].size());
      for (std::size_t f = 0; f < std::min(a["faces"].size(), b["faces"].size()); ++f) {
        EXPECT_EQ(a["faces"][f]["bbox"], b["faces"][f]["bbox"]);
      }
    });
  }
  clients.clear();
  const DeviceStatus status = service.engine().device_status().at(0);
  EXPECT_GE(status.batch_images, 2 * status.batches) << "no batch was shared";
}

}  // namespace
}  // namespace mien::service
