"""docs/add-a-backend.md: its lines, applied as they stand, give a backend that settings know and `auto` tries."""

import pytest

import edits

MAIN = r"""
#include <cstdio>

#include "backends/backend.h"
#include "backends/backend_library.h"
#include "backends/backend_package.h"
#include "backends/probe.h"

namespace mien {

// What the program takes from elsewhere.
std::vector<Device> probe_cuda() { return {}; }
std::vector<Device> probe_rocm() { return {}; }
std::vector<Device> probe_mps() { return {}; }
std::vector<Device> probe_webgpu() { return {}; }
std::vector<Device> probe_openvino() { return {}; }
Device read_processor() { return {}; }
std::string installed_backend_library(const Settings&, const Backend&) { return {}; }
const BackendPackage* find_backend_package(const Backend&) {
  static const BackendPackage package{};
  return &package;
}

static std::string root;
ProbeRoots real_probe_roots() { return {.root = root}; }
std::string read_small_file(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "r");
  char text[100] = "";
  if (file != nullptr && std::fgets(text, sizeof(text), file) == nullptr) text[0] = 0;
  if (file != nullptr) std::fclose(file);
  return text;
}

Settings load(const char* value) {
  SettingsSources sources;
  sources.environment = [value] { return std::vector<std::pair<std::string, std::string>>{{"GPU_BACKEND", value}}; };
  sources.dotenv_path = sources.user_path = "/nonexistent";
  return load_settings(sources);
}

void print_candidates(const char* backend) {
  std::printf("%s:", backend);
  for (const Backend* const candidate : candidate_backends(load(backend))) {
    std::printf(" %s", std::string(candidate->name).c_str());
  }
  std::printf("\n");
}

void print() {
  for (const std::string_view name : backend_names()) std::printf("%s ", std::string(name).c_str());
  std::printf("\n");
  print_candidates("newgpu");
  print_candidates("auto");
  try {
    (void)load("tpu");
  } catch (const Exception& error) {
    std::printf("%s\n", error.what());
  }
  const Backend& backend = *find_backend("newgpu");
  for (const auto& [key, value] : backend.provider_options(1, 4096)) std::printf("%s=%s ", key.c_str(), value.c_str());
  std::printf("\n");
  for (const Device& device : backend.probe_devices()) {
    std::printf("%s: %d of %d MB free, idle: %s\n", device.name.c_str(), static_cast<int>(device.memory_free_mb),
                static_cast<int>(device.memory_total_mb), find_idle_gpu().c_str());
  }
  std::printf("%s\n", find_backend_library(load("newgpu"), backend, "/nonexistent/libonnxruntime.so").problem.c_str());
}

}  // namespace mien

int main(int, char** arguments) {
  mien::root = arguments[1];
  mien::print();
}
"""

EXPECTED = """\
cuda rocm mps webgpu openvino newgpu cpu 
newgpu: newgpu
auto: cuda rocm mps webgpu newgpu
GPU_BACKEND=tpu is not valid: environment GPU_BACKEND: use one of auto, cuda, rocm, mps, webgpu, openvino, newgpu, cpu
device_id=1 memory_limit=4096 
{devices}libonnxruntime_providers_newgpu.so is not installed: run 'mien backends install newgpu'
"""


@pytest.mark.skipif(edits.lacks_compiler(), reason="no C++ compiler: set CXX")
def test_the_lines_of_the_document(tmp_path):
    copy = edits.Copy(edits.root_of(tmp_path), "add-a-backend.md")
    assert copy.new == ["src/device/newgpu.cpp"]
    program = copy.build([*edits.SETTINGS, "src/backends/backend.cpp", "src/device/newgpu.cpp",
                          copy.write("main.cpp", MAIN)])
    done = edits.run(program, tmp_path)
    assert done.stdout == EXPECTED.format(devices=""), done.stderr
    folder = tmp_path / "sys/class/newgpu/newgpu0"
    folder.mkdir(parents=True)
    for name, text in {"name": "New GPU 1", "memory_mb": "8192", "memory_free_mb": "8000"}.items():
        (folder / name).write_text(text)
    done = edits.run(program, tmp_path)
    assert done.stdout == EXPECTED.format(devices="New GPU 1: 8000 of 8192 MB free, idle: New GPU 1\n"), done.stderr
