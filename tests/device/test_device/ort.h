// The ONNX Runtime that loads the plugin, which gets its functions handed over and links nothing.
#ifndef MIEN_TESTS_DEVICE_TEST_DEVICE_ORT_H_
#define MIEN_TESTS_DEVICE_TEST_DEVICE_ORT_H_

#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>

#include <exception>

namespace mien::test_device {

constexpr const char* kProviderName = "MienTestExecutionProvider";
constexpr const char* kVendorName = "mien";
constexpr std::uint32_t kVendorId = 0x7E57;  // no PCI vendor has it
constexpr std::int64_t kMostDevices = 8;

// Nothing may be thrown through the C interface: here it becomes a status.
template <typename Function>
OrtStatus* guarded(Function&& function) noexcept {
  try {
    function();
    return nullptr;
  } catch (const Ort::Exception& error) {
    return Ort::GetApi().CreateStatus(error.GetOrtErrorCode(), error.what());
  } catch (const std::exception& error) {
    return Ort::GetApi().CreateStatus(ORT_FAIL, error.what());
  }
}

}  // namespace mien::test_device

#endif  // MIEN_TESTS_DEVICE_TEST_DEVICE_ORT_H_
