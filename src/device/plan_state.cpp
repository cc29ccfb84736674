#include "device/plan_state.h"

#include <algorithm>
#include <exception>

namespace mien {
namespace {

// A plan that is not made by then is given up.
constexpr std::chrono::milliseconds kPlanLimit{60'000};
constexpr std::chrono::minutes kLongestPlanPause{10};

}  // namespace

bool PlanState::end(const std::string& problem) {
  const bool is_new = !problem.empty() && problem != problem_;
  problem_ = problem;
  if (problem.empty()) {
    stage_ = Stage::ready;
    return false;
  }
  stage_ = Stage::failed;
  due_ = Clock::now() + pause_;
  pause_ = std::min<std::chrono::seconds>(pause_ * 2, kLongestPlanPause);
  return is_new;
}

void PlanState::retry() {
  if (has_failed() && Clock::now() >= due_) stage_ = Stage::due;
}

std::string make_plan(Gpu& gpu, const BatchBin& work, std::uint64_t bytes_beside, std::size_t& batch) {
  while (true) {
    try {
      const std::uint64_t bytes = work.fixed_bytes + batch * work.item_bytes;
      gpu.plan([make = work.plan, batch](Accelerator& device) { make(device, batch); }, bytes, bytes_beside,
               kPlanLimit);
      return "";
    } catch (const std::exception& error) {
      if (batch == 1 || dynamic_cast<const OutOfDeviceMemory*>(&error) == nullptr) return error.what();
      batch = (batch + 1) / 2;
    }
  }
}

}  // namespace mien
