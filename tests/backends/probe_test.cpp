#include "backends/probe.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "backends/backend.h"
#include "support/contains.h"
#include "support/fake_root.h"
#include "support/variable.h"

namespace mien {
namespace {

namespace fs = std::filesystem;
using test::contains;
using test::FakeRoot;
using test::Variable;

ProbeRoots with_fake_nvml() {
  ProbeRoots roots;
  roots.nvml_library = MIEN_TEST_FAKE_NVML;
  return roots;
}

TEST(DeviceText, IsWhatTheGuidePromises) {
  Device device;
  device.name = "NVIDIA GeForce RTX 4090";
  device.backend = "cuda";
  device.memory_total_mb = 24576;
  device.memory_free_mb = 8192;
  EXPECT_EQ(to_string(device), "GPUDevice(id=0, name='NVIDIA GeForce RTX 4090', memory=8192/24576MB, backend=cuda)");
}

TEST(ChosenDevice, CountsThoseThatMayBeUsed) {
  Backend backend{};
  backend.probe_devices = [] {
    std::vector<Device> devices(3);
    for (int i = 0; i < 3; ++i) {
      devices[static_cast<std::size_t>(i)].id = i;
      devices[static_cast<std::size_t>(i)].name = std::string(1, static_cast<char>('a' + i));
    }
    devices[0].is_software = true;
    return devices;
  };
  EXPECT_EQ(find_chosen_device(backend, 0, false)->name, "b");
  EXPECT_EQ(find_chosen_device(backend, 1, false)->name, "c");
  EXPECT_EQ(find_chosen_device(backend, 1, false)->id, 1) << "as GPU_DEVICE_ID says";
  EXPECT_FALSE(find_chosen_device(backend, 2, false));
  EXPECT_EQ(find_chosen_device(backend, 0, true)->name, "a");
  EXPECT_EQ(find_chosen_device(backend, 2, true)->name, "c");
}

TEST(VisibleDevices, AreReadAsCudaReadsThem) {
  using Ids = std::vector<int>;
  const std::vector<std::string> uuids = {"GPU-aaaa1111", "GPU-bbbb2222", "GPU-cccc3333"};
  EXPECT_EQ(visible_devices(std::nullopt, 3, uuids), (Ids{0, 1, 2}));
  EXPECT_EQ(visible_devices("2,0", 3, uuids), (Ids{2, 0}));
  EXPECT_EQ(visible_devices(" 1 ", 3, uuids), (Ids{1}));
  EXPECT_EQ(visible_devices("GPU-bbbb,0", 3, uuids), (Ids{1, 0}));
  EXPECT_EQ(visible_devices("1,-1,0", 3, uuids), (Ids{1}));
  EXPECT_EQ(visible_devices("1,1,0", 3, uuids), (Ids{1}));
  EXPECT_EQ(visible_devices("7,0", 3, uuids), Ids{});
  EXPECT_EQ(visible_devices("", 3, uuids), Ids{});
  EXPECT_EQ(visible_devices("99999999999999999999", 3, uuids), Ids{});
  EXPECT_EQ(visible_devices("MIG-1234", 2, uuids), (Ids{0, 1}));
}

TEST(Nvml, TellsNamesMemoryAndVersions) {
  const NvmlFacts facts = read_nvml(with_fake_nvml());
  EXPECT_EQ(facts.problem, "");
  EXPECT_EQ(facts.cuda_major, 13);
  EXPECT_EQ(facts.cuda_minor, 0);
  ASSERT_EQ(facts.devices.size(), 2U);
  EXPECT_EQ(to_string(facts.devices[0]),
            "GPUDevice(id=0, name='NVIDIA GeForce RTX 4090', memory=8192/24576MB, backend=cuda)");
  EXPECT_EQ(facts.devices[1].id, 1);
  EXPECT_EQ(facts.devices[1].name, "NVIDIA T4");
  EXPECT_EQ(facts.devices[1].memory_used_mb, 8192);
  EXPECT_EQ(facts.devices[1].driver, "NVIDIA 580.82.07");
  EXPECT_FALSE(facts.devices[1].unified_memory);
}

TEST(Nvml, CountsAsCudaDoes) {
  ProbeRoots roots = with_fake_nvml();
  roots.cuda_visible = "GPU-bbbb2222";
  const NvmlFacts facts = read_nvml(roots);
  ASSERT_EQ(facts.devices.size(), 1U);
  EXPECT_EQ(facts.devices[0].id, 0);
  EXPECT_EQ(facts.devices[0].name, "NVIDIA T4");
}

TEST(Nvml, TellsWhatProgramsOfOursHold) {
  const FakeRoot root;
  root.write("/proc/41/comm", "mien\n");
  root.write("/proc/42/comm", "python3\n");
  root.write("/proc/43/comm", "mien\n");
  ProbeRoots roots = with_fake_nvml();
  roots.root = root.path();
  const NvmlFacts facts = read_nvml(roots);
  ASSERT_EQ(facts.devices.size(), 2U);
  EXPECT_EQ(facts.devices[0].memory_held_mb, 300);
  EXPECT_EQ(facts.devices[1].memory_held_mb, 0);
}

TEST(Nvml, LeavesOutWhatThisUserMayNotAsk) {
  const Variable locked("FAKE_NVML", "locked");
  ASSERT_EQ(read_nvml(with_fake_nvml()).devices.size(), 1U);
}

TEST(Nvml, AGpuWithoutMemoryOfItsOwnHasTheComputers) {
  const Variable unified("FAKE_NVML", "unified");
  const FakeRoot root;
  root.write("/proc/meminfo", "MemTotal:       131072000 kB\nMemFree: 1 kB\nMemAvailable:   65536000 kB\n");
  ProbeRoots roots = with_fake_nvml();
  roots.root = root.path();
  const NvmlFacts facts = read_nvml(roots);
  ASSERT_EQ(facts.devices.size(), 2U);
  EXPECT_TRUE(facts.devices[0].unified_memory);
  EXPECT_EQ(facts.devices[0].memory_total_mb, 128000);
  EXPECT_EQ(facts.devices[0].memory_free_mb, 64000);
}

TEST(Nvml, SaysWhyItDoesNotAnswer) {
  const auto problem = [](const char* mode) {
    const Variable variable("FAKE_NVML", mode);
    return read_nvml(with_fake_nvml()).problem;
  };
  EXPECT_TRUE(contains(problem("mismatch"), "different versions: restart"));
  EXPECT_TRUE(contains(problem("unloaded"), "has not loaded NVIDIA's driver"));
  EXPECT_EQ(problem("odd"), "NVIDIA's driver answers: Unknown Error");
  ProbeRoots absent;
  absent.nvml_library = "/nonexistent/libnvidia-ml.so.1";
  EXPECT_TRUE(contains(read_nvml(absent).problem, "install NVIDIA's driver"));
  EXPECT_TRUE(read_nvml(absent).devices.empty());
}

std::vector<AmdGpu> amd_gpus(const FakeRoot& root, std::optional<std::string> visible = std::nullopt) {
  ProbeRoots roots;
  roots.root = root.path();
  roots.rocm_visible = std::move(visible);
  return read_amd_gpus(roots);
}

TEST(IntelGpus, AreNamedByTheTableOfPci) {
  const FakeRoot root;
  EXPECT_TRUE(read_intel_gpus({.root = root.path()}).empty());
  root.add_amd_card(0, 128);
  root.add_intel_gpu(1, "0000:03:00.0", "56a0");
  root.add_intel_gpu(2, "0000:00:02.0", "46a6");
  root.write("/usr/share/misc/pci.ids",
             "# comment\n1002  AMD\n\t56a0  not this\n8086  Intel Corporation\n\t56a0  DG2 [Arc A770]\n"
             "\t\t56a0 0001  a board\n");
  root.write("/proc/sys/kernel/osrelease", "6.12.1\n");
  root.write("/proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n");
  const std::vector<Device> gpus = read_intel_gpus({.root = root.path()});
  ASSERT_EQ(gpus.size(), 2U);
  EXPECT_EQ(to_string(gpus[0]), "GPUDevice(id=0, name='Intel DG2 [Arc A770]', memory=0/0MB, backend=openvino)");
  EXPECT_EQ(gpus[0].driver, "xe of Linux 6.12.1");
  EXPECT_FALSE(gpus[0].unified_memory);
  EXPECT_EQ(to_string(gpus[1]), "GPUDevice(id=1, name='Intel GPU 8086:46a6', memory=8192/16384MB, backend=openvino)");
  EXPECT_TRUE(gpus[1].unified_memory);
}

TEST(AmdGpus, AreNamedByTheTableOfLibdrm) {
  const FakeRoot root;
  root.add_amd_card(0, 128);
  root.write("/usr/share/libdrm/amdgpu.ids",
             "# a comment\n1.0.0\n73DF,\tC0,\tanother\n73DF,\tC1,\tAMD Radeon RX 6700 XT\n");
  root.write("/proc/sys/kernel/osrelease", "6.1.0-37-amd64\n");
  root.add_compute_node(0, 0, 0, 12);
  root.add_compute_node(1, 100301, 128);
  const std::vector<AmdGpu> gpus = amd_gpus(root);
  ASSERT_EQ(gpus.size(), 1U);
  EXPECT_EQ(gpus[0].gfx, "gfx1031");
  EXPECT_EQ(gpus[0].render_node, 128);
  EXPECT_EQ(to_string(gpus[0].device),
            "GPUDevice(id=0, name='AMD Radeon RX 6700 XT', memory=10224/12272MB, backend=rocm)");
  EXPECT_EQ(gpus[0].device.memory_used_mb, 2048);
  EXPECT_EQ(gpus[0].device.driver, "amdgpu of Linux 6.1.0-37-amd64");
  EXPECT_FALSE(gpus[0].device.unified_memory);
}

TEST(AmdGpus, CountAsRocmDoes) {
  const FakeRoot root;
  root.add_amd_card(0, 129);
  root.add_amd_card(1, 128);
  root.write("/sys/class/drm/card0/device/product_name", "AMD Instinct MI210\n");
  root.write("/sys/class/drm/card2/device/vendor", "0x10de\n");
  root.add_compute_node(1, 100300, 128);
  root.add_compute_node(10, 90010, 129);
  const std::vector<AmdGpu> gpus = amd_gpus(root);
  ASSERT_EQ(gpus.size(), 2U);
  EXPECT_EQ(gpus[0].gfx, "gfx1030");
  EXPECT_EQ(gpus[0].device.name, "AMD GPU 1002:73df");
  EXPECT_EQ(gpus[1].gfx, "gfx90a");
  EXPECT_EQ(gpus[1].device.name, "AMD Instinct MI210");
  EXPECT_EQ(gpus[1].device.id, 1);
  const std::vector<AmdGpu> visible = amd_gpus(root, "1");
  ASSERT_EQ(visible.size(), 1U);
  EXPECT_EQ(visible[0].device.id, 0);
  EXPECT_EQ(visible[0].gfx, "gfx90a");
}

TEST(AmdGpus, OfAProcessorShareItsMemory) {
  const FakeRoot root;
  root.add_amd_card(0, 128);
  root.write("/sys/class/drm/card0/device/mem_info_vram_total", "536870912\n");
  root.write("/sys/class/drm/card0/device/mem_info_vram_used", "104857600\n");
  root.write("/sys/class/drm/card0/device/mem_info_gtt_total", "8589934592\n");
  root.write("/sys/class/drm/card0/device/mem_info_gtt_used", "1073741824\n");
  const std::vector<AmdGpu> gpus = amd_gpus(root);
  ASSERT_EQ(gpus.size(), 1U);
  EXPECT_EQ(gpus[0].gfx, "");  // no compute driver
  EXPECT_TRUE(gpus[0].device.unified_memory);
  EXPECT_EQ(gpus[0].device.memory_total_mb, 512 + 8192);
  EXPECT_EQ(gpus[0].device.memory_used_mb, 100 + 1024);
}

TEST(AmdGpus, AreNoneOnAComputerWithoutThem) {
  const FakeRoot root;
  EXPECT_TRUE(amd_gpus(root).empty());
  root.write("/sys/class/drm/card0/device/vendor", "0x8086\n");
  EXPECT_TRUE(amd_gpus(root).empty());
}

TEST(Vulkan, SaysThatItIsMissing) {
  ProbeRoots roots;
  roots.vulkan_library = "/nonexistent/libvulkan.so.1";
  const VulkanFacts facts = read_vulkan(roots);
  EXPECT_TRUE(contains(facts.problem, "install libvulkan1")) << facts.problem;
  EXPECT_TRUE(facts.devices.empty());
}

// The driver that emulates a GPU: of Debian's chromium-common, or the one that the variable names.
std::string software_driver() {
  const char* const named = std::getenv("MIEN_TEST_SOFTWARE_VULKAN");
  const std::string path = named != nullptr ? named : "/usr/lib/chromium/vk_swiftshader_icd.json";
  return fs::exists(path) ? path : "";
}

TEST(Vulkan, TellsASoftwareDeviceApart) {
  const std::string driver = software_driver();
  if (driver.empty())
    GTEST_SKIP() << "no SwiftShader: install chromium-common, or set MIEN_TEST_SOFTWARE_VULKAN to its .json";
  const Variable variable("VK_ICD_FILENAMES", driver.c_str());
  const VulkanFacts facts = read_vulkan({});
  if (contains(facts.problem, "libvulkan1")) GTEST_SKIP() << facts.problem;
  EXPECT_EQ(facts.problem, "");
  ASSERT_EQ(facts.devices.size(), 1U);
  const Device& device = facts.devices[0];
  EXPECT_TRUE(contains(device.name, "SwiftShader")) << device.name;
  EXPECT_TRUE(contains(device.driver, "SwiftShader")) << device.driver;
  EXPECT_TRUE(device.is_software);
  EXPECT_TRUE(device.unified_memory);
  EXPECT_GT(device.memory_total_mb, 0);
  EXPECT_GE(device.memory_total_mb, device.memory_free_mb);
  EXPECT_EQ(device.backend, "webgpu");
}

}  // namespace
}  // namespace mien
