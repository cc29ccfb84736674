#include "backends/backend_library.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "backends/backend_install.h"
#include "base/child.h"
#include "base/sha256.h"
#include "mien/log.h"
#include "support/contains.h"
#include "support/fake_root.h"
#include "support/variable.h"

namespace mien {
namespace {

namespace fs = std::filesystem;
using test::contains;
using test::FakeRoot;
using test::Variable;

constexpr const char* kWheel = "onnxruntime_gpu-1.31.1-cp312-cp312-manylinux_2_28_x86_64.whl";

std::string hash_of(const std::string& text) {
  return sha256_hex(sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

class BackendInstallTest : public ::testing::Test {
 protected:
  BackendInstallTest() {
    settings_.backend_dir = folder_.path() + "/backends";
    hashes_ = {hash_of("provider"), hash_of("runtime")};
    package_ = {
        .backend = "cuda",
        .package = "onnxruntime-gpu",
        .architecture = "x86_64",
        .platform = "manylinux_2_28_x86_64",
        .download_bytes = 1000,
        .files = {{"libonnxruntime_providers_cuda.so", 8, hashes_[0]}, {"libonnxruntime.so.1.31.1", 7, hashes_[1]}}};
    options_.wheels_folder = folder_.path() + "/wheels";
    make_wheel("provider", "runtime");
  }

  void make_wheel(const std::string& provider, const std::string& runtime) const {
    folder_.write("/in/onnxruntime/capi/libonnxruntime_providers_cuda.so", provider);
    folder_.write("/in/onnxruntime/capi/libonnxruntime.so.1.31.1", runtime);
    folder_.write("/in/onnxruntime/capi/other.so", "not wanted");
    folder_.make_folder("/wheels");
    const ChildResult made = run_program(
        {{"python3", "-m", "zipfile", "-c", folder_.path() + "/wheels/" + kWheel, folder_.path() + "/in/onnxruntime"}});
    ASSERT_EQ(made.exit_code, 0) << made.output << made.problem;
  }
  BackendLibrary install() const { return install_backend(settings_, {{find_backend("cuda"), &package_}}, options_); }
  Error install_error() const {
    try {
      install();
    } catch (const Exception& error) {
      return error.error();
    }
    ADD_FAILURE() << "it was installed";
    return {};
  }
  // Returns the names of what lies in the folder of all backends.
  std::set<std::string> left() const {
    std::set<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(settings_.backend_dir)) {
      names.insert(entry.path().filename());
    }
    return names;
  }

  FakeRoot folder_;
  Settings settings_;
  std::vector<std::string> hashes_;
  BackendPackage package_;
  InstallBackendOptions options_;
};

std::string option_of(const Backend& backend, std::string_view provider, std::string_view name,
                      const ProviderWish& wish = {.memory_bytes_max = 1 << 30}) {
  for (const auto& [key, value] : provider_options(backend, provider, wish)) {
    if (key == name) return value;
  }
  return {};
}

// The words of cudnn_conv_algo_search in ONNX Runtime's documentation of its CUDA provider.
TEST(ProviderOptions, CudaTakesTheSearchOfTheSettings) {
  const auto search_for = [](const std::string& setting) {
    const ProviderWish wish = {.cudnn_search = setting};
    return option_of(*find_backend("cuda"), "CUDAExecutionProvider", "cudnn_conv_algo_search", wish);
  };
  EXPECT_EQ(search_for("default"), "DEFAULT");
  EXPECT_EQ(search_for("heuristic"), "HEURISTIC");
  EXPECT_EQ(search_for("exhaustive"), "EXHAUSTIVE");
  const ProviderWish second = {.device_id = 1, .memory_bytes_max = 1 << 20};
  EXPECT_EQ(option_of(*find_backend("rocm"), "MIGraphXExecutionProvider", "device_id", second), "1");
  EXPECT_EQ(option_of(*find_backend("rocm"), "MIGraphXExecutionProvider", "migraphx_mem_limit", second), "1048576");
  EXPECT_EQ(option_of(*find_backend("rocm"), "MIGraphXExecutionProvider", "cudnn_conv_algo_search", second), "");
}

TEST(CompiledPrograms, HaveAFolderOfTheUsersOwn) {
  const FakeRoot root;
  const Variable cache("XDG_CACHE_HOME", root.path() + "/cache");
  const Backend& rocm = *find_backend("rocm");
  const std::string folder = option_of(rocm, "MIGraphXExecutionProvider", "migraphx_model_cache_dir");
  EXPECT_EQ(folder, root.path() + "/cache/mien/compiled/rocm-" + std::string(rocm.version));
  EXPECT_EQ(fs::status(folder).permissions(), fs::perms::owner_all);
  EXPECT_EQ(option_of(rocm, "MIGraphXExecutionProvider", "migraphx_model_cache_dir"), folder);
  const Backend& mps = *find_backend("mps");
  EXPECT_EQ(option_of(mps, "CoreMLExecutionProvider", "ModelCacheDirectory"),
            root.path() + "/cache/mien/compiled/mps-" + std::string(mps.version));
  EXPECT_EQ(option_of(mps, "WebGpuExecutionProvider", "ModelCacheDirectory"), "");
  EXPECT_EQ(option_of(*find_backend("cuda"), "CUDAExecutionProvider", "migraphx_model_cache_dir"), "");
}

TEST(CompiledPrograms, AreMadeAnewWhereNoFolderCanBe) {
  const FakeRoot root;
  root.write("/file", "");
  std::string warning;
  set_log_sink([&](LogLevel level, std::string_view message) {
    if (level == LogLevel::warning) warning = message;
  });
  {
    const Variable cache("XDG_CACHE_HOME", root.path() + "/file");
    EXPECT_EQ(compiled_folder(*find_backend("rocm")), "");
    EXPECT_TRUE(contains(warning, root.path() + "/file/mien/compiled/rocm-")) << warning;
  }
  const Variable cache("XDG_CACHE_HOME", root.path());
  fs::permissions(compiled_folder(*find_backend("rocm")), fs::perms::all);
  EXPECT_EQ(compiled_folder(*find_backend("rocm")), "");
  EXPECT_TRUE(contains(warning, "others may write there")) << warning;
  set_log_sink({});
}

TEST_F(BackendInstallTest, TakesWhatIsNeededOutOfAWheel) {
  EXPECT_EQ(installed_backend_library(settings_, *find_backend("cuda")), "");
  const BackendLibrary done = install();
  EXPECT_TRUE(done.installed);
  EXPECT_TRUE(done.removable);
  EXPECT_EQ(done.folder, settings_.backend_dir + "/cuda");
  EXPECT_EQ(installed_backend_library(settings_, *find_backend("cuda")),
            done.folder + "/libonnxruntime_providers_cuda.so");
  EXPECT_EQ(installed_backend_runtime(settings_, *find_backend("cuda")), done.folder + "/libonnxruntime.so.1.31.1");
  EXPECT_EQ(installed_backend_runtime(settings_, *find_backend("webgpu")), "");
  EXPECT_FALSE(fs::exists(done.folder + "/other.so"));
  EXPECT_EQ(left(), std::set<std::string>{"cuda"});
  const RemovedBackend removed = remove_backend(settings_, "cuda");
  EXPECT_EQ(removed.bytes_freed, 15);
  EXPECT_TRUE(left().empty());
}

TEST_F(BackendInstallTest, AnotherChecksumLeavesWhatWasThere) {
  install();
  make_wheel("PROVIDER", "runtime");
  options_.force = true;
  const Error error = install_error();
  EXPECT_EQ(error.code, ErrorCode::bad_data);
  EXPECT_TRUE(contains(error.message, "libonnxruntime_providers_cuda.so")) << error.message;
  EXPECT_TRUE(contains(error.message, "nothing was installed")) << error.message;
  EXPECT_EQ(left(), std::set<std::string>{"cuda"});
  EXPECT_EQ(fs::file_size(settings_.backend_dir + "/cuda/libonnxruntime_providers_cuda.so"), 8U);
  make_wheel("provider", "runtime");
  EXPECT_TRUE(install().installed);
}

TEST_F(BackendInstallTest, DoesNothingWhenItIsHere) {
  install();
  fs::remove_all(options_.wheels_folder);
  EXPECT_TRUE(install().installed);
}

TEST_F(BackendInstallTest, SaysWhatIsWrongWithAWheel) {
  make_wheel("longer than it may be", "runtime");
  EXPECT_EQ(install_error().code, ErrorCode::limit_exceeded);
  fs::remove(options_.wheels_folder + "/" + kWheel);
  EXPECT_TRUE(contains(install_error().message, "holds no onnxruntime_gpu-1.31.1-")) << install_error().message;
  folder_.write(std::string("/wheels/") + kWheel, "no archive");
  EXPECT_EQ(install_error().code, ErrorCode::bad_data);
  options_.wheels_folder = "/nonexistent";
  EXPECT_EQ(install_error().code, ErrorCode::not_found);
  EXPECT_TRUE(left().empty());
}

TEST_F(BackendInstallTest, SaysWhenThereIsNoRoom) {
  package_.download_bytes = std::int64_t{1} << 60;
  options_.wheels_folder.clear();
  EXPECT_TRUE(contains(install_error().message, "free room")) << install_error().message;
}

// Two packages in one folder, whatever was there before.
TEST_F(BackendInstallTest, PartsShareAFolder) {
  const Backend& provider = *find_backend("openvino");
  const std::vector<std::string> hashes = {hash_of("plugin"), hash_of("runtime")};
  const BackendPackage on_top = {.backend = "openvino",
                                 .package = provider.package,
                                 .architecture = "x86_64",
                                 .platform = "manylinux_2_28_x86_64",
                                 .download_bytes = 10,
                                 .files = {{provider.library, 6, hashes[0]}}};
  const BackendPackage below = {.backend = "openvino",
                                .package = "openvino",
                                .architecture = "x86_64",
                                .platform = "manylinux_2_28_x86_64",
                                .download_bytes = 20,
                                .files = {{openvino_package().library, 7, hashes[1]}}};
  const auto make = [&](const std::string& start, std::string_view library, const char* text) {
    folder_.write("/" + start + "/" + std::string(library), text);
    const std::string wheel = folder_.path() + "/wheels/" + start + "-py3-none-manylinux_2_28_x86_64.whl";
    ASSERT_EQ(run_program({{"python3", "-m", "zipfile", "-c", wheel, folder_.path() + "/" + start}}).exit_code, 0);
  };
  make("openvino-2026.4.1", openvino_package().library, "runtime");
  const std::string alone = installed_backend_library(
      settings_, *find_backend(install_backend(settings_, {{&openvino_package(), &below}}, options_).name));
  EXPECT_EQ(alone, "") << "the runtime for processors is no provider";
  EXPECT_THROW(install_backend(settings_, {{&provider, &on_top}, {&openvino_package(), &below}}, options_), Exception);
  EXPECT_NE(installed_backend_library(settings_, openvino_package()), "") << "what was there stays";
  make("onnxruntime_ep_openvino-1.8.1", provider.library, "plugin");
  const BackendLibrary both =
      install_backend(settings_, {{&provider, &on_top}, {&openvino_package(), &below}}, options_);
  EXPECT_TRUE(both.installed);
  EXPECT_EQ(both.download_bytes, 30);
  EXPECT_EQ(both.also, "openvino 2026.4.1 (Apache-2.0)");
  EXPECT_EQ(fs::path(installed_backend_library(settings_, provider)).parent_path(),
            fs::path(installed_backend_library(settings_, openvino_package())).parent_path());
}

TEST(BackendPackages, OfOpenvinoAreTheRuntimeAloneUnlessItsGpuIsWanted) {
  const FakeRoot root;
  Settings settings;
  settings.backend_dir = root.path();
  const auto package = [&] { return installable_backends(settings).back()->package; };
  EXPECT_EQ(package(), probe_openvino().empty() ? "openvino" : "onnxruntime-ep-openvino");
  settings.gpu_backend = "openvino";
  EXPECT_EQ(package(), "onnxruntime-ep-openvino");
  settings.gpu_backend = "auto";
  root.write("/openvino/" + std::string(find_backend("openvino")->library), "x");
  EXPECT_EQ(package(), "onnxruntime-ep-openvino");
}

TEST(CompiledPrograms, OfOpenvinoAreNamedInItsConfiguration) {
  const FakeRoot root;
  const Backend& openvino = *find_backend("openvino");
  const Variable cache("XDG_CACHE_HOME", root.path());
  const std::string folder = root.path() + "/mien/compiled/openvino-" + std::string(openvino.version);
  EXPECT_EQ(option_of(openvino, "OpenVINOExecutionProvider", "load_config"),
            R"({"CPU":{"CACHE_DIR":")" + folder + R"(","INFERENCE_PRECISION_HINT":"f32"},"GPU":{"CACHE_DIR":")" +
                folder + R"(","INFERENCE_PRECISION_HINT":"f32"}})");
  EXPECT_EQ(openvino.cache_value(""),
            R"({"CPU":{"INFERENCE_PRECISION_HINT":"f32"},"GPU":{"INFERENCE_PRECISION_HINT":"f32"}})");
}

