// GPUs as Vulkan's loader sees them, by the stable binary interface of Vulkan 1.0 and 1.1: no header is needed.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "backends/backend.h"
#include "backends/probe.h"
#include "base/dynamic_library.h"

namespace mien {
namespace {

constexpr std::int32_t kVulkanSuccess = 0;
constexpr std::int32_t kIncomplete = 5;
constexpr std::int32_t kNoDriver = -9;  // VK_ERROR_INCOMPATIBLE_DRIVER
constexpr std::uint32_t kVulkanDevicesMax = 64;
constexpr std::uint32_t kHeapIsOnDevice = 1;

constexpr std::uint32_t version(std::uint32_t major, std::uint32_t minor) { return major << 22 | minor << 12; }

enum class DeviceType : std::int32_t { other = 0, integrated = 1, discrete = 2, virtual_gpu = 3, processor = 4 };

// VkStructureType
enum StructureType : std::int32_t {
  kApplicationInfo = 0,
  kInstanceCreateInfo = 1,
  kDeviceProperties2 = 1000059001,
  kMemoryProperties2 = 1000059006,
  kDriverProperties = 1000196000,
  kMemoryBudget = 1000237000,
};

using Instance = struct vulkan_instance*;
using PhysicalDevice = struct vulkan_physical_device*;

struct ApplicationInfo {
  std::int32_t type = kApplicationInfo;
  const void* next = nullptr;
  const char* application_name = "mien";
  std::uint32_t application_version = 0;
  const char* engine_name = nullptr;
  std::uint32_t engine_version = 0;
  std::uint32_t api_version = 0;
};

struct InstanceCreateInfo {
  std::int32_t type = kInstanceCreateInfo;
  const void* next = nullptr;
  std::uint32_t flags = 0;
  const ApplicationInfo* application_info = nullptr;
  std::uint32_t layer_count = 0;
  const char* const* layers = nullptr;
  std::uint32_t extension_count = 0;
  const char* const* extensions = nullptr;
};

struct DeviceProperties {
  std::uint32_t api_version;
  std::uint32_t driver_version;
  std::uint32_t vendor_id;
  std::uint32_t device_id;
  DeviceType type;
  char name[256];
  std::uint8_t cache_uuid[16];
  alignas(8) std::uint8_t limits[504];
  std::uint32_t sparse[5];
};
static_assert(sizeof(DeviceProperties) == 824);

struct DeviceProperties2 {
  std::int32_t type = kDeviceProperties2;
  void* next = nullptr;
  DeviceProperties properties{};
};

struct DriverProperties {
  std::int32_t type = kDriverProperties;
  void* next = nullptr;
  std::int32_t id = 0;
  char name[256] = {};
  char info[256] = {};
  std::uint8_t conformance[4] = {};
};

struct MemoryHeap {
  std::uint64_t size;
  std::uint32_t flags;
};

struct MemoryProperties {
  std::uint32_t type_count;
  std::uint32_t types[32][2];
  std::uint32_t heap_count;
  MemoryHeap heaps[16];
};
static_assert(sizeof(MemoryProperties) == 520);

struct MemoryProperties2 {
  std::int32_t type = kMemoryProperties2;
  void* next = nullptr;
  MemoryProperties properties{};
};

struct MemoryBudget {
  std::int32_t type = kMemoryBudget;
  void* next = nullptr;
  std::uint64_t budget[16] = {};  // what this process may use in all, the driver thinks
  std::uint64_t usage[16] = {};   // what it uses
};

struct ExtensionProperties {
  char name[256];
  std::uint32_t version;
};

struct Vulkan {
  DynamicLibrary library;
  std::int32_t (*create_instance)(const InstanceCreateInfo*, const void*, Instance*) = library["vkCreateInstance"];
  void (*destroy_instance)(Instance, const void*) = library["vkDestroyInstance"];
  void (*(*get_function)(Instance, const char*))() = library["vkGetInstanceProcAddr"];
  std::int32_t (*enumerate_devices)(Instance, std::uint32_t*, PhysicalDevice*) = library["vkEnumeratePhysicalDevices"];
  std::int32_t (*enumerate_extensions)(PhysicalDevice, const char*, std::uint32_t*,
                                       ExtensionProperties*) = library["vkEnumerateDeviceExtensionProperties"];
  void (*device_properties)(PhysicalDevice, DeviceProperties*) = library["vkGetPhysicalDeviceProperties"];
  void (*memory_properties)(PhysicalDevice, MemoryProperties*) = library["vkGetPhysicalDeviceMemoryProperties"];
  // These two belong to version 1.1: null with an older loader.
  void (*device_properties_2)(PhysicalDevice, DeviceProperties2*) = nullptr;
  void (*memory_properties_2)(PhysicalDevice, MemoryProperties2*) = nullptr;
};

template <typename Function>
void find(const Vulkan& vulkan, Instance instance, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(vulkan.get_function(instance, name));
}

// Asks for version 1.1 where the loader knows it: a loader of 1.0 refuses to be asked for more.
std::int32_t create_instance(Vulkan& vulkan, Instance& instance) {
  std::int32_t (*loader_version)(std::uint32_t*) = nullptr;
  find(vulkan, nullptr, "vkEnumerateInstanceVersion", loader_version);
  std::uint32_t known = version(1, 0);
  if (loader_version != nullptr) loader_version(&known);
  ApplicationInfo application;
  application.api_version = std::min(known, version(1, 1));
  InstanceCreateInfo wanted;
  wanted.application_info = &application;
  const std::int32_t code = vulkan.create_instance(&wanted, nullptr, &instance);
  if (code == kVulkanSuccess && known >= version(1, 1)) {
    find(vulkan, instance, "vkGetPhysicalDeviceProperties2", vulkan.device_properties_2);
    find(vulkan, instance, "vkGetPhysicalDeviceMemoryProperties2", vulkan.memory_properties_2);
  }
  return code;
}

bool has_extension(const Vulkan& vulkan, PhysicalDevice device, std::string_view name) {
  std::uint32_t count = 0;
  if (vulkan.enumerate_extensions(device, nullptr, &count, nullptr) != kVulkanSuccess) return false;
  std::vector<ExtensionProperties> extensions(count);
  const std::int32_t code = vulkan.enumerate_extensions(device, nullptr, &count, extensions.data());
  if (code != kVulkanSuccess && code != kIncomplete) return false;
  extensions.resize(std::min<std::size_t>(count, extensions.size()));
  return std::any_of(extensions.begin(), extensions.end(), [&](const ExtensionProperties& extension) {
    return std::string_view(extension.name, ::strnlen(extension.name, sizeof(extension.name))) == name;
  });
}

// "NVIDIA 580.82.07", "Mesa 25.0.7", "SwiftShader driver".
std::string driver_text(const Vulkan& vulkan, PhysicalDevice device, const DeviceProperties& properties) {
  if (vulkan.device_properties_2 == nullptr || properties.api_version < version(1, 1)) return "";
  const bool tells =
      properties.api_version >= version(1, 2) || has_extension(vulkan, device, "VK_KHR_driver_properties");
  if (!tells) return "";
  DriverProperties driver;
  DeviceProperties2 wanted;
  wanted.next = &driver;
  vulkan.device_properties_2(device, &wanted);
  const std::string name(driver.name, ::strnlen(driver.name, sizeof(driver.name)));
  const std::string info(driver.info, ::strnlen(driver.info, sizeof(driver.info)));
  if (info.empty()) return name;
  return info[0] >= '0' && info[0] <= '9' ? name + " " + info : info;
}

// The largest heap on the device: some drivers show a window into the same memory as one more.
void read_memory(const Vulkan& vulkan, PhysicalDevice handle, const DeviceProperties& properties, Device& device) {
  MemoryProperties memory{};
  vulkan.memory_properties(handle, &memory);
  std::size_t heap = sizeof(memory.heaps) / sizeof(memory.heaps[0]);
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(memory.heap_count, std::size(memory.heaps)); ++i) {
    if ((memory.heaps[i].flags & kHeapIsOnDevice) == 0 || memory.heaps[i].size <= size) continue;
    heap = i;
    size = memory.heaps[i].size;
  }
  if (size == 0) return;
  device.memory_total_mb = static_cast<std::int64_t>(size / kBytesInMebibyte);
  device.memory_free_mb = device.memory_total_mb;
  const bool tells = vulkan.memory_properties_2 != nullptr && properties.api_version >= version(1, 1) &&
                     has_extension(vulkan, handle, "VK_EXT_memory_budget");
  if (!tells) return;
  MemoryBudget budget;
  MemoryProperties2 wanted;
  wanted.next = &budget;
  vulkan.memory_properties_2(handle, &wanted);
  const std::uint64_t left = budget.budget[heap] - std::min(budget.usage[heap], budget.budget[heap]);
  device.memory_free_mb = static_cast<std::int64_t>(std::min(left, size) / kBytesInMebibyte);
  device.memory_used_mb = device.memory_total_mb - device.memory_free_mb;
}

Device describe(const Vulkan& vulkan, PhysicalDevice handle, int id) {
  DeviceProperties properties{};
  vulkan.device_properties(handle, &properties);
  Device device;
  device.id = id;
  device.name = std::string(properties.name, ::strnlen(properties.name, sizeof(properties.name)));
  device.backend = "webgpu";
  device.is_software = properties.type == DeviceType::processor;
  device.unified_memory = device.is_software || properties.type == DeviceType::integrated;
  device.driver = driver_text(vulkan, handle, properties);
  read_memory(vulkan, handle, properties, device);
  return device;
}

}  // namespace

