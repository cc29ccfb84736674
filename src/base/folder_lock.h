// A folder that one process at a time may change.
#pragma once

#include <functional>
#include <string>

#include "base/descriptor.h"

namespace mien {

// Holds a lock file of this name in the folder, which other processes of mien see, until it is destroyed.
class FolderLock {
 public:
  // Waits. Throws Exception(io) when the file cannot be made. `wait` is asked a few times a second while somebody else
  // holds it, and may throw.
  FolderLock(const std::string& folder, const std::string& name, const std::function<void()>& wait = {});

 private:
  Descriptor file_;
};

}  // namespace mien
