#include "controls.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "test_device.h"

namespace mien::test_device {
namespace {

constexpr const char* kRefused = "test device: call failed";
constexpr const char* kLost = "test device: device lost";

struct Name {
  std::string_view text;
  std::int64_t Values::*member;
  bool counts = false;
};

constexpr Name kNames[] = {
    {"devices", &Values::devices},
    {"init_error", &Values::init_error},
    {"memory_bytes", &Values::memory_bytes},
    {"slow_us", &Values::slow_us},
    {"compile_ms", &Values::compile_ms},
    {"plan_ms", &Values::plan_ms},
    {"slow_plan_ms", &Values::slow_plan_ms},
    {"slow_plan_height", &Values::slow_plan_height},
    {"slow_plan_width", &Values::slow_plan_width},
    {"item_us", &Values::item_us},
    {"arena", &Values::arena},
    {"remember", &Values::remember},
    {"release", &Values::release},
    {"hang_ms", &Values::hang_ms},
    {"random_fault_permille", &Values::random_fault_permille},
    {"random_seed", &Values::random_seed},
    {"compute_calls", &Values::compute_calls, true},
    {"up_bytes", &Values::up_bytes, true},
    {"up_calls", &Values::up_calls, true},
    {"down_bytes", &Values::down_bytes, true},
    {"down_calls", &Values::down_calls, true},
    {"sync_calls", &Values::sync_calls, true},
    {"peak_bytes", &Values::peak_bytes, true},
    {"sessions_opened", &Values::sessions_opened, true},
    {"plans", &Values::plans, true},
    {"planned_shapes", &Values::planned_shapes, true},
    {"model_runs", &Values::model_runs, true},
    {"model_images", &Values::model_images, true},
    {"busy_us", &Values::busy_us, true},
    {"waiting_us", &Values::waiting_us, true},
    {"held_bytes", &Values::held_bytes, true},
    {"sessions", &Values::sessions, true},
};

constexpr std::string_view kFaultNames[] = {"fail", "oom", "nan", "wrong_shape", "hang", "lost"};
static_assert(std::size(kFaultNames) == static_cast<std::size_t>(FaultKind::count));

// splitmix64: one number for each call, whichever thread makes it.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

}  // namespace

// No block of memory, which would be called a leak when the library is unloaded.
union Lasting {
  Lasting() : controls() {}
  ~Lasting() {}
  Controls controls;
};

Controls& Controls::instance() {
  static Lasting lasting;
  return lasting.controls;
}

namespace {
[[maybe_unused]] const Controls& at_load = Controls::instance();
}  // namespace

Controls::Controls() {
  const char* text = std::getenv("MIEN_TEST_DEVICE_FAULTS");
  std::string_view rest = text == nullptr ? "" : text;
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    const std::size_t equals = entry.find('=');
    const std::string_view digits = equals == std::string_view::npos ? "" : entry.substr(equals + 1);
    std::int64_t value = 0;
    const std::from_chars_result parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool good = parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size();
    if (!good || !set(entry.substr(0, equals), value)) {
      // A test with a typing error would otherwise prove nothing and pass.
      std::fprintf(stderr, "MIEN_TEST_DEVICE_FAULTS: cannot use '%.*s'\n", static_cast<int>(entry.size()),
                   entry.data());
      std::abort();
    }
  }
}

std::string Controls::counters() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::string text;
  for (const Name& name : kNames) {
    if (!name.counts) continue;
    text += text.empty() ? "{\"" : ", \"";
    text += name.text;
    text += "\": " + std::to_string(values_.*name.member);
  }
  return text + "}\n";
}

std::int64_t* Controls::find(std::string_view name, Fault** fault) {
  for (std::size_t i = 0; i < std::size(kFaultNames); ++i) {
    if (!name.starts_with(kFaultNames[i])) continue;
    const std::string_view rest = name.substr(kFaultNames[i].size());
    if (rest == "_at") {
      *fault = &values_.faults[i];
      return &values_.faults[i].at;
    }
    if (rest == "_count") return &values_.faults[i].count;
  }
  for (const Name& known : kNames) {
    if (known.text == name) return &(values_.*known.member);
  }
  return nullptr;
}

bool Controls::set(std::string_view name, std::int64_t value) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Fault* fault = nullptr;
  std::int64_t* place = find(name, &fault);
  const bool read_only = place == &values_.held_bytes || place == &values_.sessions;
  if (place == nullptr || read_only) return false;
  *place = value;
  if (fault != nullptr) fault->from = calls_;
  if (place == &values_.peak_bytes) *place = std::max(value, values_.held_bytes);
  if (name.starts_with("random_")) {
    random_from_ = calls_;
    random_faults_ = 0;
  }
  changed_.notify_all();
  return true;
}

bool Controls::get(std::string_view name, std::int64_t* value) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Fault* fault = nullptr;
  const std::int64_t* place = find(name, &fault);
  if (place != nullptr) *value = *place;
  return place != nullptr;
}

void Controls::reset() {
  const std::lock_guard<std::mutex> lock(mutex_);
  Values fresh;
  fresh.held_bytes = values_.held_bytes;
  fresh.peak_bytes = values_.held_bytes;
  fresh.sessions = values_.sessions;
  values_ = fresh;
  random_faults_ = 0;
  ++resets_;
  changed_.notify_all();
}

