// Adds up what the records of a scan say.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "mien/scan.h"

namespace mien {

// Where the operations of many images ran. For one thread.
class PlacementTally {
 public:
  void add(const std::vector<Placement>& placements);
  // One an operation, in the order they were first met. `ran` is "mixed" when backends differ.
  std::vector<Placement> placements() const;
  // "face_detection: cpu 12 of 12 images"; when backends differ or a request was not met, each with its number, and
  // why.
  std::vector<std::string> counts() const;

 private:
  struct Operation {
    Placement first;
    std::int64_t images = 0;
    std::map<std::string, std::int64_t> ran;  // backend -> images
    std::set<std::string> reasons;
  };
  static std::string reasons_text(const Operation& operation);
  std::vector<Operation> operations_;
};

}  // namespace mien
