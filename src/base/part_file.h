// A file that comes from elsewhere and grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/descriptor.h"
#include "mien/result.h"

namespace mien {

// A file that is written at its end. Throws Exception(io), which says that the part is kept.
class PartFile {
 public:
  explicit PartFile(const std::string& path);
  std::int64_t size() const { return size_; }
  void clear();
  void append(const char* data, std::size_t size);

 private:
  std::string path_;
  Descriptor file_;
  std::int64_t size_ = 0;
};

}  // namespace mien
