#include "support/software_vulkan.h"

#include <cstdlib>
#include <filesystem>

namespace mien::test {

void prepare_software_vulkan() {
  constexpr const char* kSwiftShader = "/usr/lib/chromium/vk_swiftshader_icd.json";
  if (std::filesystem::exists(kSwiftShader)) setenv("VK_ICD_FILENAMES", kSwiftShader, 0);
}

}  // namespace mien::test
