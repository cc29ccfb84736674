// AMD GPUs by the kernel's own files: /sys/class/drm for the cards, /sys/class/kfd for what computing with them sees.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "backends/backend.h"
#include "backends/probe.h"
#include "base/processor.h"
#include "base/text.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

// A CPU's GPU has a small window of memory that is called its own, and takes the rest from the system.
constexpr std::int64_t kWindowMegabytesMax = 2048;

std::int64_t read_number(const fs::path& path) { return std::strtoll(read_small_file(path).c_str(), nullptr, 10); }

// 100301 is gfx1031, 90010 is gfx90a.
std::string gfx_name(std::int64_t version) {
  return version <= 0 ? "" : fmt::format("gfx{}{:x}{:x}", version / 10000, version / 100 % 100, version % 100);
}

// A row of the table that libdrm installs: "73DF,	C1,	AMD Radeon RX 6700 XT".
std::string marketing_name(const std::string& root, std::string_view device, std::string_view revision) {
  std::ifstream file(root + "/usr/share/libdrm/amdgpu.ids");
  const auto same = [](std::string_view a, std::string_view b) { return upper(trim(a)) == upper(b); };
  for (std::string line; std::getline(file, line);) {
    const std::size_t one = line.find(',');
    const std::size_t two = one == std::string::npos ? one : line.find(',', one + 1);
    if (two == std::string::npos) continue;
    const std::string_view text = line;
    if (same(text.substr(0, one), device) && same(text.substr(one + 1, two - one - 1), revision)) {
      return std::string(trim(text.substr(two + 1)));
    }
  }
  return "";
}

std::string without_0x(std::string text) {
  if (text.starts_with("0x")) text.erase(0, 2);
  return text;
}

std::string read_name(const std::string& root, const fs::path& device) {
  const std::string product = read_small_file(device / "product_name");
  if (!product.empty()) return product;
  const std::string id = without_0x(read_small_file(device / "device"));
  const std::string name = marketing_name(root, id, without_0x(read_small_file(device / "revision")));
  return name.empty() ? "AMD GPU 1002:" + id : name;
}

std::string read_driver(const std::string& root) {
  const std::string own = read_small_file(root + "/sys/module/amdgpu/version");  // not of the kernel's own
  if (!own.empty()) return "amdgpu " + own;
  const std::string kernel = read_small_file(root + "/proc/sys/kernel/osrelease");
  return kernel.empty() ? "amdgpu" : "amdgpu of Linux " + kernel;
}

struct Card {
  fs::path device;
  int render_node = 0;
};

std::vector<Card> read_cards(const std::string& root) {
  std::vector<Card> cards;
  for (const auto& [number, path] : numbered_entries(root + "/sys/class/drm", "card")) {
    const fs::path device = path / "device";
    if (read_small_file(device / "vendor") != kAmd) continue;
    const std::map<int, fs::path> render = numbered_entries(device / "drm", "renderD");
    cards.push_back({device, render.empty() ? 0 : render.begin()->first});
  }
  return cards;
}

// The facts that the compute driver knows about a GPU.
struct Node {
  std::string gfx;
  int render_node = 0;
  bool is_in_cpu = false;
};

std::vector<Node> read_nodes(const std::string& root) {
  std::vector<Node> nodes;
  for (const auto& [number, path] : numbered_entries(root + "/sys/class/kfd/kfd/topology/nodes", "")) {
    const std::string file = path / "properties";
    const auto value = [&](std::string_view key) {
      return std::strtoll(read_line_value(file, key).c_str(), nullptr, 10);
    };
    const std::string gfx = gfx_name(value("gfx_target_version"));
    if (gfx.empty()) continue;  // a CPU
    nodes.push_back({gfx, static_cast<int>(value("drm_render_minor")), value("cpu_cores_count") > 0});
  }
  return nodes;
}

void read_memory(const Card& card, bool is_in_cpu, Device& device) {
  const auto megabytes = [&](const char* name) { return read_number(card.device / name) / kBytesInMebibyte; };
  device.memory_total_mb = megabytes("mem_info_vram_total");
  device.memory_used_mb = megabytes("mem_info_vram_used");
  const std::int64_t shared = megabytes("mem_info_gtt_total");
  const bool is_window = device.memory_total_mb <= kWindowMegabytesMax && shared > device.memory_total_mb;
  if (is_in_cpu || is_window) {
    device.unified_memory = true;
    device.memory_total_mb += shared;
    device.memory_used_mb += megabytes("mem_info_gtt_used");
  }
  device.memory_free_mb = std::max<std::int64_t>(device.memory_total_mb - device.memory_used_mb, 0);
}

AmdGpu describe(const ProbeRoots& roots, const Card& card, const Node& node) {
  AmdGpu gpu;
  gpu.gfx = node.gfx;
  gpu.render_node = card.render_node;
  gpu.device.name = read_name(roots.root, card.device);
  gpu.device.backend = "rocm";
  gpu.device.driver = read_driver(roots.root);
  gpu.device.features = node.gfx;
  read_memory(card, node.is_in_cpu, gpu.device);
  return gpu;
}

}  // namespace

std::vector<AmdGpu> read_amd_gpus(const ProbeRoots& roots) {
  const std::vector<Card> cards = read_cards(roots.root);
  const std::vector<Node> nodes = read_nodes(roots.root);
  std::vector<AmdGpu> all;
  // ROCm counts in the order of the nodes. A lone pair belongs together even where the kernel does not say so.
  for (const Node& node : nodes) {
    auto card = std::find_if(cards.begin(), cards.end(), [&](const Card& candidate) {
      return candidate.render_node != 0 && candidate.render_node == node.render_node;
    });
    if (card == cards.end() && cards.size() == 1 && nodes.size() == 1) card = cards.begin();
    if (card != cards.end()) all.push_back(describe(roots, *card, node));
  }
  if (nodes.empty()) {
    for (const Card& card : cards) all.push_back(describe(roots, card, {}));
  }
  std::vector<AmdGpu> visible;
  for (const int index : visible_devices(roots.rocm_visible, static_cast<int>(all.size()), {})) {
    visible.push_back(std::move(all[static_cast<std::size_t>(index)]));
    visible.back().device.id = static_cast<int>(visible.size()) - 1;
  }
  return visible;
}

std::vector<Device> probe_rocm() {
  std::vector<Device> devices;
  for (AmdGpu& gpu : read_amd_gpus(real_probe_roots())) devices.push_back(std::move(gpu.device));
  return devices;
}

}  // namespace mien
