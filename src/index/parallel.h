// The same work in several threads, which share it out among themselves.
#pragma once

#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace mien {

// Calls work() once in this thread and once in each of `threads - 1` more, and waits for all. Throws what the first of
// them threw. Fewer threads than asked for, where the system gives no more, do the same.
template <typename Work>
void run_in_threads(int threads, const Work& work) {
  std::mutex mutex;
  std::exception_ptr failure;
  const auto guarded = [&] {
    try {
      work();
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    try {
      for (int i = 1; i < threads; ++i) others.emplace_back(guarded);
    } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): those that are there do it all
    }
    guarded();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace mien
