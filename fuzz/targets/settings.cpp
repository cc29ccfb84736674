// A .env file -> settings.
#include "mien/settings.h"
#include "../target.h"
#include "base/env_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mien;
  const EnvFile file = parse_env_file(fuzz::as_text({data, size}));
  int line = 0;
  for (const EnvEntry& entry : file.entries) {
    fuzz::require(!entry.name.empty() && entry.line >= line, "entries have names and are in order");
    line = entry.line;
  }
  SettingsSources sources;
  sources.dotenv_path = "/nonexistent/.env";
  sources.user_path = "/nonexistent/env";
  sources.environment = [&] {
    std::vector<std::pair<std::string, std::string>> environment;
    for (const EnvEntry& entry : file.entries) environment.emplace_back(entry.name, entry.value);
    return environment;
  };
  try {
    const Settings settings = load_settings(sources);
    fuzz::require(settings.gpu_batch_size >= 1 && settings.gpu_device_id >= 0, "values are within their bounds");
    fuzz::require(settings.gpu_memory_limit_gb > 0, "memory is more than none");
  } catch (const Exception& error) {
    fuzz::require(error.error().code == ErrorCode::invalid_argument, "a wrong value is a wrong argument");
  }
  return 0;
}
