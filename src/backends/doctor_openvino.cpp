// Intel's GPUs as OpenVINO drives them: by OpenCL or Level Zero, and not by Vulkan.
#include <algorithm>

#include "backends/doctor.h"

namespace mien {
namespace {

// OpenCL with Intel's part of it, which needs no more than the loader and a file that names it.
bool examine_driver(Examination& examination) {
  const SearchRoots& search = examination.roots().search;
  const std::vector<std::string> folders = loader_folders(search);
  const bool has_loader = !find_library("libOpenCL.so.1", folders).empty();
  const bool has_driver = examination.exists("/etc/OpenCL/vendors/intel.icd");
  if (has_loader && has_driver) {
    const bool has_level_zero = !find_library("libze_intel_gpu.so.1", folders).empty();
    examination.ok("driver", has_level_zero ? "OpenCL and Level Zero" : "OpenCL");
    return true;
  }
  examination.problem({"driver", has_loader ? "OpenCL has no driver of Intel's" : "libOpenCL.so.1 is missing",
                       "install intel-opencl-icd (WebGPU needs none of it)",
                       examination.apt_install("ocl-icd-libopencl1 intel-opencl-icd")});
  return false;
}

bool examine_intel_nodes(Examination& examination) {
  const std::vector<std::string> paths = examination.device_nodes("/dev/dri", "renderD");
  if (!paths.empty()) return examine_rights(examination, paths);
  const bool is_contained = !examination.container().empty();
  examination.problem({"device nodes", "/dev/dri/renderD* is missing",
                       is_contained ? "start the container with --device /dev/dri --group-add render"
                                    : "load the kernel's driver (i915, or xe for newer GPUs)"});
  return false;
}

}  // namespace

Devices examine_openvino(Examination& examination, const Backend& backend) {
  const Devices devices = read_intel_gpus(examination.roots().probe);
  if (devices.empty() && !examination.has_gpu_of(kIntel)) {
    (void)report_no_gpu(examination, backend, "Intel", "OpenVINO");
    return {};
  }
  if (examination.settings().gpu_backend != backend.name) {
    // Nothing is wrong where nobody asked for it: `auto` takes WebGPU.
    examination.skip("GPU", "an Intel GPU is here; openvino is used by its name alone (GPU_BACKEND=openvino)");
    return {};
  }
  const bool has_nodes = examine_intel_nodes(examination);
  const bool has_driver = examine_driver(examination);
  const bool is_complete = examine_library(examination, backend);
  examine_memory(examination, devices);
  if (has_nodes && has_driver && is_complete) examine_opening(examination, backend);
  return devices;
}

}  // namespace mien
