#include "device/backend_package.h"

#include <sys/utsname.h>

#include <array>

namespace mien {
namespace {

// The same in every package of ONNX Runtime.
constexpr PackageFile kLicence = {"LICENSE", 1073, "2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c"};

}  // namespace

std::span<const BackendPackage> backend_packages() {
  static const std::array<BackendPackage, 3> table = {{
      {.backend = "cuda",
       .architecture = "x86_64",
       .platform = "manylinux_2_28_x86_64",
       .download_bytes = 255569273,
       .files = {{"libonnxruntime.so.1.31.1", 29421832,
                  "5104254339ecadae808da771bd0b63b240f0dbd466514234905e54372435c303"},
                 {"libonnxruntime_providers_cuda.so", 284014752,
                  "8387867e857499e045caff5d13ac6a5de29571c801562fa2dde0e45f1f31de52"},
                 {"libonnxruntime_providers_shared.so", 14632,
                  "086ec1d5388f64153d9c63470d126693db9a182c8ce236d3a1119068471b8a0d"},
                 kLicence}},
      {.backend = "rocm",
       .architecture = "x86_64",
       .platform = "manylinux_2_34_x86_64",
       .download_bytes = 21474043,
       .files = {{"libonnxruntime.so.1.27.1", 30421904,
                  "9364e82a085a7ade66ebe46dd5d21700cdafa0da856ff23744dc4049bf157d59"},
                 {"libonnxruntime_providers_migraphx.so", 554440,
                  "f3675ea398cf58f4926e25b42871682e0b0fc4948c046047bbd362842de15c4e"},
                 {"libonnxruntime_providers_shared.so", 15408,
                  "98cc35d20a8701b425d3b51ebbbd9186744c9abcec5d2270879f6c165a735228"},
                 kLicence}},
      {.backend = "webgpu",
       .architecture = "x86_64",
       .platform = "manylinux_2_28_x86_64",
       .download_bytes = 6892120,
       .files = {{"libonnxruntime_providers_webgpu.so", 16450888,
                  "9f76e3dc4459421958ad086a9da03bf7e5de9289e9a3a56e28bbb459773dec81"},
                 kLicence}},
  }};
  return table;
}

const BackendPackage* find_backend_package(std::string_view backend) {
  utsname system{};
  if (::uname(&system) != 0) return nullptr;
  for (const BackendPackage& package : backend_packages()) {
    if (package.backend == backend && package.architecture == system.machine) return &package;
  }
  return nullptr;
}

}  // namespace mien