// Two GPUs, of which the first is software.
std::vector<Device> two_gpus() {
  Device software;
  software.name = "software";
  software.is_software = true;
  Device real;
  real.id = 1;
  real.name = "real";
  return {software, real};
}

TEST(DescribedBackend, NamesTheDeviceThatTheSettingsMean) {
  const FakeRoot root;
  Settings settings;
  settings.backend_dir = root.path();
  Backend webgpu = *find_backend("webgpu");
  webgpu.probe_devices = two_gpus;
  Backend openvino = *find_backend("openvino");
  openvino.probe_devices = [] { return counted_devices(two_gpus(), false); };
  const auto chosen = [&](const Backend& backend) {
    const std::optional<Device> device = describe_backend(settings, backend).chosen;
    return device ? device->name : "none";
  };
  EXPECT_EQ(chosen(webgpu), "none") << "its library is not here";
  for (const Backend* const backend : {&webgpu, &openvino}) {
    root.write("/" + std::string(backend->name) + "/" + std::string(backend->library), "");
  }
  EXPECT_EQ(chosen(webgpu), "real");
  EXPECT_EQ(chosen(openvino), "none") << "it is used where it is named";
  settings.gpu_backend = "openvino";
  EXPECT_EQ(chosen(openvino), "real");
  EXPECT_EQ(chosen(webgpu), "none");
  settings.gpu_backend = "auto";
  settings.gpu_device_id = 1;
  EXPECT_EQ(chosen(webgpu), "none") << "software is not counted";
  settings.allow_software_gpu = true;
  EXPECT_EQ(chosen(webgpu), "real");
  settings.gpu_device_id = 0;
  EXPECT_EQ(chosen(webgpu), "software");
  settings.gpu_backend = "cpu";
  EXPECT_EQ(chosen(webgpu), "none");
}

