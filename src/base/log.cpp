#include "base/log.h"

#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <utility>

namespace mien {
namespace {

struct LevelRow {
  LogLevel level;
  std::string_view name;
};

constexpr std::array<LevelRow, 4> kLevels = {{
    {LogLevel::debug, "DEBUG"},
    {LogLevel::info, "INFO"},
    {LogLevel::warning, "WARNING"},
    {LogLevel::error, "ERROR"},
}};

// The one thing in the library that belongs to the process and not to an object: log lines come
// from threads and runtimes that know no engine.
struct Output {
  std::mutex mutex;  // guards sink; held while it runs, so that lines do not mix
  LogSink sink;
  // Read without the mutex by every log_enabled(). Above all levels while there is no sink.
  std::atomic<int> level_min{static_cast<int>(kLevels.size())};
};

Output& output() {
  // Never destroyed: a thread of a runtime may log while the process ends.
  static Output* const instance = new Output;  // NOLINT: see above
  return *instance;
}

}  // namespace

void set_log_sink(LogSink sink, LogLevel level_min) {
  Output& out = output();
  const std::scoped_lock lock(out.mutex);
  out.sink = std::move(sink);
  out.level_min = out.sink ? static_cast<int>(level_min) : static_cast<int>(kLevels.size());
}

LogLevel log_level_from_name(std::string_view name) {
  for (const LevelRow& row : kLevels) {
    if (row.name == name) return row.level;
  }
  return LogLevel::info;
}

bool log_enabled(LogLevel level) {
  return static_cast<int>(level) >= output().level_min.load(std::memory_order_relaxed);
}

void log(LogLevel level, std::string_view message) {
  if (!log_enabled(level)) return;
  std::string line(kLevels[static_cast<std::size_t>(level)].name);
  line += " - ";
  for (const char c : message) line += c == '\n' || c == '\r' ? ' ' : c;
  Output& out = output();
  const std::scoped_lock lock(out.mutex);
  if (out.sink) out.sink(level, line);
}

}  // namespace mien