std::int64_t Controls::value(std::int64_t Values::*member) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return values_.*member;
}

void Controls::add(std::int64_t Values::*member, std::int64_t difference) {
  const std::lock_guard<std::mutex> lock(mutex_);
  values_.*member += difference;
}

bool Controls::reserve_memory(std::size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::int64_t left = values_.memory_bytes - values_.held_bytes;
  if (left < 0 || bytes > static_cast<std::uint64_t>(left)) return false;
  values_.held_bytes += static_cast<std::int64_t>(bytes);
  values_.peak_bytes = std::max(values_.peak_bytes, values_.held_bytes);
  return true;
}

void Controls::return_memory(std::size_t bytes) { add(&Values::held_bytes, -static_cast<std::int64_t>(bytes)); }

const char* Controls::begin_copy(Direction direction, std::size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Fault& lost = values_.faults[static_cast<std::size_t>(FaultKind::lost)];
  // Between the first and the last Compute that fail: after the last one the device is back.
  if (lost.covers(calls_) && lost.covers(calls_ + 1)) return kLost;
  if (direction == Direction::up) {
    values_.up_bytes += static_cast<std::int64_t>(bytes);
    ++values_.up_calls;
  } else if (direction == Direction::down) {
    values_.down_bytes += static_cast<std::int64_t>(bytes);
    ++values_.down_calls;
  }
  return nullptr;
}

bool Controls::chance(std::int64_t call) const {
  if (values_.random_fault_permille <= 0) return false;
  const std::uint64_t seed = mix(static_cast<std::uint64_t>(values_.random_seed));
  const std::uint64_t number = mix(seed + static_cast<std::uint64_t>(call - random_from_));
  return static_cast<std::int64_t>(number % 1000) < values_.random_fault_permille;
}

void Controls::hang(std::unique_lock<std::mutex>* lock) {
  const std::int64_t resets = resets_;
  const auto end = std::chrono::system_clock::now() + std::chrono::milliseconds(values_.hang_ms);
  // system_clock, because ThreadSanitizer of gcc 12 does not know the wait on the steady one.
  changed_.wait_until(*lock, end, [&] { return values_.release != 0 || resets_ != resets; });
}

void Controls::sleep_until_reset(std::unique_lock<std::mutex>* lock, std::chrono::microseconds time) {
  if (time.count() <= 0) return;
  const std::int64_t resets = resets_;
  // system_clock for the reason that hang() has.
  changed_.wait_until(*lock, std::chrono::system_clock::now() + time, [&] { return resets_ != resets; });
}

void Controls::sleep(std::chrono::microseconds time) {
  std::unique_lock<std::mutex> lock(mutex_);
  sleep_until_reset(&lock, time);
}

void Controls::count_plan(std::uint64_t shapes) {
  ++values_.plans;
  const auto count = std::clamp<std::int64_t>(values_.planned_shapes, 0, std::ssize(planned_));
  const auto end = planned_.begin() + count;
  if (std::find(planned_.begin(), end, shapes) != end) return;
  ++values_.planned_shapes;
  if (end != planned_.end()) *end = shapes;
}

void Controls::begin_model(const ModelRun& run) {
  std::unique_lock<std::mutex> lock(mutex_);
  ++values_.model_runs;
  values_.model_images += run.images;
  std::chrono::microseconds time(run.images * values_.item_us);
  if (run.plans) {
    count_plan(run.shapes);
    const bool is_slow = run.height == values_.slow_plan_height && run.width == values_.slow_plan_width;
    time += std::chrono::milliseconds(is_slow ? values_.slow_plan_ms : values_.plan_ms);
  }
  sleep_until_reset(&lock, time);
}

Orders Controls::begin_compute() {
  std::unique_lock<std::mutex> lock(mutex_);
  const std::int64_t call = ++calls_;
  ++values_.compute_calls;
  const auto has = [&](FaultKind kind) { return values_.faults[static_cast<std::size_t>(kind)].covers(call); };
  Orders orders;
  orders.nan = has(FaultKind::nan);
  orders.wrong_shape = has(FaultKind::wrong_shape);
  if (has(FaultKind::fail)) orders.error = kRefused;
  if (has(FaultKind::oom)) orders.error = kOutOfMemory;
  if (has(FaultKind::lost)) orders.error = kLost;
  if (chance(call)) {
    switch (random_faults_++ % 3) {
      case 0: orders.error = kRefused; break;
      case 1: orders.error = kOutOfMemory; break;
      default: orders.nan = true; break;
    }
  }
  const std::int64_t slow_us = values_.slow_us;
  if (has(FaultKind::hang)) hang(&lock);
  lock.unlock();
  if (slow_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(slow_us));
  return orders;
}

}  // namespace mien::test_device

using mien::test_device::Controls;

int mien_test_device_set(const char* name, std::int64_t value) {
  return name != nullptr && Controls::instance().set(name, value) ? 0 : -1;
}

std::int64_t mien_test_device_get(const char* name) {
  std::int64_t value = -1;
  if (name != nullptr) Controls::instance().get(name, &value);
  return value;
}

void mien_test_device_reset(void) { Controls::instance().reset(); }