VulkanFacts read_vulkan(const ProbeRoots& roots) {
  VulkanFacts facts;
  Result<Vulkan> vulkan = opened(Vulkan{{roots.vulkan_library.c_str(), "libvulkan1"}});
  if (!vulkan) {
    facts.problem = vulkan.error().message;
    return facts;
  }
  Instance instance = nullptr;
  const std::int32_t code = create_instance(*vulkan, instance);
  if (code == kNoDriver) {
    facts.problem = "Vulkan has no driver: install the one of your GPU";
  } else if (code != kVulkanSuccess) {
    facts.problem = fmt::format("Vulkan cannot be started (its error {})", code);
  }
  if (code != kVulkanSuccess) return facts;
  std::array<PhysicalDevice, kVulkanDevicesMax> handles{};
  std::uint32_t count = kVulkanDevicesMax;
  const std::int32_t listed = vulkan->enumerate_devices(instance, &count, handles.data());
  if (listed != kVulkanSuccess && listed != kIncomplete) {
    facts.problem = fmt::format("Vulkan cannot list its devices (its error {})", listed);
    count = 0;
  }
  for (std::uint32_t i = 0; i < count; ++i) facts.devices.push_back(describe(*vulkan, handles[i], static_cast<int>(i)));
  vulkan->destroy_instance(instance, nullptr);
  return facts;
}

std::vector<Device> probe_webgpu() { return read_vulkan(real_probe_roots()).devices; }

}  // namespace mien
