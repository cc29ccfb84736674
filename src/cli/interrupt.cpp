#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include "mien/result.h"

namespace mien::cli {
namespace {

constexpr int kWake = SIGUSR1;  // sent by the destructor, to the watcher alone

}  // namespace

bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

Interrupt::Interrupt(Terminal& terminal) : terminal_(terminal) {
  sigemptyset(&signals_);
  sigaddset(&signals_, kWake);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    if (!is_ignored(signal)) sigaddset(&signals_, signal);
  }
  pthread_sigmask(SIG_BLOCK, &signals_, &signals_before_);
  watcher_ = std::jthread([this] { watch(); });
}

Interrupt::~Interrupt() {
  pthread_kill(watcher_.native_handle(), kWake);
  watcher_.join();
  pthread_sigmask(SIG_SETMASK, &signals_before_, nullptr);
}

void Interrupt::watch() {
  bool asked = false;
  for (;;) {
    int signal = 0;
    if (sigwait(&signals_, &signal) != 0) continue;
    if (signal == kWake) return;
    if (asked) {
      terminal_.show_progress("");
      // Without destructors: whatever hangs is why somebody asks twice.
      _exit(error_exit_code(ErrorCode::cancelled));
    }
    asked = true;
    terminal_.note("stopping; once more ends it at once\n");
    stop_.request_stop();
  }
}

}  // namespace mien::cli
