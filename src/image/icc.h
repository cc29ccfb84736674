// Reads what an ICC profile says about itself, and joins the segments that JPEG cuts it into. Converting is colour.h's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mien/image.h"
#include "mien/result.h"

namespace mien {

// Larger profiles are not read. Profiles of printing presses have up to 3 MB.
constexpr std::size_t kIccBytesMax = std::size_t{8} << 20;

// The profile's name for messages, in ASCII ("Display P3"); empty where it has none.
std::string icc_name(Bytes profile);

// "colour profile 'Display P3' not applied: REASON", without the quotes where it has no name.
std::string colours_not_applied(Bytes profile, const std::string& reason);

// The APP2 segments of one JPEG. They may come in any order.
class IccSegments {
 public:
  // The payload of any APP2 segment, which must stay where it is; others than a profile's are left out.
  void add(Bytes payload);
  bool empty() const { return count_ == 0; }
  // Empty without a profile; bad_data when segments are missing or contradict each other.
  Result<std::vector<std::uint8_t>> join() const;

 private:
  static constexpr int kSegmentsMax = 255;  // a byte counts them
  Bytes parts_[kSegmentsMax];
  int count_ = 0;     // of the segments that came
  int expected_ = 0;  // by what the first one says
  int bad_ = 0;       // the number of one that came twice or cannot be; 0: none
};

}  // namespace mien
