// Ctrl-C, for commands that have something to keep.
#pragma once

#include <pthread.h>

#include <stop_token>
#include <thread>

#include "cli/terminal.h"

namespace mien::cli {

// A signal that the caller has switched off stays so: `nohup` does it with SIGHUP, a shell with the SIGINT
// of jobs in the background. A blocked signal would reach who waits for it all the same.
bool is_ignored(int signal);

// While it lives, the first SIGINT, SIGTERM or SIGHUP asks the work to stop, and a second one ends
// the process at once. Make it before any other thread: threads inherit that they leave these
// signals alone.
class Interrupt {
 public:
  explicit Interrupt(Terminal& terminal);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return stop_.get_token(); }
  void request_stop() { stop_.request_stop(); }

 private:
  void watch();

  Terminal& terminal_;
  std::stop_source stop_;
  sigset_t signals_{};
  sigset_t signals_before_{};
  std::jthread watcher_;
};

}  // namespace mien::cli
