// A thread that owns a device. What hangs in a driver hangs here and nowhere else.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "mien/result.h"

namespace mien {

// The device gave no answer in time; its lane is abandoned.
class DeviceHung : public Exception {
 public:
  explicit DeviceHung(const std::string& message) : Exception(ErrorCode::internal, message) {}
};

// Jobs run one after the other on one thread. A job must own all that it touches (shared pointers, copies): when it
// hangs, the lane is abandoned with it, while its caller goes on and frees what is the caller's.
class Lane {
 public:
  Lane();
  // Waits for the jobs that it has, unless the lane is abandoned or one is over its limit.
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Runs the job and waits for it. Throws what the job throws, and DeviceHung when it takes longer than `limit`
  // (counted from its start, not from its turn in the queue), or when the lane is abandoned already. May be called
  // from many threads.
  void run(std::function<void()> job, std::chrono::milliseconds limit);
  // Runs it some time later; what it throws is dropped.
  void post(std::function<void()> job, std::chrono::milliseconds limit);
  // Also notices that a posted job is over its limit, on which nobody waits.
  bool is_abandoned() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the thread, which may outlive this object
};

// Held by threads that may be at work with a device when the process ends.
class AtWork {
 public:
  AtWork();
  ~AtWork();
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;
};

// Lets the process end while lanes or such threads are still at work, from the next exit() on: destructors of static
// objects would pull a runtime away under their feet. To be called again after a library was loaded. Where the system
// cannot do that, the end of the process is as it was.
void end_process_beside_lanes();

}  // namespace mien
