#include "backends/doctor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "backends/elf.h"
#include "backends/library_search.h"
#include "support/contains.h"
#include "support/fake_root.h"

namespace mien {
namespace {

using test::contains;
using test::FakeRoot;
using Variables = std::vector<std::pair<std::string, std::string>>;

// A computer in a folder; backends lie in it too.
class DoctorTest : public ::testing::Test {
 protected:
  DoctorTest() {
    settings_.backend_dir = root_.path() + "/backends";
    roots_.probe.root = root_.path();
    roots_.probe.nvml_library = root_.path() + "/libnvidia-ml.so.1";
    roots_.probe.vulkan_library = root_.path() + "/libvulkan.so.1";
    roots_.search.root = root_.path();
    roots_.search.variable = [this](std::string_view name) { return environment_[std::string(name)]; };
    roots_.user = "ada";
    roots_.may_use = [this](const std::string& path) {
      return std::find(refused_.begin(), refused_.end(), path.substr(root_.path().size())) == refused_.end();
    };
    roots_.group_of = [](const std::string& path) { return std::string(contains(path, "kfd") ? "render" : "video"); };
    roots_.open = [this](const Backend&, const Variables& variables) {
      tried_.push_back(variables);
      return opening_;
    };
    root_.write("/etc/debian_version", "12.0\n");
  }
  ~DoctorTest() override { ::unsetenv("FAKE_NVML"); }

  void add_gpu(const std::string& vendor) {
    root_.write("/sys/bus/pci/devices/0000:01:00.0/vendor", vendor + "\n");
    root_.write("/sys/bus/pci/devices/0000:01:00.0/class", "0x030000\n");
  }
  // An NVIDIA GPU with its driver and nodes.
  void add_nvidia() {
    add_gpu("0x10de");
    roots_.probe.nvml_library = MIEN_TEST_FAKE_NVML;
    for (const char* node : {"/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"}) root_.write(node, "");
  }
  void add_amd(int gfx_version) {
    add_gpu("0x1002");
    root_.add_amd_card(0, 128);
    root_.add_compute_node(1, gfx_version, 128);
    root_.write("/dev/kfd", "");
    root_.write("/dev/dri/renderD128", "");
  }
  // The library is no ELF file, so that it needs nothing; CUDA's is told to open some later.
  void install(const std::string& name, const std::string& library) {
    root_.write("/backends/" + name + "/" + library, "x");
    root_.write("/backends/" + name + "/libonnxruntime.so.1", "x");
  }
  void install_cuda() {
    install("cuda", "libonnxruntime_providers_cuda.so");
    for (const char* name : {"libcudnn.so.9", "libcufft.so.12", "libnvrtc.so.13"}) {
      root_.write("/usr/lib/x86_64-linux-gnu/" + std::string(name), "x");
    }
  }

  DoctorReport report() const { return diagnose(settings_, roots_); }
  static const DoctorCheck& row(const DoctorReport& report, const std::string& backend, const std::string& what) {
    static const DoctorCheck none;
    for (const DoctorCheck& check : report.checks) {
      if (check.backend == backend && check.what == what) return check;
    }
    ADD_FAILURE() << "no row " << backend << " " << what;
    return none;
  }

