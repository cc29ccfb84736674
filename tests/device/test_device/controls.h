// The orders to the test device and its counters: one state for the whole process.
#ifndef MIEN_TESTS_DEVICE_TEST_DEVICE_CONTROLS_H_
#define MIEN_TESTS_DEVICE_TEST_DEVICE_CONTROLS_H_

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
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
  std::int64_t plan_ms = 0;
  std::int64_t slow_plan_ms = 0;
  std::int64_t slow_plan_height = 0;
  std::int64_t slow_plan_width = 0;
  std::int64_t item_us = 0;
  std::int64_t arena = 1;
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
  std::int64_t sessions_opened = 0;
  std::int64_t plans = 0;
  std::int64_t planned_shapes = 0;
  std::int64_t model_runs = 0;
  std::int64_t model_images = 0;
  std::int64_t busy_us = 0;
  std::int64_t waiting_us = 0;
  std::array<Fault, static_cast<std::size_t>(FaultKind::count)> faults = {};
};

enum class Direction { up, down, across };

// The orders to one Compute besides computing.
struct Orders {
  const char* error = nullptr;
  bool nan = false;
  bool wrong_shape = false;
  bool zeros = false;
};

// A Compute of a kernel that holds a convolution.
struct ModelRun {
  std::int64_t images = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::uint64_t shapes = 0;  // a digest of the kernel's outputs' names and of the shapes of all its inputs
  bool plans = false;        // these are not the shapes of the kernel's last Compute
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
  // Counts the run, and takes the time of its plan and of its images.
  void begin_model(const ModelRun& run);
  // Returns when the time is over, or at the next reset.
  void sleep(std::chrono::microseconds time);

  // All counters as one JSON object.
  std::string counters();

 private:
  friend union Lasting;
  Controls();
  std::int64_t* find(std::string_view name, Fault** fault);
  bool chance(std::int64_t call) const;
  void hang(std::unique_lock<std::mutex>* lock);
  void sleep_until_reset(std::unique_lock<std::mutex>* lock, std::chrono::microseconds time);
  void count_plan(std::uint64_t shapes);

  std::mutex mutex_;
  std::condition_variable changed_;
  Values values_;
  std::int64_t calls_ = 0;        // of Compute, never reset, so that faults keep their places
  std::int64_t resets_ = 0;       // wakes what hangs
  std::int64_t random_from_ = 0;  // the chances start here, so that a seed always gives the same ones
  std::int64_t random_faults_ = 0;
  // No block of memory, for the reason that Lasting gives. What comes when it is full counts as another shape.
  std::array<std::uint64_t, 4096> planned_ = {};  // the first values_.planned_shapes are digests
};

}  // namespace mien::test_device

#endif  // MIEN_TESTS_DEVICE_TEST_DEVICE_CONTROLS_H_
