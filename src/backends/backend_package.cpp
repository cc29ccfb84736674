#include "backends/backend_package.h"

#include <sys/utsname.h>

#include <array>

namespace mien {
namespace {

// The same in every package of ONNX Runtime.
constexpr PackageFile kLicence = {"LICENSE", 1073, "2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c"};

}  // namespace

std::span<const BackendPackage> backend_packages() {
  static const std::array<BackendPackage, 5> table = {{
      {.backend = "cuda",
       .package = "onnxruntime-gpu",
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
       .package = "onnxruntime-migraphx",
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
       .package = "onnxruntime-ep-webgpu",
       .architecture = "x86_64",
       .platform = "manylinux_2_28_x86_64",
       .download_bytes = 6892120,
       .files = {{"libonnxruntime_providers_webgpu.so", 16450888,
                  "9f76e3dc4459421958ad086a9da03bf7e5de9289e9a3a56e28bbb459773dec81"},
                 kLicence}},
      {.backend = "openvino",
       .package = "openvino",
       .architecture = "x86_64",
       .platform = "manylinux_2_28_x86_64",
       .download_bytes = 59144434,
       .files = {{"libopenvino_c.so.2641", 377505, "d2d0836d422b21fc5da2739af0d6035df3fc6dd5e4756402eb848974edecf8a5"},
                 {"libopenvino.so.2641", 20526937, "9b9a80ac1f18e07b13ed54459d9a865bcfe9dc170dbf8fe740c2974b85ecedc1"},
                 {"libopenvino_intel_cpu_plugin.so", 63691929,
                  "6599e3dd300d047b5ed72f8e48101c5f312c25321f35f57f803641ff8372900b"},
                 {"libopenvino_onnx_frontend.so.2641", 6827321,
                  "82d499f5b5e8514def7aaa1ecd5a9f570542d33ae9d00a0077f707cccd0e0192"},
                 {"libtbb.so.12", 369313, "ac9518497a4f2cb6729792730f145ee58367316031511923fef263c9ac81ca61"},
                 {"LICENSE", 11357, "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4"},
                 {"onednn_third-party-programs.txt", 28475,
                  "f1b16991dfe8488f3f5f07cccba575c31c91175a9f2c8d9e1569665f86e0b2f6"},
                 {"onetbb_third-party-programs.txt", 46979,
                  "b10997cc50652ba6ab365e3bc43e13057681cd4a56533b46171529bd249749f3"},
                 {"runtime-third-party-programs.txt", 120451,
                  "caf4040a8c3043c9fdc7638ccc61078b40ce623e69e3bcd2bc544ae70a368b2f"}}},
      // These files go on top of the package above: the other libraries of both are equal to the last byte. The table
      // of tuned kernels stays behind: it is for 16 bits.
      {.backend = "openvino",
       .package = "onnxruntime-ep-openvino",
       .architecture = "x86_64",
       .platform = "manylinux_2_28_x86_64",
       .download_bytes = 52587628,
       .files = {{"libonnxruntime_providers_openvino_plugin.so", 3069280,
                  "99644306dea90173d2fac5e2ad8d10c9574ecf6e6e71ca30e426531abd5a717f"},
                 {"libopenvino_intel_gpu_plugin.so", 41732569,
                  "e494cf8fb428f1fecfad35e2bac7b2fb24159ac6b13fe19027f0c4ae36374b33"},
                 {"third-party-programs.txt", 13680,
                  "cf1dc931aee305019c370a5e6398040e43afa8e22664118710f8b0e13c02de0c"}}},
  }};
  return table;
}

const BackendPackage* find_backend_package(const Backend& backend) {
  utsname system{};
  if (::uname(&system) != 0) return nullptr;
  for (const BackendPackage& package : backend_packages()) {
    const bool is_of_backend = package.backend == backend.name && package.package == backend.package;
    if (is_of_backend && package.architecture == system.machine) return &package;
  }
  return nullptr;
}

}  // namespace mien
