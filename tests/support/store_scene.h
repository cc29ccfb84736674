// Made-up records for tests of the store, and a folder that goes with the test.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mien/scan.h"

namespace mien {

class StoreFolder {
 public:
  StoreFolder();
  ~StoreFolder();
  StoreFolder(const StoreFolder&) = delete;
  StoreFolder& operator=(const StoreFolder&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// 64 hex digits that depend on the number alone.
std::string made_up_sha256(std::uint32_t content);
// Of length `dimensions`, the same for the same seed.
std::vector<float> made_up_embedding(std::uint32_t seed, std::size_t dimensions = 64);
// A photo of 400 x 300 with faces in these boxes, embedded by the embedder "tiny-a" from seeds content * 1000 + number.
Record made_up_record(std::uint32_t content, const std::vector<Box>& boxes);
std::vector<float> floats_of(std::span<const std::uint16_t> half);

}  // namespace mien
