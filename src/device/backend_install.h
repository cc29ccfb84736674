// Installing with what may differ: which package, and which Python fetches it.
#pragma once

#include "device/backend.h"
#include "device/backend_package.h"
#include "mien/backends.h"

namespace mien {

BackendLibrary install_backend(const Settings& settings, const Backend& backend, const BackendPackage& package,
                               const InstallBackendOptions& options);

}  // namespace mien
