// Whether the photos that an earlier run has read are still what they were. No photo is opened.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <future>
#include <string>
#include <vector>

#include "sources/source.h"

namespace mien {

enum class SourceNow { unchanged, changed, gone };

struct FoundSource {
  SourceNow now = SourceNow::gone;
  std::string identity;  // of Identities
};

// `state` is what the file system says now, the rest what it said then.
FoundSource compare_source(const std::string& name, const ItemState& state, std::int64_t size_bytes,
                           std::int64_t mtime_ns, Identities& identities);

// Calls `work` with each of the elements, from several threads: asking slow storage for size and time of a file takes
// patience.
template <typename Element, typename Work>
void ask_for_all(std::vector<Element>& elements, const Work& work) {
  constexpr std::size_t kAskersMax = 16;
  constexpr std::size_t kElementsPerThreadMin = 64;
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    for (std::size_t i = next++; i < elements.size(); i = next++) work(elements[i]);
  };
  std::vector<std::future<void>> others;
  const std::size_t threads = std::clamp<std::size_t>(elements.size() / kElementsPerThreadMin, 1, kAskersMax);
  while (others.size() + 1 < threads) others.push_back(std::async(std::launch::async, run));
  run();
  for (std::future<void>& other : others) other.get();
}

}  // namespace mien