  FakeRoot root_;
  Settings settings_;
  DoctorRoots roots_;
  std::map<std::string, std::string> environment_;
  std::vector<std::string> refused_;
  std::string opening_;
  mutable std::vector<Variables> tried_;
};

TEST_F(DoctorTest, AComputerWithoutAGpuIsFineUnlessOneIsAsked) {
  const DoctorReport plain = report();
  EXPECT_EQ(plain.exit_code(), 0);
  EXPECT_EQ(plain.backend, "cpu");
  EXPECT_TRUE(plain.commands.empty());
  for (const DoctorCheck& check : plain.checks) EXPECT_NE(check.finding, Finding::problem) << check.what;
  settings_.all_gpu = true;
  EXPECT_EQ(report().exit_code(), 3);
  settings_.all_gpu = false;
  settings_.gpu_backend = "cuda";
  EXPECT_EQ(report().exit_code(), 3);
  settings_.gpu_backend = "cpu";
  settings_.all_gpu = true;
  EXPECT_EQ(report().exit_code(), 0);
}

TEST_F(DoctorTest, ACompleteCudaIsUsed) {
  add_nvidia();
  install_cuda();
  settings_.all_gpu = true;
  const DoctorReport found = report();
  EXPECT_EQ(found.exit_code(), 0);
  EXPECT_EQ(found.backend, "cuda");
  EXPECT_TRUE(contains(found.device, "RTX 4090")) << found.device;
  EXPECT_TRUE(found.commands.empty());
  EXPECT_EQ(row(found, "cuda", "opening").finding, Finding::ok);
  settings_.all_gpu = false;
  EXPECT_EQ(report().commands, std::vector<std::string>{"export ALL_GPU=true"});
}

TEST_F(DoctorTest, WhatCudaLacksIsNamedWithTheLineThatInstallsIt) {
  add_nvidia();
  settings_.all_gpu = true;
  DoctorReport found = report();
  EXPECT_EQ(found.exit_code(), 3);
  EXPECT_EQ(found.commands, (std::vector<std::string>{"mien backends install cuda", "mien doctor"}));
  install("cuda", "libonnxruntime_providers_cuda.so");
  found = report();
  EXPECT_TRUE(contains(row(found, "cuda", "libraries").found, "libcudnn.so.9"));
  ASSERT_FALSE(found.commands.empty());
  EXPECT_EQ(found.commands[0], "python3 -m pip install --target " + root_.path() +
                                   "/backends/packages nvidia-cudnn-cu13 nvidia-cufft nvidia-cuda-nvrtc");
  EXPECT_TRUE(tried_.empty());
  // The libraries that this command installs are found.
  for (const char* name : {"cudnn/lib/libcudnn.so.9", "cu13/lib/libcufft.so.12", "cu13/lib/libnvrtc.so.13"}) {
    root_.write("/backends/packages/nvidia/" + std::string(name), "x");
  }
  EXPECT_EQ(report().exit_code(), 0);
}

TEST_F(DoctorTest, CudaWithoutDriverRightsOrNodes) {
  add_gpu("0x10de");
  settings_.all_gpu = true;
  DoctorReport found = report();
  EXPECT_TRUE(contains(row(found, "cuda", "driver").advice, "install NVIDIA's driver"));
  EXPECT_EQ(found.commands.front(), "sudo apt-get install nvidia-driver");
  add_nvidia();
  install_cuda();
  refused_ = {"/dev/nvidia0"};
  found = report();
  EXPECT_EQ(found.commands.front(), "sudo usermod -aG video,render ada");
  std::filesystem::remove(root_.path() + "/dev/nvidia-uvm");
  EXPECT_EQ(report().commands.front(), "sudo nvidia-modprobe -u -c 0");
}

TEST_F(DoctorTest, AContainerWithoutTheDeviceIsToldTheFlag) {
  add_gpu("0x10de");
  root_.write("/.dockerenv", "");
  EXPECT_TRUE(contains(row(report(), "cuda", "container").advice, "--gpus all"));
  root_.write("/run/.containerenv", "");
  EXPECT_TRUE(contains(row(report(), "cuda", "container").advice, "--device nvidia.com/gpu=all"));
  add_amd(100300);
  std::filesystem::remove(root_.path() + "/dev/kfd");
  EXPECT_TRUE(contains(row(report(), "rocm", "container").advice, "--device /dev/kfd --device /dev/dri"));
}

TEST_F(DoctorTest, AHiddenOrMissingDeviceIsSaid) {
  add_nvidia();
  install_cuda();
  settings_.all_gpu = true;
  settings_.gpu_device_id = 2;
  EXPECT_TRUE(contains(row(report(), "cuda", "device").found, "GPU_DEVICE_ID=2 and there are 2"));
  roots_.probe.cuda_visible = "-1";
  environment_["CUDA_VISIBLE_DEVICES"] = "-1";
  EXPECT_EQ(report().commands.front(), "unset CUDA_VISIBLE_DEVICES");
}

TEST_F(DoctorTest, SoftwareThatMayNotBeUsedIsNotCounted) {
  Examination examination(settings_, roots_);
  Device software;
  software.is_software = true;
  Device real;
  real.id = 1;
  real.name = "Real GPU";
  examine_memory(examination, {software, real});
  EXPECT_TRUE(contains(examination.checks().back().found, "Real GPU")) << examination.checks().back().found;
  settings_.gpu_device_id = 1;
  examine_memory(examination, {software, real});
  EXPECT_EQ(examination.checks().back().found, "GPU_DEVICE_ID=1 and there are 1");
}

TEST_F(DoctorTest, ABackendWithoutChecksOfItsOwnHasThoseOfAll) {
  Backend backend{.name = "newgpu", .label = "New GPU", .library = "libnewgpu.so", .package = "newgpu"};
  Examination examination(settings_, roots_);
  EXPECT_TRUE(backend.examine(examination, backend).empty());
  EXPECT_EQ(examination.checks().back().found, "no New GPU device found");
  backend.probe_devices = [] { return std::vector<Device>(1); };
  EXPECT_EQ(backend.examine(examination, backend).size(), 1U);
  EXPECT_EQ(examination.checks().back().found, "libnewgpu.so is not installed");
}

TEST_F(DoctorTest, Gfx1031IsTriedAsItsRelative) {
  add_amd(100301);
  settings_.gpu_backend = "rocm";
  DoctorReport found = report();
  EXPECT_TRUE(tried_.empty());
  EXPECT_EQ(row(found, "rocm", "GPU's code").commands.front(), "export HSA_OVERRIDE_GFX_VERSION=10.3.0");
  install("rocm", "libonnxruntime_providers_migraphx.so");
  found = report();
  ASSERT_EQ(tried_.size(), 1U);
  EXPECT_EQ(tried_[0], (Variables{{"HSA_OVERRIDE_GFX_VERSION", "10.3.0"}}));
  EXPECT_TRUE(contains(row(found, "rocm", "GPU's code").advice, "it was tried"));
  EXPECT_EQ(found.exit_code(), 3);
  opening_ = "hipErrorNoBinaryForGpu";
  found = report();
  EXPECT_EQ(found.commands[0], "mien backends install webgpu");
  EXPECT_EQ(found.commands[1], "export GPU_BACKEND=webgpu");
  opening_.clear();
  environment_["HSA_OVERRIDE_GFX_VERSION"] = "10.3.0";
  EXPECT_EQ(report().exit_code(), 0);
}

TEST_F(DoctorTest, AmdRightsNameUsermod) {
  add_amd(100300);
  refused_ = {"/dev/kfd", "/dev/dri/renderD128"};
  const DoctorReport found = report();
  EXPECT_EQ(row(found, "rocm", "rights").commands.front(), "sudo usermod -aG render,video ada");
}

TEST_F(DoctorTest, TwoRuntimesInOneFolderAreAProblem) {
  add_nvidia();
  install_cuda();
  EXPECT_EQ(report().backend, "cuda");
  root_.write("/backends/cuda/libonnxruntime.so.1.27.1", "another build");
  const DoctorReport found = report();
  EXPECT_TRUE(contains(row(found, "cuda", "runtime").found, "different builds"));
  EXPECT_EQ(found.backend, "cpu");
}

TEST_F(DoctorTest, WhatTheLoaderSaysIsShownWithItsRemedy) {
  add_nvidia();
  install_cuda();
  opening_ = "libcublasLt.so.13: cannot open shared object file: No such file or directory";
  const DoctorCheck opening = row(report(), "cuda", "opening");
  EXPECT_EQ(opening.found, opening_);
  EXPECT_TRUE(contains(opening.advice, "nvidia-cublas")) << opening.advice;
}

TEST_F(DoctorTest, VulkanWithoutLoaderOnAComputerWithAGpu) {
  add_gpu("0x8086");
  root_.write("/dev/dri/renderD128", "");
  const DoctorReport found = report();
  EXPECT_EQ(row(found, "webgpu", "Vulkan's loader").commands.front(), "sudo apt-get install libvulkan1");
  EXPECT_EQ(row(found, "openvino", "GPU").finding, Finding::not_applicable);
}

TEST_F(DoctorTest, OpenvinoIsLookedAtByItsNameAlone) {
  root_.add_intel_gpu(0, "0000:00:02.0", "46a6");
  EXPECT_TRUE(contains(row(report(), "openvino", "GPU").found, "GPU_BACKEND=openvino"));
  settings_.gpu_backend = "openvino";
  root_.write("/dev/dri/renderD128", "");
  refused_ = {"/dev/dri/renderD128"};
  const DoctorReport found = report();
  EXPECT_EQ(found.exit_code(), 3);
  EXPECT_EQ(row(found, "openvino", "rights").commands.front(), "sudo usermod -aG video,render ada");
  EXPECT_EQ(row(found, "openvino", "driver").commands.front(),
            "sudo apt-get install ocl-icd-libopencl1 intel-opencl-icd");
  EXPECT_EQ(row(found, "openvino", "backend").commands.front(), "mien backends install openvino");
}

TEST_F(DoctorTest, OpenvinoThatIsComplete) {
  settings_.gpu_backend = "openvino";
  EXPECT_EQ(report().exit_code(), 3);
  EXPECT_TRUE(contains(row(report(), "openvino", "GPU").found, "no Intel GPU"));
  root_.add_intel_gpu(0, "0000:00:02.0", "46a6");
  for (const char* const name :
       {"/dev/dri/renderD128", "/etc/OpenCL/vendors/intel.icd", "/usr/lib/x86_64-linux-gnu/libOpenCL.so.1"}) {
    root_.write(name, "x");
  }
  install("openvino", "libonnxruntime_providers_openvino_plugin.so");
  const DoctorReport found = report();
  EXPECT_EQ(found.backend, "openvino");
  EXPECT_EQ(row(found, "openvino", "driver").found, "OpenCL");
  opening_ = "OpenVINO (Intel GPUs) finds no device";
  EXPECT_EQ(report().backend, "cpu");
}

TEST(Remedies, KnowTheLibrariesOfTheBackends) {
  for (const auto& [error, part] : std::vector<std::pair<std::string, std::string>>{
           {"Failed to load library libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open",
            "nvidia-cublas "},
           {"libcudnn.so.9: cannot open shared object file", "nvidia-cudnn-cu13"},
           {"libcudart.so.12: cannot open shared object file", "nvidia-cuda-runtime-cu12"},
           {"libmigraphx_c.so.3: cannot open shared object file", "migraphx"},
           {"libamdhip64.so.7: cannot open shared object file", "hip-runtime-amd"},
           {"libvulkan.so.1: cannot open shared object file", "libvulkan1"},
           {"CUDA failure 2: out of memory", "GPU_BATCH_SIZE"}}) {
    EXPECT_TRUE(contains(remedy_for(error), part)) << error << " -> " << remedy_for(error);
  }
  EXPECT_EQ(remedy_for("something else"), "");
}

TEST(NeededLibraries, AreReadFromTheFile) {
  const std::vector<std::string> names = needed_libraries("/proc/self/exe");
  const bool has_c =
      std::any_of(names.begin(), names.end(), [](const std::string& name) { return name.starts_with("libc.so"); });
  EXPECT_TRUE(has_c);
  const FakeRoot root;
  root.write("/short",
             "\x7f"
             "ELF");
  EXPECT_TRUE(needed_libraries(root.path() + "/short").empty());
  EXPECT_TRUE(needed_libraries(root.path() + "/absent").empty());
}

}  // namespace
}  // namespace mien
