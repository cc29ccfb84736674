// Objects that the child of a fork must leave alone: their threads are not there, and their locks may be held for ever.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "bindings.h"

namespace mien::python {

// Grows in the child of each fork.
int fork_count();

// A value of the process that made it. A child that asks for it gets one of its own, or an error when there is no way
// to make one; what the parent made is neither used nor destroyed there. The interpreter lock guards it.
template <typename T>
class OwnedByProcess {
 public:
  using Open = std::function<std::shared_ptr<T>()>;  // may let the lock go meanwhile

  explicit OwnedByProcess(Open open) : open_(std::move(open)), value_(open_()) {}
  explicit OwnedByProcess(std::shared_ptr<T> value) : value_(std::move(value)) {}
  ~OwnedByProcess() {
    if (!is_own()) leave();
  }
  OwnedByProcess(const OwnedByProcess&) = delete;
  OwnedByProcess& operator=(const OwnedByProcess&) = delete;

  bool is_own() const { return made_in_ == fork_count(); }

  std::shared_ptr<T> get() {
    if (is_own()) return value_;
    if (!open_) throw Exception(ErrorCode::invalid_argument, "this was started by another process: start it anew");
    std::shared_ptr<T> opened = open_();
    if (!is_own()) {  // else another thread was faster
      leave();
      value_ = std::move(opened);
      made_in_ = fork_count();
    }
    return value_;
  }

 private:
  void leave() { new std::shared_ptr<T>(std::move(value_)); }

  Open open_;
  std::shared_ptr<T> value_;
  int made_in_ = fork_count();
};

}  // namespace mien::python
