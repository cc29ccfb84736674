// Keeps threads that are in the library apart from an interpreter that has ended.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "bindings.h"

namespace mien::python {
namespace {

std::atomic<bool> is_ending{false};
std::atomic<int> entering{0};  // threads that are about to take the interpreter lock, or hand on what was logged
std::thread::id main_thread;

// Called by atexit: what comes after it lets no other thread have the lock.
void end() {
  is_ending = true;
  PyThreadState* const state = PyEval_SaveThread();
  while (entering > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  PyEval_RestoreThread(state);
}

}  // namespace

NotTheEnd::NotTheEnd() { ++entering; }

NotTheEnd::~NotTheEnd() { --entering; }

Unlocked::Unlocked() : state_(PyEval_SaveThread()) {}

Unlocked::~Unlocked() {
  ++entering;
  if (is_ending && std::this_thread::get_id() != main_thread) {
    --entering;
    while (true) ::pause();
  }
  PyEval_RestoreThread(state_);
  drain_log();
  --entering;
}

bool is_the_end() { return is_ending; }

void watch_for_the_end() {
  main_thread = std::this_thread::get_id();
  nb::module_::import_("atexit").attr("register")(nb::cpp_function(end));
}

}  // namespace mien::python
