#include "cli/service_signals.h"

#include <pthread.h>
#include <unistd.h>

#include <utility>

#include "cli/interrupt.h"
#include "mien/result.h"

namespace mien::cli {
namespace {

constexpr int kWake = SIGUSR1;  // sent by the destructor, to the watcher alone

}  // namespace

ServiceSignals::ServiceSignals() {
  sigemptyset(&signals_);
  sigaddset(&signals_, kWake);
  sigaddset(&signals_, SIGHUP);
  for (const int signal : {SIGINT, SIGTERM}) {
    if (!is_ignored(signal)) sigaddset(&signals_, signal);
  }
  pthread_sigmask(SIG_BLOCK, &signals_, &signals_before_);
}

ServiceSignals::~ServiceSignals() {
  if (watcher_.joinable()) {
    pthread_kill(watcher_.native_handle(), kWake);
    watcher_.join();
  }
  pthread_sigmask(SIG_SETMASK, &signals_before_, nullptr);
}

void ServiceSignals::listen(std::function<void()> on_end, std::function<void()> on_reload) {
  on_end_ = std::move(on_end);
  on_reload_ = std::move(on_reload);
  watcher_ = std::jthread([this] { watch(); });
}

void ServiceSignals::watch() {
  bool asked = false;
  for (;;) {
    int signal = 0;
    if (sigwait(&signals_, &signal) != 0) continue;
    if (signal == kWake) return;
    if (signal == SIGHUP) {
      on_reload_();
      continue;
    }
    // Without destructors: whatever hangs is why somebody asks twice.
    if (asked) _exit(error_exit_code(ErrorCode::cancelled));
    asked = true;
    on_end_();
  }
}

}  // namespace mien::cli
