// A GPU for tests where there is none.
#pragma once

namespace mien::test {

// Points Vulkan's loader at Chromium's SwiftShader when it is installed and nobody has chosen a driver: Debian 12's
// Mesa is too old for WebGPU. Before the first use of Vulkan.
void prepare_software_vulkan();

}  // namespace mien::test
