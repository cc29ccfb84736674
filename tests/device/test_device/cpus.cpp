#include "cpus.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace mien::test_device {
namespace {

constexpr const char* kVariable = "MIEN_TEST_DEVICE_CPUS";

// Numbers with commas between them.
cpu_set_t read_cpus(std::string_view text) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    int cpu = -1;
    const std::from_chars_result parsed = std::from_chars(at, end, cpu);
    if (parsed.ec != std::errc() || cpu < 0 || cpu >= CPU_SETSIZE || (parsed.ptr != end && *parsed.ptr != ',')) {
      std::fprintf(stderr, "%s: cannot use '%.*s'\n", kVariable, static_cast<int>(text.size()), text.data());
      std::abort();
    }
    CPU_SET(cpu, &cpus);
    if (parsed.ptr == end) return cpus;
    at = parsed.ptr + 1;
  }
}

}  // namespace

OwnCpus::OwnCpus() {
  static const char* const text = std::getenv(kVariable);
  if (text == nullptr) return;
  static const cpu_set_t cpus = read_cpus(text);
  has_moved_ = sched_getaffinity(0, sizeof before_, &before_) == 0 && sched_setaffinity(0, sizeof cpus, &cpus) == 0;
  if (has_moved_) return;
  std::perror(kVariable);
  std::abort();
}

OwnCpus::~OwnCpus() {
  if (has_moved_) sched_setaffinity(0, sizeof before_, &before_);
}

}  // namespace mien::test_device
