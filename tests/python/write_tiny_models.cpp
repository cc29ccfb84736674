// Writes a detector and an embedder that take no time, for tests of all that lies around models:
//   write_tiny_models FOLDER     makes detector.onnx and embedder.onnx there
#include <fstream>
#include <string>

#include "support/tiny_models.h"

namespace {

bool write(const std::string& path, const mien::test::ByteVector& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return file.good();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string folder = argv[1];
  const bool is_written = write(folder + "/detector.onnx", mien::test::make_tiny_scrfd({.side = 0})) &&
                          write(folder + "/embedder.onnx", mien::test::make_tiny_embedder({.batch = 0}));
  return is_written ? 0 : 1;
}
