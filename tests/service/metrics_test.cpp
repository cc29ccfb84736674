#include "service/metrics.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "service/metrics_text.h"

namespace mien::service {
namespace {

Record record_of(const std::string& requested, const std::string& ran, std::optional<std::string> reason = {}) {
  Record record;
  record.analysis.faces.resize(2);
  record.analysis.timings_ms.decode = 8;
  record.analysis.timings_ms.detect = 20;
  record.analysis.placement.push_back({"face_detection", requested, ran, "runtime", "device", std::move(reason)});
  return record;
}

bool has_line(const std::string& page, const std::string& line) {
  return ("\n" + page).find("\n" + line + "\n") != std::string::npos;
}

TEST(MetricsTest, CountsWhatHappened) {
  Metrics metrics;
  Completed request;
  request.route = "/v1/analyze";
  request.status = 200;
  request.seconds = 0.02;
  request.analyses = true;
  metrics.add(request);
  metrics.add(request);
  request.status = 503;
  request.facts.refused_reason = kRefusedQueue;
  metrics.add(request);
  metrics.add(record_of("cpu", "cpu"));
  metrics.add(record_of("gpu", "mixed", "test 1, cpu 1: the device is behind"));
  Record failed;
  failed.error = Error{ErrorCode::bad_data, "not an image"};
  metrics.add(failed);
  metrics.add_late();
  metrics.add_queue_time(0.003);
  MetricsNow now;
  now.queue_images_max = 256;
  DeviceStatus device;
  device.device.name = "a \"GPU\"\\";
  device.device.memory_total_mb = 1024;
  device.ceiling_bytes = 5;
  device.breaker_open[index_of(Operation::face_embedding)] = true;
  device.batches = 3;
  device.batch_images = 40;
  now.devices = {device, device};  // of two engines
  now.models.resize(1);
  now.models[0].name = "centerface";
  const std::string page = metrics.page(now);
  for (const char* line :
       {"mien_requests_total{route=\"/v1/analyze\",status=\"200\"} 2",
        "mien_requests_total{route=\"/v1/analyze\",status=\"503\"} 1",
        "mien_request_duration_seconds_bucket{route=\"/v1/analyze\",le=\"0.01\"} 0",
        "mien_request_duration_seconds_bucket{route=\"/v1/analyze\",le=\"0.025\"} 2",
        "mien_request_duration_seconds_bucket{route=\"/v1/analyze\",le=\"+Inf\"} 2",
        "mien_request_duration_seconds_count{route=\"/v1/analyze\"} 2",
        "mien_refused_total{reason=\"queue_full\"} 1",
        "mien_images_total{result=\"ok\"} 2",
        "mien_images_total{result=\"bad_data\"} 1",
        "mien_images_total{result=\"cancelled\"} 1",
        "mien_faces_total 4",
        "mien_queue_images_max 256",
        "mien_queue_duration_seconds_count 1",
        "mien_queue_duration_seconds_bucket{le=\"0.005\"} 1",
        "mien_stage_duration_seconds_sum{stage=\"detect\"} 0.04",
        "mien_batch_images_count 7",
        "mien_batch_images_sum 81",
        "mien_device_memory_bytes{device=\"a \\\"GPU\\\"\\\\\",kind=\"ceiling\"} 10",
        "mien_operation_images_total{operation=\"face_detection\",requested=\"gpu\",ran=\"mixed\"} 1",
        "mien_fallback_images_total{operation=\"face_detection\",reason=\"behind\"} 1",
        "mien_breaker_open{operation=\"face_embedding\"} 1",
        "mien_breaker_open{operation=\"face_detection\"} 0",
        "mien_device_memory_bytes{device=\"a \\\"GPU\\\"\\\\\",kind=\"total\"} 1073741824"}) {
    EXPECT_TRUE(has_line(page, line)) << line << "\n" << page;
  }
  EXPECT_NE(page.find("process_resident_memory_bytes "), std::string::npos);
  EXPECT_NE(page.find("process_start_time_seconds 1"), std::string::npos);
}

// Each family is declared once, before its samples.
TEST(MetricsTest, FamiliesAreDeclaredOnce) {
  Metrics metrics;
  metrics.add(record_of("gpu", "cpu", "paused after 3 failures, the last: no memory"));
  std::istringstream page(metrics.page({}));
  std::set<std::string> declared;
  std::string family;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("# HELP ")) continue;
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(declared.insert(family).second) << family;
      continue;
    }
    EXPECT_TRUE(line.starts_with(family)) << line;
  }
  EXPECT_GE(declared.size(), 20U);
}

TEST(MetricsTest, ReasonsAreWordsOfATable) {
  EXPECT_EQ(fallback_reason("test: allocating 5 bytes passes the ceiling"), "memory");
  EXPECT_EQ(fallback_reason("paused after 3 failures, the last: x"), "paused");
  EXPECT_EQ(fallback_reason("the device is behind"), "behind");
  EXPECT_EQ(fallback_reason("test is compiling for this size"), "compiling");
  EXPECT_EQ(fallback_reason("cuda: no CUDA device found"), "no_device");
  EXPECT_EQ(fallback_reason("something else that nobody knew of"), "device_error");
}

}  // namespace
}  // namespace mien::service