TEST(BackendProviders, AreTheNamesThatProgramsAskFor) {
  using Names = std::vector<std::string_view>;
  EXPECT_EQ(backend_providers("cuda"), (Names{"TensorrtExecutionProvider", "CUDAExecutionProvider"}));
  EXPECT_EQ(backend_providers("mps"), (Names{"CoreMLExecutionProvider"}));
  EXPECT_EQ(backend_providers("cpu"), (Names{"CPUExecutionProvider"}));
  EXPECT_TRUE(backend_providers("tpu").empty());
  std::set<std::string_view> names;
  for (const Backend& backend : backends()) {
    for (const std::string_view name : backend_providers(backend.name)) EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(BackendPackages, AreThoseOfTheBackends) {
  Settings settings;
  settings.gpu_backend = "openvino";
  std::vector<const Backend*> all = installable_backends(settings);
  all.push_back(&openvino_package());
  for (const BackendPackage& package : backend_packages()) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const Backend* one) {
      return one->name == package.backend && one->package == package.package;
    });
    ASSERT_NE(found, all.end()) << package.backend;
    const Backend* const backend = *found;
    std::set<std::string_view> names;
    for (const PackageFile& file : package.files) {
      EXPECT_EQ(file.sha256.size(), 64U) << file.name;
      names.insert(file.name);
    }
    EXPECT_TRUE(names.contains(backend->library)) << package.backend;
    const std::string runtime = "libonnxruntime.so." + std::string(backend->version);
    EXPECT_EQ(names.contains(runtime), backend->brings_runtime) << package.backend;
    EXPECT_EQ(names.contains("libonnxruntime_providers_shared.so"), backend->brings_runtime) << package.backend;
  }
}

}  // namespace
}  // namespace mien
