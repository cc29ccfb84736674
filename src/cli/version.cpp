#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/text.h"
#include "mien/device.h"

namespace mien::cli {

int run_version(const Call& call) {
  Arguments arguments("mien version", "Prints what this build is and what it can use here.");
  arguments.example("mien --version", "the same");
  if (!parse_or_help(call, arguments)) return 0;
  const VersionInfo info = version_info(load(call.terminal));
  call.terminal.print(
      printable(fmt::format("mien {} (commit {})", info.version, info.commit)) + "\n" +
      printable("runtime:  " + info.runtime) +
      fmt::format("\nbackends: {}\nformats:  {}\n", fmt::join(info.backends, ", "), fmt::join(info.formats, ", ")));
  for (const std::string& format : info.formats_missing) call.terminal.print(printable("missing:  " + format) + "\n");
  return 0;
}

}  // namespace mien::cli
