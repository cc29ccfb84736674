// The library's log lines for Python's logging. The sink may be called from any thread while another one holds the
// interpreter lock, so that it only puts the line aside; whoever holds the lock next hands it on.
#include <nanobind/stl/string.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <utility>

#include "bindings.h"
#include "mien/log.h"

namespace mien::python {
namespace {

constexpr std::size_t kLinesMax = 1000;  // more than that between two calls are dropped, the oldest first

struct Lines {
  std::atomic<bool> any{false};
  std::mutex mutex;
  std::deque<std::pair<LogLevel, std::string>> waiting;  // guarded by mutex
};

// Never destroyed: threads of the library may log while the process ends.
Lines& lines() {
  static Lines& all = *new Lines;
  return all;
}

void keep(LogLevel level, std::string_view line) {
  Lines& all = lines();
  const std::scoped_lock lock(all.mutex);
  if (all.waiting.size() >= kLinesMax) all.waiting.pop_front();
  all.waiting.emplace_back(level, line);
  all.any = true;
}

}  // namespace

void drain_log() {
  Lines& all = lines();
  if (!all.any) return;
  std::deque<std::pair<LogLevel, std::string>> taken;
  {
    const std::scoped_lock lock(all.mutex);
    taken.swap(all.waiting);
    all.any = false;
  }
  // A handler that raises must not end what was being done.
  try {
    const nb::object hand_on = nb::module_::import_("mien.logs").attr("hand_on");
    for (const auto& [level, line] : taken) {
      hand_on(static_cast<int>(level), to_text(line));
    }
  } catch (nb::python_error& error) {
    error.discard_as_unraisable("mien's log");
  }
}

void bind_log(nb::module_& module) {
  module.def(
      "set_log_level", [](const std::string& name) { set_log_sink(keep, log_level_from_name(name)); }, nb::arg("name"),
      "Lines of this level and above go to Python's logging.");
}

}  // namespace mien::python
