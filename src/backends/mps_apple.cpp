// Apple's own GPUs. They share the CPU's memory, so that what the system says of that is what there is.
#include <mach/mach.h>
#include <sys/sysctl.h>

#include <string>

#include "backends/backend.h"
#include "backends/probe.h"

namespace mien {
namespace {

std::string read_text(const char* name) {
  std::size_t size = 0;
  if (::sysctlbyname(name, nullptr, &size, nullptr, 0) != 0 || size == 0) return "";
  std::string text(size, '\0');
  if (::sysctlbyname(name, text.data(), &size, nullptr, 0) != 0) return "";
  text.resize(text.find('\0') == std::string::npos ? size : text.find('\0'));
  return text;
}

std::int64_t read_number(const char* name) {
  std::int64_t value = 0;
  std::size_t size = sizeof(value);
  return ::sysctlbyname(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

// Pages that are free, or that the system gives away without writing them anywhere.
std::int64_t free_bytes() {
  vm_statistics64_data_t facts{};
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  const kern_return_t result =
      ::host_statistics64(::mach_host_self(), HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&facts), &count);
  if (result != KERN_SUCCESS) return 0;
  const std::int64_t pages = std::int64_t{facts.free_count} + facts.inactive_count + facts.purgeable_count;
  return pages * static_cast<std::int64_t>(vm_kernel_page_size);
}

}  // namespace

std::vector<Device> probe_mps() {
  const std::string processor = read_text("machdep.cpu.brand_string");
  if (!processor.starts_with("Apple")) return {};  // GPUs beside Intel CPUs are left to WebGPU
  Device device;
  device.name = processor + " GPU";
  device.backend = "mps";
  device.memory_total_mb = read_number("hw.memsize") / kBytesInMebibyte;
  device.memory_free_mb = free_bytes() / kBytesInMebibyte;
  device.memory_used_mb = device.memory_total_mb - device.memory_free_mb;
  device.unified_memory = true;
  device.driver = "macOS " + read_text("kern.osproductversion");
  return {device};
}

}  // namespace mien
