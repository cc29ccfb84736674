#include "support/store_scene.h"

#include <stdlib.h>

#include <filesystem>
#include <random>

#include "base/half.h"
#include "base/sha256.h"

namespace mien {

StoreFolder::StoreFolder() {
  path_ = (std::filesystem::temp_directory_path() / "mien-store-XXXXXX").string();
  if (::mkdtemp(path_.data()) == nullptr) throw Exception(ErrorCode::io, "cannot make " + path_);
}

StoreFolder::~StoreFolder() {
  std::error_code failure;
  std::filesystem::remove_all(path_, failure);
}

std::string made_up_sha256(std::uint32_t content) {
  const std::string text = "content " + std::to_string(content);
  return sha256_hex(sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

std::vector<float> made_up_embedding(std::uint32_t seed, std::size_t dimensions) {
  std::mt19937 random(seed);
  std::vector<float> embedding;
  for (std::size_t i = 0; i < dimensions; ++i) {
    embedding.push_back(static_cast<float>(random()) / static_cast<float>(std::mt19937::max()) - 0.5F);
  }
  return embedding;
}

Record made_up_record(std::uint32_t content, const std::vector<Box>& boxes) {
  constexpr std::uint32_t kSeedsAContent = 1000;
  Record record;
  record.sha256 = made_up_sha256(content);
  record.terms = "terms-1";
  record.source_size = 1000 + content;
  record.source_mtime_ns = 1'000'000'000;
  record.analysis.format = "jpeg";
  record.analysis.width = 400;
  record.analysis.height = 300;
  record.analysis.phash = "00ff00ff00ff00ff";
  record.analysis.models = {"tiny", "tiny", "tiny-a"};
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    Face& face = record.analysis.faces.emplace_back();
    face.bbox = boxes[i];
    face.det_score = 0.9F - 0.01F * static_cast<float>(i);
    face.recognition_quality = 0.8F;
    face.embedding = made_up_embedding(content * kSeedsAContent + static_cast<std::uint32_t>(i));
  }
  return record;
}

std::vector<float> floats_of(std::span<const std::uint16_t> half) {
  std::vector<float> floats;
  for (const std::uint16_t value : half) floats.push_back(from_half(value));
  return floats;
}

}  // namespace mien
