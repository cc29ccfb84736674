// SIGINT, SIGTERM and SIGHUP, for a command that serves others.
#pragma once

#include <signal.h>

#include <functional>
#include <thread>

namespace mien::cli {

// While it lives, the first SIGINT or SIGTERM calls `on_end`, a second one ends the process at once, and each SIGHUP
// calls `on_reload`; all on a thread of its own. Make it before any other thread: threads inherit that they leave these
// signals alone.
class ServiceSignals {
 public:
  ServiceSignals();
  ~ServiceSignals();
  ServiceSignals(const ServiceSignals&) = delete;
  ServiceSignals& operator=(const ServiceSignals&) = delete;

  // Signals that came before wait until here.
  void listen(std::function<void()> on_end, std::function<void()> on_reload);

 private:
  void watch();

  std::function<void()> on_end_;
  std::function<void()> on_reload_;
  sigset_t signals_{};
  sigset_t signals_before_{};
  std::jthread watcher_;
};

}  // namespace mien::cli
