// The files that are taken out of the backends' packages, with checksums. To follow a new release, change the version
// in backend.cpp, and the sizes and checksums here.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "backends/backend.h"

namespace mien {

struct PackageFile {
  std::string_view name;  // in whatever folder of the package
  std::int64_t size_bytes;
  std::string_view sha256;
};

struct BackendPackage {
  std::string_view backend;
  std::string_view package;       // of PyPI, as in the backend's row
  std::string_view architecture;  // as `uname -m` says it
  std::string_view platform;      // of the wheel, which the file inside needs: "manylinux_2_28_x86_64"
  std::int64_t download_bytes;
  std::vector<PackageFile> files;
};

std::span<const BackendPackage> backend_packages();
// Returns the package of this backend for this computer; null when there is none.
const BackendPackage* find_backend_package(const Backend& backend);

}  // namespace mien
