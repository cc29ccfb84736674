// Installing with what may differ: which package, and which Python fetches it.
#pragma once

#include <vector>

#include "backends/backend.h"
#include "backends/backend_package.h"
#include "mien/tools/backends.h"

namespace mien {

// A package, and the row that names its version.
struct InstallPart {
  const Backend* backend;
  const BackendPackage* package;
};

// The parts go into one folder; the first one is the backend's own.
BackendLibrary install_backend(const Settings& settings, const std::vector<InstallPart>& parts,
                               const InstallBackendOptions& options);

}  // namespace mien
