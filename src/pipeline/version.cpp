#include <fmt/format.h>

#include <utility>

#include "backends/backend.h"
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
  for (FormatInfo& format : image_formats()) {
    if (format.problem.empty()) {
      info.formats.push_back(std::move(format.name));
    } else {
      info.formats_missing.push_back(format.name + ": " + format.problem);
    }
  }
  return info;
}

}  // namespace mien
