// An engine and the memory that its calls use again; shared by all Python threads.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "bindings.h"
#include "mien/engine.h"
#include "process.h"

namespace mien::python {

// Workspaces of one engine: a call takes one and puts it back, so that there are as many as calls at once.
class Workspaces {
 public:
  Workspace take() {
    const std::scoped_lock lock(mutex_);
    if (free_.empty()) return {};
    Workspace workspace = std::move(free_.back());
    free_.pop_back();
    return workspace;
  }
  void put_back(Workspace workspace) {
    constexpr std::size_t kKeptMax = 64;
    const std::scoped_lock lock(mutex_);
    if (free_.size() < kKeptMax) free_.push_back(std::move(workspace));
  }

 private:
  std::mutex mutex_;
  std::vector<Workspace> free_;  // guarded by mutex_
};

struct OpenEngine {
  explicit OpenEngine(EngineOptions options) : engine(std::move(options)) {}
  Engine engine;
  Workspaces workspaces;
};

// As Python has it.
using PythonEngine = OwnedByProcess<OpenEngine>;

}  // namespace mien::python
