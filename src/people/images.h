// The images of a store, read when they are asked for: most calls want a few of them.
#pragma once

#include <cstddef>
#include <unordered_map>

#include "mien/tools/store.h"

namespace mien {

class Images {
 public:
  // The store must outlive it.
  explicit Images(const Store& store) : store_(store) {}

  // What it was when it was asked for first. One that somebody has dropped meanwhile is gone, and has no sha256.
  const StoredImage& at(ImageId id) const;

 private:
  void read_all() const;

  const Store& store_;
  mutable std::unordered_map<ImageId, StoredImage> known_;  // never moved
  mutable std::size_t single_reads_ = 0;
  mutable bool is_all_ = false;
};

}  // namespace mien
