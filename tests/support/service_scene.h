// A service with tiny models and without a network, and requests to it as the server would make them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "service/immich_models.h"
#include "service/routes.h"
#include "support/device_scene.h"
#include "support/fake_exchange.h"

namespace mien::test {

// A detector and an embedder with vectors as Immich takes them.
class ServiceScene : public testing::Test {
 protected:
  ServiceScene()
      : detector_(folder_.add("detector.onnx", make_tiny_scrfd({}))),
        embedder_(folder_.add("embedder.onnx", make_tiny_embedder({.dimension = service::kImmichDimension}))) {}

  EngineOptions options() const {
    EngineOptions options;
    options.settings = plain_settings();
    options.settings.threads = 2;
    options.detector = detector_;
    options.embedder = embedder_;
    options.settings.immich = "buffalo_l=" + detector_ + "+" + embedder_;
    return options;
  }

  static service::Route find(service::Service& service, std::string_view path) {
    std::vector<service::Route> routes = service::make_routes(service);
    const auto route =
        std::find_if(routes.begin(), routes.end(), [&](const service::Route& one) { return one.path == path; });
    EXPECT_NE(route, routes.end()) << path;
    return *route;
  }

  // As the server does it: a handler's exception is an answer, and it is destroyed behind the end.
  static void send(service::Service& service, std::string_view path, const std::shared_ptr<FakeExchange>& exchange,
                   std::vector<service::Part> parts) {
    const service::Route route = find(service, path);
    const std::unique_ptr<service::RequestHandler> handler = route.make(exchange);
    int reads = 0;
    const auto may_read_on = [&](service::Flow flow) {
      if (flow == service::Flow::wait) {
        ++reads;
        EXPECT_TRUE(exchange->waits_for([&] { return exchange->reads >= reads || exchange->is_ended; }));
        return !exchange->is_ended;
      }
      return flow == service::Flow::read_on;
    };
    try {
      if (!may_read_on(handler->on_head())) return;
      for (service::Part& part : parts) {
        if (!may_read_on(handler->on_part(std::move(part)))) return;
      }
      handler->on_end();
    } catch (const Exception& error) {
      exchange->answer(service::error_response(error_http_status(error.error().code),
                                               error_code_name(error.error().code), error.error().message,
                                               exchange->head.id));
    }
  }

  static service::Response ask(service::Service& service, std::string_view path, std::vector<service::Part> parts,
                               std::vector<service::NameValue> query = {}) {
    const auto exchange = std::make_shared<FakeExchange>(std::move(query));
    send(service, path, exchange, std::move(parts));
    service::Response response = exchange->wait();
    EXPECT_EQ(exchange->answers, 1);
    return response;
  }

  static std::vector<service::Part> one(const ByteVector& image) {
    std::vector<service::Part> parts;
    parts.push_back(make_part("image", image));
    return parts;
  }

  std::vector<service::Part> predict(const std::string& model, const ByteVector& image,
                                     const std::string& score = "0.5") {
    std::vector<service::Part> parts;
    parts.push_back(make_part("entries", R"({"facial-recognition":{"detection":{"modelName":")" + model +
                                             R"(","options":{"minScore":)" + score +
                                             R"(}},"recognition":{"modelName":")" + model + R"("}}})"));
    parts.push_back(make_part("image", image));
    return parts;
  }

  ScratchFolder folder_;
  std::string detector_;
  std::string embedder_;
  std::vector<ByteVector> pictures_ = make_device_pictures(4);
  const ByteVector broken_{'n', 'o', ' ', 'p', 'h', 'o', 't', 'o'};
};

}  // namespace mien::test
