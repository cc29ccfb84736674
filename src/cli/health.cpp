#include "service/health.h"

#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/text.h"

namespace mien::cli {
namespace {

// The URL of the service that the settings describe: an address that is all of a computer's is asked on loopback.
std::string url_of(const Settings& settings) {
  std::string listen = settings.listen;
  if (listen.starts_with("0.0.0.0:")) listen = "127.0.0.1:" + listen.substr(listen.rfind(':') + 1);
  if (listen.starts_with("[::]:")) listen = "[::1]:" + listen.substr(listen.rfind(':') + 1);
  return "http://" + listen;
}

}  // namespace

int run_health(const Call& call) {
  std::vector<std::string> urls;
  Arguments arguments(
      "mien health",
      "Asks a running 'mien serve' whether it is alive. Exit code: 0 it is, 1 it is not. Without URL it "
      "asks /healthz where MIEN_LISTEN says; a URL may name another path, as /readyz.");
  arguments.positionals({"[URL]", 0, 1}, urls);
  arguments.example("mien health", "as a container's health check");
  arguments.example("mien health http://127.0.0.1:8765/readyz", "whether it is ready for images");
  if (!parse_or_help(call, arguments)) return 0;
  const std::string url = urls.empty() ? url_of(load(call.terminal)) : urls[0];
  const std::string line = service::first_line_of_answer(url);
  const bool is_well = line.starts_with("HTTP/1.") && line.find(" 200 ") != std::string::npos;
  call.terminal.print(printable(fmt::format("{}: {}", url, line)) + "\n");
  return is_well ? 0 : 1;
}

}  // namespace mien::cli
