// The test device as tests steer it (tests/device/test_device).
#pragma once

#include <cstdint>
#include <string>

#include "mien/settings.h"

namespace mien::test {

// Resets the device when it is made and when it ends. One at a time.
class TestDevice {
 public:
  TestDevice();
  ~TestDevice();
  TestDevice(const TestDevice&) = delete;
  TestDevice& operator=(const TestDevice&) = delete;

  void set(const std::string& name, std::int64_t value);
  std::int64_t get(const std::string& name) const;
};

std::string test_device_library();

// Settings that use the test device for everything.
Settings device_settings(GpuMode mode = GpuMode::on);

}  // namespace mien::test
