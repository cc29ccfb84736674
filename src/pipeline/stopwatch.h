// Measures what the stages of an image take.
#pragma once

#include <chrono>

namespace mien {

class Stopwatch {
 public:
  // Milliseconds since the last lap.
  double lap() {
    const Clock::time_point now = Clock::now();
    const double elapsed = std::chrono::duration<double, std::milli>(now - last_).count();
    last_ = now;
    return elapsed;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();
};

}  // namespace mien
