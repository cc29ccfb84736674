// The GPU that tests run a real backend on: WebGPU over software Vulkan, or what MIEN_TEST_BACKEND names (cuda, rocm,
// mps, webgpu) where the computer has such a GPU and the backend is below .deps/backends.
#pragma once

#include <string>

#include "mien/settings.h"

namespace mien::test {

// Why there is none to try; empty: tests shall find one, or skip with what Gpu says. MIEN_TEST_NO_WEBGPU=1 turns the
// software one off, which is slow under sanitizers.
std::string real_gpu_missing();

// "webgpu", or what MIEN_TEST_BACKEND says.
std::string real_gpu_backend();
// Whether it is emulated: pictures and models must be small then.
bool is_real_gpu_software();

// Every operation on that GPU. Call it before the first use of Vulkan: it chooses the driver when nobody has.
Settings real_gpu_settings();

}  // namespace mien::test
