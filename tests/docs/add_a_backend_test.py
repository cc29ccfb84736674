"""docs/add-a-backend.md: its lines, applied as they stand, give a backend that settings know and `auto` tries."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import edits

BUILD = pathlib.Path(os.environ["MIEN_BUILD"])
PACKAGE = os.environ.get("MIEN_PYTHON")  # where the Python package is built

MAIN = r"""
#include <cstdio>

#include "backends/backend.h"
#include "backends/backend_library.h"
#include "backends/backend_package.h"
#include "backends/doctor.h"
#include "backends/probe.h"

namespace mien {

// What the program takes from elsewhere.
std::vector<Device> probe_cuda() { return {}; }
std::vector<Device> probe_rocm() { return {}; }
std::vector<Device> probe_mps() { return {}; }
std::vector<Device> probe_webgpu() { return {}; }
std::vector<Device> probe_openvino() { return {}; }
Devices examine_cuda(Examination&, const Backend&) { return {}; }
Devices examine_rocm(Examination&, const Backend&) { return {}; }
Devices examine_mps(Examination&, const Backend&) { return {}; }
Devices examine_webgpu(Examination&, const Backend&) { return {}; }
Devices examine_openvino(Examination&, const Backend&) { return {}; }
Devices examine_plainly(Examination&, const Backend&) { return {}; }
Device read_cpu() { return {}; }
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
  for (const auto& [key, value] : backend.provider_options({.device_id = 1, .memory_bytes_max = 4096})) {
    std::printf("%s=%s ", key.c_str(), value.c_str());
  }
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

CHANGED = ["src/backends/backend.cpp", "src/backends/newgpu.cpp"]

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
    assert copy.new == ["src/backends/newgpu.cpp"], "one file"
    assert copy.edited == ["src/backends/backend.h", "src/backends/backend.cpp"], "one declaration and one row"
    program = copy.build([*edits.SETTINGS, *CHANGED, copy.write("main.cpp", MAIN)])
    done = edits.run(program, tmp_path)
    assert done.stdout == EXPECTED.format(devices=""), done.stderr
    folder = tmp_path / "sys/class/newgpu/newgpu0"
    folder.mkdir(parents=True)
    for name, text in {"name": "New GPU 1", "memory_mb": "8192", "memory_free_mb": "8000"}.items():
        (folder / name).write_text(text)
    done = edits.run(program, tmp_path)
    assert done.stdout == EXPECTED.format(devices="New GPU 1: 8000 of 8192 MB free, idle: New GPU 1\n"), done.stderr


def relink(copy):
    """The build's libmien.so with the changed table in the place of its own."""
    library = next(BUILD.glob("src/libmien.so.*.*.*"))
    entries = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout
    needed = [f"-l:{name}" for name in re.findall(r"\(NEEDED\).*\[(.+)\]", entries)]
    name = re.search(r"\(SONAME\).*\[(.+)\]", entries)[1]
    rest = shutil.copy(BUILD / "src" / "libmien.a", copy.root)
    subprocess.run(["ar", "d", rest, "backend.cpp.o"], check=True)
    target = copy.root / name
    command = [*edits.COMPILER.split(), "-shared", f"-Wl,-soname,{name}",
               f"-Wl,--version-script={edits.ROOT / 'src' / 'libmien.map'}",
               *(copy.compile(source, "-fPIC") for source in CHANGED), "-Wl,--whole-archive", rest,
               "-Wl,--no-whole-archive", *needed, "-o", target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


IN_PYTHON = """
import mien
from mien.insightface.providers import PROVIDERS
print(mien.GPUBackend("newgpu") is mien.GPUBackend.NEWGPU, [backend.value for backend in mien.GPUBackend])
print(PROVIDERS["NewGpuExecutionProvider"], mien.Settings({"GPU_BACKEND": "newgpu"}).native.gpu_backend)
"""


@pytest.mark.skipif(edits.lacks_compiler(), reason="no C++ compiler: set CXX")
@pytest.mark.skipif(PACKAGE is None, reason="the Python package is not built")
@pytest.mark.skipif(bool(re.search(r"^MIEN_SANITIZE:STRING=.", (BUILD / "CMakeCache.txt").read_text(), re.M)),
                    reason="a sanitizer wants to be the first library of the process")
def test_python_has_it_by_the_row_alone(tmp_path):
    library = relink(edits.Copy(edits.root_of(tmp_path), "add-a-backend.md"))
    done = subprocess.run([sys.executable, "-c", IN_PYTHON], capture_output=True, text=True, check=False,
                          env=os.environ | {"PYTHONPATH": PACKAGE, "LD_PRELOAD": str(library)})
    assert done.stdout == (
        "True ['cuda', 'rocm', 'mps', 'webgpu', 'openvino', 'newgpu', 'cpu']\nnewgpu newgpu\n"), done.stderr
