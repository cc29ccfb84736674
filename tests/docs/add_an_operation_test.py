"""docs/add-an-operation.md: its lines, applied as they stand, give a setting, a placement and code that compiles."""

import pytest

import edits

MAIN = r"""
#include <cstdio>

// As one, which compiles in half of the time.
#include "ops/new_operation.cpp"
#include "pipeline/placement.cpp"

namespace mien {

// What the program takes from elsewhere.
std::vector<std::string_view> backend_names() { return {"cpu"}; }
Device read_cpu() { return {}; }
StageNote DeviceStages::counted(Operation) const { return {}; }
DeviceStages::~DeviceStages() = default;

Settings load(const char* value) {
  SettingsSources sources;
  sources.environment = [value] {
    return std::vector<std::pair<std::string, std::string>>{{"NEW_OPERATION_GPU", value}};
  };
  sources.dotenv_path = sources.user_path = "/nonexistent";
  return load_settings(sources);
}

void print() {
  const Settings settings = load("true");
  for (const SettingValue& value : settings.values) {
    if (value.name != "NEW_OPERATION_GPU") continue;
    std::printf("%s=%s from %s\n", value.name.c_str(), value.value.c_str(), value.source.c_str());
  }
  std::printf("enabled %d, by itself %d\n", settings.is_gpu_enabled_for_operation("new_operation"),
              load("").is_gpu_enabled_for_operation("new_operation"));
  std::printf("require %d\n", load("require").gpu_mode(Operation::new_operation) == GpuMode::require);
  try {
    (void)load("perhaps");
  } catch (const Exception& error) {
    std::printf("%s\n", error.what());
  }
  std::printf("row %s\n", std::string(kOperations[index_of(*find_operation("new_operation"))].owns).c_str());

  Engine::State engine;
  engine.options.settings = settings;
  GroupItem item;
  item.note(Operation::new_operation).on_cpu = 1;
  for (const Placement& placement : describe_placement(engine, item)) {
    std::printf("placement %s: asked %s, ran %s\n", placement.operation.c_str(), placement.requested.c_str(),
                placement.ran.c_str());
  }
  std::vector<std::uint8_t> bytes = {1, 2, 3, 9, 200, 7, 250};  // the last one is padding
  ImageView view;
  view.data = bytes.data();
  view.width = 2;
  view.height = 1;
  view.channels = 3;
  view.stride = 7;
  std::printf("brightest %d\n", brightest_byte(view));
  const Graph graph = make_new_operation_graph();
  std::printf("graph %s: %zu inputs, %zu nodes\n", graph.name.c_str(), graph.inputs.size(), graph.nodes.size());
}

}  // namespace mien

int main() { mien::print(); }
"""

# What is compiled without making code.
READ = r"""
#define MIEN_TEST_DATA ""
#include "ops/new_operation_test.cpp"
#include "pipeline/analyze.cpp"
#include "pipeline/device_stages.cpp"
"""

# An operation must not cost more than this in files that are there already.
EDITS_MAX = 6
FILES_MAX = 4

EXPECTED = """\
NEW_OPERATION_GPU=true from environment NEW_OPERATION_GPU
enabled 1, by itself 0
require 1
NEW_OPERATION_GPU=perhaps is not valid: environment NEW_OPERATION_GPU: use auto, false, true or require
row the brightest byte
placement new_operation: asked gpu, ran cpu
brightest 200
graph new_operation: 3 inputs, 5 nodes
"""


@pytest.mark.skipif(edits.lacks_compiler(), reason="no C++ compiler: set CXX")
def test_the_lines_of_the_document(tmp_path):
    copy = edits.Copy(edits.root_of(tmp_path), "add-an-operation.md")
    assert copy.new == ["src/ops/new_operation.h", "src/ops/new_operation.cpp", "tests/ops/new_operation_test.cpp"]
    assert len(copy.edited) <= EDITS_MAX and len(set(copy.edited)) <= FILES_MAX, copy.edited
    sources = [copy.write("main.cpp", MAIN), *edits.SETTINGS, "src/ops/device_image.cpp", "src/ops/device_pixels.cpp",
               "src/device/graph.cpp", "src/image/image.cpp", "src/image/spare_images.cpp"]
    done = edits.run(copy.build(sources, [copy.write("read.cpp", READ)]))
    assert done.stdout == EXPECTED, done.stderr
