// The test device: an execution provider of ONNX Runtime, as a plugin, that looks like a GPU and computes on the CPU.
// It exists so that everything mien does with an accelerator, and everything that can go wrong with one, can be tested
// on a machine without any: memory of its own that has to be copied to and fro and can run out, calls that fail, hang,
// return nonsense or lose the device, all on demand (test_device.h).
//
// It is no backend for users and must never be installed or offered to them: it is slower than the CPU that it computes
// with, its memory is the host's, and it fails when an environment variable says so. Nor may a number measured with it
// be told as the speed of a device.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "controls.h"
#include "memory.h"
#include "ort.h"
#include "provider.h"
#include "test_device.h"

namespace mien::test_device {
namespace {

std::atomic<int> factories_alive = 0;

struct Factory : OrtEpFactory {
  Factory() : OrtEpFactory{} {
    ort_version_supported = ORT_API_VERSION;
    GetName = [](const OrtEpFactory* /*self*/) noexcept { return kProviderName; };
    GetVendor = [](const OrtEpFactory* /*self*/) noexcept { return kVendorName; };
    GetVendorId = [](const OrtEpFactory* /*self*/) noexcept { return kVendorId; };
    // ONNX Runtime wants a semantic version.
    GetVersion = [](const OrtEpFactory* /*self*/) noexcept { return "1.0.0"; };
    GetSupportedDevices = get_supported_devices;
    CreateEp = create_ep;
    ReleaseEp = [](OrtEpFactory* /*self*/, OrtEp* ep) noexcept { release_provider(ep); };
    CreateAllocator = create_ep_allocator;
    ReleaseAllocator = [](OrtEpFactory* /*self*/, OrtAllocator* allocator) noexcept { release_allocator(allocator); };
    CreateDataTransfer = [](OrtEpFactory* /*self*/, OrtDataTransferImpl** transfer) noexcept {
      return guarded([&] { *transfer = create_data_transfer(); });
    };
    IsStreamAware = [](const OrtEpFactory* /*self*/) noexcept { return false; };
    for (std::int64_t i = 0; i < kMostDevices; ++i) {
      memories.emplace_back("MienTestDevice", OrtMemoryInfoDeviceType_GPU, kVendorId, static_cast<std::uint32_t>(i),
                            OrtDeviceMemoryType_DEFAULT, 0, OrtDeviceAllocator);
    }
  }

  static OrtStatus* ORT_API_CALL get_supported_devices(OrtEpFactory* self, const OrtHardwareDevice* const* devices,
                                                       std::size_t num_devices, OrtEpDevice** ep_devices,
                                                       std::size_t most, std::size_t* count) noexcept {
    *count = 0;
    return guarded([&] {
      const std::int64_t wanted = std::min(Controls::instance().value(&Values::devices), kMostDevices);
      for (std::size_t i = 0; i < num_devices; ++i) {
        if (Ort::GetApi().HardwareDevice_Type(devices[i]) != OrtHardwareDeviceType_CPU) continue;
        for (std::int64_t k = 0; k < wanted && *count < most; ++k) {
          ep_devices[(*count)++] = static_cast<Factory*>(self)->create_device(devices[i], k);
        }
        return;
      }
    });
  }

  OrtEpDevice* create_device(const OrtHardwareDevice* hardware, std::int64_t index) {
    Ort::KeyValuePairs metadata;
    metadata.Add("device_name", ("mien test device " + std::to_string(index)).c_str());
    metadata.Add("device_index", std::to_string(index).c_str());
    OrtEpDevice* device = nullptr;
    Ort::ThrowOnError(Ort::GetEpApi().CreateEpDevice(this, hardware, metadata, nullptr, &device));
    std::unique_ptr<OrtEpDevice, void(ORT_API_CALL*)(OrtEpDevice*)> owner(device, Ort::GetEpApi().ReleaseEpDevice);
    Ort::ThrowOnError(Ort::GetEpApi().EpDevice_AddAllocatorInfo(device, memories.at(static_cast<std::size_t>(index))));
    return owner.release();
  }

  static OrtStatus* ORT_API_CALL create_ep(OrtEpFactory* /*self*/, const OrtHardwareDevice* const* /*devices*/,
                                           const OrtKeyValuePairs* const* /*metadata*/, std::size_t num_devices,
                                           const OrtSessionOptions* /*options*/, const OrtLogger* /*logger*/,
                                           OrtEp** ep) noexcept {
    *ep = nullptr;
    return guarded([&] {
      if (num_devices != 1) throw Ort::Exception("test device: one device a session", ORT_INVALID_ARGUMENT);
      if (Controls::instance().value(&Values::init_error) != 0) {
        throw Ort::Exception("test device: initialisation failed", ORT_EP_FAIL);
      }
      *ep = create_provider();
    });
  }

  static OrtStatus* ORT_API_CALL create_ep_allocator(OrtEpFactory* self, const OrtMemoryInfo* memory,
                                                     const OrtKeyValuePairs* /*options*/,
                                                     OrtAllocator** allocator) noexcept {
    *allocator = nullptr;
    return guarded([&] {
      // Ours live as long as the library; nothing is known of the one that was passed.
      for (const Ort::MemoryInfo& known : static_cast<Factory*>(self)->memories) {
        if (known == Ort::ConstMemoryInfo(memory)) *allocator = create_allocator(known);
      }
      if (*allocator == nullptr) throw Ort::Exception("test device: memory of another device", ORT_INVALID_ARGUMENT);
    });
  }

  std::vector<Ort::MemoryInfo> memories;
};

// The library is unloaded next, and whatever of it is left crashes its owner later. It would not do so in a test, which
// has the library open too, so the test ends here. Another registration under another name may still have sessions.
void check_that_nothing_is_left() {
  const std::int64_t sessions = Controls::instance().value(&Values::sessions);
  const std::int64_t bytes = Controls::instance().value(&Values::held_bytes);
  if (--factories_alive != 0 || (sessions == 0 && bytes == 0)) return;
  std::fprintf(stderr, "test device: unregistered while there were %lld sessions and %lld bytes\n",
               static_cast<long long>(sessions), static_cast<long long>(bytes));
  std::abort();
}

}  // namespace
}  // namespace mien::test_device

extern "C" {

MIEN_TEST_DEVICE_API OrtStatus* CreateEpFactories(const char* /*registered_name*/, const OrtApiBase* base,
                                                  const OrtLogger* /*logger*/, OrtEpFactory** factories,
                                                  std::size_t most, std::size_t* count) {
  const OrtApi* api = base->GetApi(ORT_API_VERSION);
  if (api == nullptr) {
    // Its own function to create a status is out of reach, so one that every version has serves.
    return base->GetApi(1)->CreateStatus(ORT_NOT_IMPLEMENTED, "test device: this ONNX Runtime is too old");
  }
  Ort::InitApi(api);
  return mien::test_device::guarded([&] {
    if (most < 1) throw Ort::Exception("test device: no room for a factory", ORT_INVALID_ARGUMENT);
    factories[0] = new mien::test_device::Factory();
    ++mien::test_device::factories_alive;
    *count = 1;
  });
}

MIEN_TEST_DEVICE_API OrtStatus* ReleaseEpFactory(OrtEpFactory* factory) {
  delete static_cast<mien::test_device::Factory*>(factory);
  mien::test_device::check_that_nothing_is_left();
  return nullptr;
}

}  // extern "C"
