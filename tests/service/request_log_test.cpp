#include "service/request_log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace mien::service {
namespace {

Completed request(int status, std::string reason = "") {
  Completed done;
  done.route = "/v1/analyze";
  done.status = status;
  done.seconds = 0.0123;
  done.bytes_in = 5;
  done.method = "POST";
  done.peer = "10.0.0.1";
  done.id = "id-1";
  done.facts = {.images = 1, .faces = 2, .queue_ms = 3.25, .refused_reason = std::move(reason)};
  return done;
}

TEST(RequestLog, LevelsSayWhoWasWrong) {
  EXPECT_EQ(level_of(request(200)), LogLevel::info);
  EXPECT_EQ(level_of(request(0)), LogLevel::info) << "a client that went";
  EXPECT_EQ(level_of(request(404)), LogLevel::warning);
  EXPECT_EQ(level_of(request(503, "queue_full")), LogLevel::warning) << "a refusal is no failure";
  EXPECT_EQ(level_of(request(500)), LogLevel::error);
}

TEST(RequestLog, ATextIsALineForPeople) {
  EXPECT_EQ(
      request_line(request(200), LogFormat::text),
      "INFO - POST /v1/analyze 200 5 bytes, 1 images, 2 faces, 3.2 ms queued, 12.3 ms, 10.0.0.1, id id-1, trace -");
  EXPECT_NE(request_line(request(0), LogFormat::text).find(" gone "), std::string::npos);
}

TEST(RequestLog, JsonHasAKeyForEachFact) {
  const nlohmann::json line = nlohmann::json::parse(request_line(request(0), LogFormat::json));
  EXPECT_TRUE(line["status"].is_null() && line["trace_id"].is_null());
  EXPECT_EQ(line["queue_ms"], 3.3);
  EXPECT_EQ(line["client"], "10.0.0.1");
  const nlohmann::json other =
      nlohmann::json::parse(library_line(LogLevel::warning, "WARNING - x \xff", LogFormat::json));
  EXPECT_EQ(other["message"], "x \xef\xbf\xbd");
  EXPECT_EQ(other["level"], "WARNING");
  EXPECT_EQ(library_line(LogLevel::info, "INFO - Using GPU", LogFormat::text), "INFO - Using GPU");
}

}  // namespace
}  // namespace mien::service
