// Writes a model as mien runs it on a device: free of its declared size, and with --masked in the form that takes
// images of different sizes on one canvas. For bench/on_a_gpu.py, which runs models without mien.
//
//   model_as_run detector|embedder MODEL OUT.onnx [--masked]
//
// MODEL is a name of the catalogue or a path, as for mien. Exit code 1: it is no such model, or has no such form.
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "device/choose_runtime.h"
#include "models/load.h"
#include "models/mask.h"

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes read_model(const std::string& role, const std::string& name) {
  const mien::Settings settings = mien::load_settings();
  const mien::ModelFile file = mien::find_model(settings, role, name).take();
  const std::shared_ptr<mien::Runtime> runtime = mien::choose_runtime(settings, {}).runtime;
  if (role == "detector") return *mien::load_detector(*runtime, file, {.keep_model = true})->model;
  return *mien::load_embedder(*runtime, file, true)->model;
}

int write_model(std::span<char*> arguments) {
  const bool is_masked = arguments.size() == 4 && std::strcmp(arguments[3], "--masked") == 0;
  const std::string_view role = arguments.empty() ? "" : arguments[0];
  if ((arguments.size() != 3 && !is_masked) || (role != "detector" && (role != "embedder" || is_masked))) {
    std::fprintf(stderr, "usage: model_as_run detector|embedder MODEL OUT.onnx [--masked]\n");
    return 2;
  }
  Bytes model = read_model(arguments[0], arguments[1]);
  if (is_masked) model = mien::mask_model(model).take().model;
  std::ofstream out(arguments[2], std::ios::binary);
  out.write(reinterpret_cast<const char*>(model.data()), static_cast<std::streamsize>(model.size()));
  if (out.close(), out) return 0;
  std::fprintf(stderr, "model_as_run: cannot write %s\n", arguments[2]);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return write_model({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "model_as_run: %s\n", error.what());
    return 1;
  }
}
