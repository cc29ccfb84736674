#include "trace.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>

namespace mien::test_device {
namespace {

double milliseconds(Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

[[noreturn]] void fail(const char* variable, const std::string& path) {
  // A test that waits for the file would otherwise prove nothing.
  std::fprintf(stderr, "%s: cannot write %s\n", variable, path.c_str());
  std::abort();
}

// A line is written at once, so that lines of several threads do not mix and none is lost when the process is killed.
void write_line(std::string_view line) {
  constexpr const char* kTraceVariable = "MIEN_TEST_DEVICE_TRACE";
  static const int file = [] {
    const char* path = std::getenv(kTraceVariable);
    if (path == nullptr) return -1;
    const int opened = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (opened < 0) fail(kTraceVariable, path);
    return opened;
  }();
  if (file >= 0 && ::write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    fail(kTraceVariable, std::getenv(kTraceVariable));
  }
}

std::mutex counters_mutex;

// When the library is unloaded or the process ends, whichever is first.
struct AtTheEnd {
  ~AtTheEnd() { write_counters(); }
};
[[maybe_unused]] const AtTheEnd at_the_end;

}  // namespace

void write_counters() {
  constexpr const char* kCountersVariable = "MIEN_TEST_DEVICE_COUNTERS";
  const char* path = std::getenv(kCountersVariable);
  if (path == nullptr) return;
  const std::lock_guard<std::mutex> lock(counters_mutex);
  // Whoever reads it meanwhile gets the old one or the new one.
  const std::string part = std::string(path) + "." + std::to_string(::getpid());
  const std::string text = Controls::instance().counters();
  std::FILE* file = std::fopen(part.c_str(), "we");
  if (file == nullptr) fail(kCountersVariable, part);
  const bool is_written = std::fputs(text.c_str(), file) >= 0;
  if (std::fclose(file) != 0 || !is_written || std::rename(part.c_str(), path) != 0) fail(kCountersVariable, part);
}

void write_counters_at_times() {
  constexpr std::chrono::milliseconds kPause{20};
  static std::mutex mutex;
  static Clock::time_point next;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    if (Clock::now() < next) return;
    next = Clock::now() + kPause;
  }
  write_counters();
}

void trace_plan(const ModelRun& run) {
  char line[160];
  const int length = std::snprintf(line, sizeof line,
                                   "{\"what\": \"plan\", \"at_ms\": %.3f, \"images\": %lld, \"height\": %lld, "
                                   "\"width\": %lld}\n",
                                   milliseconds(Clock::now().time_since_epoch()), static_cast<long long>(run.images),
                                   static_cast<long long>(run.height), static_cast<long long>(run.width));
  write_line({line, static_cast<std::size_t>(length)});
}

void trace_run(const ModelRun& run, Clock::time_point start) {
  char line[192];
  const int length = std::snprintf(
      line, sizeof line,
      "{\"what\": \"run\", \"at_ms\": %.3f, \"ms\": %.3f, \"images\": %lld, \"height\": %lld, "
      "\"width\": %lld, \"planned\": %s}\n",
      milliseconds(start.time_since_epoch()), milliseconds(Clock::now() - start), static_cast<long long>(run.images),
      static_cast<long long>(run.height), static_cast<long long>(run.width), run.plans ? "true" : "false");
  write_line({line, static_cast<std::size_t>(length)});
}

void trace_graph(const std::string& name, Clock::time_point start) {
  char line[192];
  const int length =
      std::snprintf(line, sizeof line, "{\"what\": \"graph\", \"at_ms\": %.3f, \"ms\": %.3f, \"name\": \"%.80s\"}\n",
                    milliseconds(start.time_since_epoch()), milliseconds(Clock::now() - start), name.c_str());
  write_line({line, static_cast<std::size_t>(length)});
}

}  // namespace mien::test_device
