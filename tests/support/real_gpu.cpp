#include "support/real_gpu.h"

#include <cstdlib>
#include <filesystem>

#include "support/photos.h"

namespace mien::test {
namespace {

const char* chosen_backend() { return std::getenv("MIEN_TEST_BACKEND"); }

}  // namespace

std::string real_gpu_missing() {
  const bool is_off = is_real_gpu_software() && std::getenv("MIEN_TEST_NO_WEBGPU") != nullptr;
  return is_off ? "MIEN_TEST_NO_WEBGPU is set" : "";
}

std::string real_gpu_backend() { return is_real_gpu_software() ? "webgpu" : chosen_backend(); }

bool is_real_gpu_software() { return chosen_backend() == nullptr; }

Settings real_gpu_settings() {
  // Debian 12's Mesa is too old for WebGPU; Chromium's SwiftShader is not.
  constexpr const char* kSwiftShader = "/usr/lib/chromium/vk_swiftshader_icd.json";
  if (is_real_gpu_software() && std::filesystem::exists(kSwiftShader)) setenv("VK_ICD_FILENAMES", kSwiftShader, 0);
  Settings settings = plain_settings();
  settings.all_gpu = true;
  settings.gpu_backend = real_gpu_backend();
  settings.allow_software_gpu = is_real_gpu_software();
  settings.backend_dir = deps_path("backends");
  settings.gpu_time_limit_s = 600;
  return settings;
}

}  // namespace mien::test
