// Nextcloud's and the crawlers' routes with tiny models: what needs a device that can be made to fail, and forms that
// go wrong half-way. tests/service/nextcloud_test.py and crawler_test.py have the rest.
#include <nlohmann/json.hpp>

#include "support/service_scene.h"
#include "support/test_device.h"

namespace mien::service {
namespace {

using Json = nlohmann::json;
using test::FakeExchange;
using test::make_part;

constexpr std::string_view kBatch = "/detect_faces_batch_multipart";

class ProtocolTest : public test::ServiceScene {
 protected:
  EngineOptions with(Settings settings) const {
    EngineOptions result = options();
    settings.immich = result.settings.immich;
    result.settings = std::move(settings);
    result.settings.nextcloud = result.settings.crawler = true;
    result.settings.nextcloud_threshold = "0.5";
    return result;
  }

  std::vector<Part> batch(std::size_t images) const {
    std::vector<Part> parts;
    parts.push_back(make_part("min_face_quality", std::string("0.1")));
    for (std::size_t i = 0; i < images; ++i) {
      parts.push_back(make_part("images", pictures_[i % pictures_.size()], std::to_string(i) + ".jpg"));
    }
    return parts;
  }
};

TEST_F(ProtocolTest, NextcloudFindsAgainWhatItWasTold) {
  Service service(with(options().settings));
  std::vector<Part> parts;
  parts.push_back(make_part("file", pictures_[0], "/tmp/a/b.jpg"));
  const Response found = ask(service, "/detect", std::move(parts));
  ASSERT_EQ(found.status, 200) << found.body;
  const Json faces = Json::parse(found.body)["faces"];
  ASSERT_FALSE(faces.empty());
  parts.clear();
  parts.push_back(make_part("face", faces[0].dump()));
  parts.push_back(make_part("file", pictures_[0], "b.jpg"));
  const Response again = ask(service, "/compute", std::move(parts));
  ASSERT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(Json::parse(again.body)["face"], faces[0]);
}

TEST_F(ProtocolTest, NextcloudNeedsToKnowWhichFacesAreAlike) {
  EngineOptions unknown = with(options().settings);
  unknown.settings.nextcloud_threshold.clear();
  Service service(unknown);
  try {
    (void)make_routes(service);
    ADD_FAILURE() << "the tiny embedder has no threshold";
  } catch (const Exception& error) {
    EXPECT_EQ(error.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(error.error().message.find("--nextcloud-threshold"), std::string::npos);
  }
}

TEST_F(ProtocolTest, RoutesAreThereOnlyWithTheirFlags) {
  Service service(options());
  for (const Route& route : make_routes(service)) {
    EXPECT_NE(route.path, "/detect");
    EXPECT_NE(route.path, "/health");
  }
}

// The test device is software, and says so.
TEST_F(ProtocolTest, AnEmulatedGpuIsNone) {
  const test::TestDevice device;
  Service on_device(with(test::device_settings(GpuMode::require)));
  EXPECT_EQ(Json::parse(ask(on_device, "/health", {}).body)["gpu_available"], false);
  const Json told = Json::parse(ask(on_device, kBatch, batch(4)).body);
  EXPECT_GE(device.get("compute_calls"), 1);
  EXPECT_EQ(told["gpu_used"], false);
  EXPECT_EQ(told["errors"], Json::object());
  Service on_cpu(with(options().settings));
  EXPECT_EQ(told["results"]["0"].size(), Json::parse(ask(on_cpu, kBatch, batch(1)).body)["results"]["0"].size());
}

TEST_F(ProtocolTest, ABatchThatIsRefusedIsDropped) {
  Service service(with(options().settings));
  const auto exchange = std::make_shared<FakeExchange>();
  {
    const std::unique_ptr<RequestHandler> handler = find(service, kBatch).make(exchange);
    ASSERT_EQ(handler->on_head(), Flow::read_on);
    ASSERT_EQ(handler->on_part(make_part("images", pictures_[0], "a.jpg")), Flow::read_on);
    EXPECT_THROW((void)handler->on_part(make_part("photo", pictures_[0], "a.jpg")), Exception);
  }
  std::vector<Part> nameless;
  nameless.push_back(make_part("min_face_quality", std::string("0.1")));
  nameless.push_back(make_part("images", pictures_[0]));
  EXPECT_EQ(ask(service, kBatch, std::move(nameless)).status, 400);
  EXPECT_EQ(ask(service, kBatch, batch(4)).status, 200);
  EXPECT_EQ(service.scheduler().waiting(), 0U);
  EXPECT_EQ(exchange->answers, 0);
}

}  // namespace
}  // namespace mien::service
