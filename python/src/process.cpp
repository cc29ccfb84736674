#include "process.h"

#include <pthread.h>

#include <atomic>

namespace mien::python {
namespace {

std::atomic<int> forks{0};

// Counts from the start, before any object can ask for the count.
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, [] { ++forks; });

}  // namespace

int fork_count() { return forks; }

}  // namespace mien::python
