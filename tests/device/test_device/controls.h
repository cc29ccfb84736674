// The orders to the test device and its counters: one state for the whole process.
#ifndef MIEN_TESTS_DEVICE_TEST_DEVICE_CONTROLS_H_
#define MIEN_TESTS_DEVICE_TEST_DEVICE_CONTROLS_H_

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>

namespace mien::test_device {

constexpr const char* kOutOfMemory = "test device: out of memory";

enum class FaultKind { fail, oom, nan, wrong_shape, hang, lost, count };

struct Fault {
  std::int64_t at = 0;
  std::int64_t count = 1;
  std::int64_t from = 0;  // the number of the last Compute when `at` was set

  bool covers(std::int64_t call) const { return at > 0 && call - from >= at && call - from < at + count; }
};

struct Values {
  std::int64_t devices = 1;
  std::int64_t init_error = 0;
  std::int64_t memory_bytes = std::int64_t{1} << 34;
  std::int64_t slow_us = 0;
  std::int64_t compile_ms = 0;
  std::int64_t remember = 0;
  std::int64_t release = 0;
  std::int64_t hang_ms = 600000;
  std::int64_t random_fault_permille = 0;
  std::int64_t random_seed = 0;
  std::int64_t compute_calls = 0;
  std::int64_t up_bytes = 0;
  std::int64_t up_calls = 0;
  std::int64_t down_bytes = 0;
  std::int64_t down_calls = 0;
  std::int64_t sync_calls = 0;
  std::int64_t held_bytes = 0;
  std::int64_t peak_bytes = 0;
  std::int64_t sessions = 0;
  std::array<Fault, static_cast<std::size_t>(FaultKind::count)> faults = {};
};

enum class Direction { up, down, across };

// The orders to one Compute besides computing.
struct Orders {
  const char* error = nullptr;
  bool nan = false;
  bool wrong_shape = false;
};

class Controls {
 public:
  // Made when the library is loaded and never destroyed: ONNX Runtime may let go of the plugin after the destructors of
  // statics ran.
  static Controls& instance();

  bool set(std::string_view name, std::int64_t value);
  bool get(std::string_view name, std::int64_t* value);
  void reset();

  std::int64_t value(std::int64_t Values::*member);
  void add(std::int64_t Values::*member, std::int64_t difference);

  bool reserve_memory(std::size_t bytes);
  void return_memory(std::size_t bytes);

  // Null, or why the copy fails.
  const char* begin_copy(Direction direction, std::size_t bytes);
  // Takes its time, hangs where it is told to.
  Orders begin_compute();

 private:
  friend union Lasting;
  Controls();
  std::int64_t* find(std::string_view name, Fault** fault);
  bool chance(std::int64_t call) const;
  void hang(std::unique_lock<std::mutex>* lock);

  std::mutex mutex_;
  std::condition_variable changed_;
  Values values_;
  std::int64_t calls_ = 0;        // of Compute, never reset, so that faults keep their places
  std::int64_t resets_ = 0;       // wakes what hangs
  std::int64_t random_from_ = 0;  // the chances start here, so that a seed always gives the same ones
  std::int64_t random_faults_ = 0;
};

}  // namespace mien::test_device

#endif  // MIEN_TESTS_DEVICE_TEST_DEVICE_CONTROLS_H_
