// What the service counts, as Prometheus reads it. docs/service.md has the table of names.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "mien/engine.h"
#include "mien/scan.h"
#include "service/http/server.h"

namespace mien::service {

// Why images or requests were refused by routes; the HTTP side has more of them in http.h.
inline constexpr std::string_view kRefusedQueue = "queue_full";        // as many images wait as may
inline constexpr std::string_view kRefusedHeldLong = "held_too_long";  // /predict has waited for room in vain

// Values by ranges, the bounds of which are included; the last range has none.
class Histogram {
 public:
  static constexpr std::size_t kBounds = 10;
  using Bounds = std::array<double, kBounds>;
  void add(double value, const Bounds& bounds);
  std::array<std::uint64_t, kBounds + 1> counts{};
  double sum = 0;
};

// What is true at the moment, from whoever knows it.
struct MetricsNow {
  std::string version;
  std::string commit;
  std::size_t queue_images = 0;
  std::size_t queue_images_max = 0;
  std::size_t queue_bytes = 0;
  std::vector<ModelInfo> models;
  std::vector<DeviceStatus> devices;
};

// Safe to use from many threads.
class Metrics {
 public:
  // A request was answered. Its route is one of the table's.
  void add(const Completed& request);
  // An image was analysed or failed.
  void add(const Record& record);
  // An image's time was over before a worker came to it.
  void add_late();
  // An image had waited so long when a worker took it.
  void add_queue_time(double seconds);
  // The page of /metrics.
  std::string page(const MetricsNow& now) const;

 private:
  mutable std::mutex mutex_;                                       // guards all that follows
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;  // by route and status
  std::map<std::string, Histogram> durations_;                     // by route
  std::map<std::string, std::uint64_t> images_;                    // by result
  std::uint64_t faces_ = 0;
  Histogram queue_time_;
  std::map<std::string, std::uint64_t> refused_;  // by reason
  std::map<std::string, Histogram> stages_;
  std::map<std::tuple<std::string, std::string, std::string>, std::uint64_t> operations_;  // name, requested, ran
  std::map<std::pair<std::string, std::string>, std::uint64_t> fallbacks_;                 // operation, reason
  std::uint64_t cpu_batches_ = 0;
};

// The reason of a placement as one of a few words.
std::string_view fallback_reason(std::string_view text);

}  // namespace mien::service
