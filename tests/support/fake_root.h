// A folder that stands for the root of a file system: /sys, /proc and /dev as a test wants them.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace mien::test {

class FakeRoot {
 public:
  FakeRoot() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mien_root_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~FakeRoot() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;

  const std::string& path() const { return path_; }
  // `name` starts with "/".
  void write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = path_ + name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  void make_folder(const std::string& name) const { std::filesystem::create_directories(path_ + name); }

  // An AMD card with 12 GB, of which 2 GB are used.
  void add_amd_card(int number, int render_node) const {
    const std::string device = "/sys/class/drm/card" + std::to_string(number) + "/device";
    write(device + "/vendor", "0x1002\n");
    write(device + "/device", "0x73df\n");
    write(device + "/revision", "0xc1\n");
    write(device + "/mem_info_vram_total", "12868124672\n");
    write(device + "/mem_info_vram_used", "2147483648\n");
    write(device + "/mem_info_gtt_total", "16777216000\n");
    make_folder(device + "/drm/renderD" + std::to_string(render_node));
  }

  // An Intel GPU with its driver; the one in a CPU lies at 0000:00:02.0.
  void add_intel_gpu(int number, const std::string& place, const std::string& id) const {
    const std::string device = "/sys/devices/pci0000:00/" + place;
    write(device + "/vendor", "0x8086\n");
    write(device + "/device", "0x" + id + "\n");
    const std::string card = "/sys/class/drm/card" + std::to_string(number);
    make_folder(card);
    make_folder("/sys/bus/pci/drivers/xe");
    std::filesystem::create_symlink(path_ + device, path_ + card + "/device");
    std::filesystem::create_symlink(path_ + "/sys/bus/pci/drivers/xe", path_ + device + "/driver");
  }

  void add_compute_node(int number, int gfx_version, int render_node, int cores = 0) const {
    write("/sys/class/kfd/kfd/topology/nodes/" + std::to_string(number) + "/properties",
          "cpu_cores_count " + std::to_string(cores) + "\nsimd_count 80\ngfx_target_version " +
              std::to_string(gfx_version) + "\ndrm_render_minor " + std::to_string(render_node) + "\n");
  }

 private:
  std::string path_;
};

}  // namespace mien::test
