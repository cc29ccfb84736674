// The plan of a batch's shape: whether there is one, and when one that failed is made again.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "device/batcher.h"
#include "device/gpu.h"

namespace mien {

// What failed may have failed for lack of memory that is free by now, or with a device that has come back: it is due
// again after a second, then after twice as long each time, ten minutes at most. Not for several threads.
class PlanState {
 public:
  using Clock = std::chrono::steady_clock;

  explicit PlanState(bool needs_plan) : stage_(needs_plan ? Stage::due : Stage::ready) {}

  bool is_due() const { return stage_ == Stage::due; }
  bool is_ready() const { return stage_ == Stage::ready; }
  bool has_failed() const { return stage_ == Stage::failed; }
  // Why there is none; empty where there is one.
  const std::string& problem() const { return problem_; }

  void begin() { stage_ = Stage::making; }
  // An empty problem: it is ready. Returns whether that is a problem that was not there the last time.
  bool end(const std::string& problem);
  // Makes it due where it failed long enough ago.
  void retry();

 private:
  enum class Stage { due, making, ready, failed };

  Stage stage_;
  std::string problem_;
  std::chrono::seconds pause_ = kFirstPause;
  Clock::time_point due_;
};

// Returns an empty text, or why there is no plan. Where memory is short, `batch` becomes smaller. `bytes_beside` is
// what must stay free on the device.
std::string make_plan(Gpu& gpu, const BatchBin& work, std::uint64_t bytes_beside, std::size_t& batch);

}  // namespace mien
