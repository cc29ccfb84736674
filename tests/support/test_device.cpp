#include "support/test_device.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "support/tiny_models.h"

namespace mien::test {
namespace {

template <typename Function>
Function find(const char* name) {
  // Kept open: the runtime opens the same library, and both must see one state.
  static void* const library = dlopen(test_device_library().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  return reinterpret_cast<Function>(dlsym(library, name));
}

void reset() { find<void (*)()>("mien_test_device_reset")(); }

}  // namespace

std::string test_device_library() { return MIEN_TEST_DEVICE_LIBRARY; }

TestDevice::TestDevice() { reset(); }
TestDevice::~TestDevice() {
  reset();
  // Threads that were left behind with work end now: the next test is to count its own.
  for (int i = 0; i < 1000 && get("sessions") > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

void TestDevice::set(const std::string& name, std::int64_t value) {
  EXPECT_EQ(find<int (*)(const char*, std::int64_t)>("mien_test_device_set")(name.c_str(), value), 0) << name;
}

std::int64_t TestDevice::get(const std::string& name) const {
  return find<std::int64_t (*)(const char*)>("mien_test_device_get")(name.c_str());
}

Settings device_settings(GpuMode mode) {
  Settings settings = plain_settings();
  settings.test_device = test_device_library();
  settings.operation_gpu.fill(mode);
  return settings;
}

}  // namespace mien::test
