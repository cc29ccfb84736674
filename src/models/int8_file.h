// The int8 copy of a detector that 'mien models optimize' keeps: where it lies, and whether it may stand for its model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "device/onnx_file.h"
#include "models/catalog.h"

namespace mien {

// What a copy says of itself, in the model's metadata: one file, so that nothing gets out of step with it.
struct Int8Origin {
  std::string float_sha256;  // of the file that it was made of
  std::string processor;     // where drift and time were measured: they hold there
  std::string measured;      // in a sentence
};

// "det_500m.int8.onnx"
std::string int8_file_name(const ModelFile& file);

// The file's bytes: with its origin, and a checksum of all the rest.
std::vector<std::uint8_t> write_int8_file(onnx::ModelProto model, const Int8Origin& origin);

struct Int8File {
  std::string path;     // empty: there is none
  std::string problem;  // why it does not stand for the model, or why there is none; what to do about it
  Int8Origin origin;
  std::vector<std::uint8_t> bytes;
  bool is_usable() const { return !path.empty() && problem.empty(); }
};

// In the folders of models, the first one of that name. Reads it and the model's own file.
Int8File find_int8_file(const Settings& settings, const ModelFile& file);

}  // namespace mien
