#include <fmt/format.h>

#include "device/backend.h"
#include "device/session.h"
#include "image/decode.h"
#include "mien/device.h"

namespace mien {

VersionInfo version_info(const Settings& settings) {
  VersionInfo info;
  info.version = MIEN_VERSION;
  info.commit = MIEN_COMMIT;
  try {
    const std::unique_ptr<Runtime> runtime = open_onnxruntime(settings);
    info.runtime = fmt::format("{} ({})", runtime->name(), runtime->path());
  } catch (const Exception& error) {
    info.runtime = error.what();
  }
  for (const Backend& backend : backends()) info.backends.emplace_back(backend.name);
  info.formats = decodable_formats();
  return info;
}

}  // namespace mien
