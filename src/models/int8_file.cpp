#include "models/int8_file.h"
#include "base/processor.h"

#include <fmt/format.h>

#include <filesystem>

#include "backends/backend.h"
#include "base/file.h"
#include "base/sha256.h"
#include "device/onnx_file.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFloatKey = "mien.int8.of";
constexpr const char* kProcessorKey = "mien.int8.processor";
constexpr const char* kMeasuredKey = "mien.int8.measured";
constexpr const char* kChecksumKey = "mien.int8.checksum";

void put(onnx::ModelProto& model, const char* key, const std::string& value) {
  onnx::StringStringEntryProto& entry = *model.add_metadata_props();
  entry.set_key(key);
  entry.set_value(value);
}

// Takes the entry out; empty where there is none.
std::string take(onnx::ModelProto& model, const char* key) {
  for (int i = 0; i < model.metadata_props_size(); ++i) {
    if (model.metadata_props(i).key() != key) continue;
    std::string value = model.metadata_props(i).value();
    model.mutable_metadata_props()->DeleteSubrange(i, 1);
    return value;
  }
  return "";
}

std::string checksum(const onnx::ModelProto& model) { return sha256_hex(sha256(serialize(model))); }

// Why the copy does not stand for the model; reads its origin.
std::string check(const Int8File& copy, const ModelFile& file, Int8Origin& origin) {
  Result<onnx::ModelProto> model = parse_model(copy.bytes);
  if (!model) return model.error().message;
  const std::string noted = take(*model, kChecksumKey);
  if (noted.empty()) return "it was not made by mien";
  if (noted != checksum(*model)) return "it was changed or damaged";
  origin = {take(*model, kFloatKey), take(*model, kProcessorKey), take(*model, kMeasuredKey)};
  if (file.info.path.empty()) return "its model is not installed";
  const Result<Sha256Digest> digest = sha256_file(file.info.path);
  if (!digest) return digest.error().message;
  if (sha256_hex(*digest) != origin.float_sha256)
    return fmt::format("it was made of another file than {}", file.info.path);
  const std::string processor = read_processor().name;
  if (processor != origin.processor) {
    return fmt::format("it was measured on another processor ({}, this is {})", origin.processor, processor);
  }
  return "";
}

}  // namespace

std::string int8_file_name(const ModelFile& file) {
  constexpr std::string_view kEnding = ".onnx";
  std::string name = file.row != nullptr ? file.row->file : fs::path(file.info.path).filename().string();
  if (name.ends_with(kEnding)) name.resize(name.size() - kEnding.size());
  return name + ".int8.onnx";
}

std::vector<std::uint8_t> write_int8_file(onnx::ModelProto model, const Int8Origin& origin) {
  put(model, kFloatKey, origin.float_sha256);
  put(model, kProcessorKey, origin.processor);
  put(model, kMeasuredKey, origin.measured);
  put(model, kChecksumKey, checksum(model));
  return serialize(model);
}

Int8File find_int8_file(const Settings& settings, const ModelFile& file) {
  const std::string advice = fmt::format("'mien models optimize {}'", file.row ? file.row->name : file.info.path);
  Int8File copy;
  copy.path = find_in_model_folders(settings, int8_file_name(file));
  if (copy.path.empty()) {
    copy.problem = fmt::format("{} makes an int8 detector where that gains", advice);
    return copy;
  }
  Result<std::vector<std::uint8_t>> bytes = read_file(copy.path, kModelBytesMax);
  std::string problem;
  if (bytes) {
    copy.bytes = std::move(*bytes);
    problem = check(copy, file, copy.origin);
  } else {
    problem = bytes.error().message;
  }
  if (!problem.empty()) copy.problem = fmt::format("{} is not used: {}: {} makes it again", copy.path, problem, advice);
  return copy;
}

}  // namespace mien
