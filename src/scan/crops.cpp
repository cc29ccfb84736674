#include "scan/crops.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "base/utf8.h"
#include "image/encode.h"
#include "ops/crop.h"

namespace mien {
namespace {

constexpr double kMargin = 0.2;
constexpr int kJpegQuality = 95;
constexpr std::size_t kStemBytesMax = 80;
constexpr std::size_t kDigestDigits = 12;
constexpr mode_t kPrivateFolderMode = 0700;

}  // namespace

Crops cut_crops(ImageView upright, std::span<const Face> faces) {
  Crops crops(faces.size());
  for (std::size_t i = 0; i < faces.size(); ++i) {
    const PixelRect rect = clip_box(faces[i].bbox, kMargin, upright.width, upright.height);
    if (rect.width <= 0 || rect.height <= 0) continue;
    crops[i] = encode_jpeg(upright.crop(rect.x, rect.y, rect.width, rect.height), kJpegQuality);
  }
  return crops;
}

CropFolder::CropFolder(std::string path) : path_(std::move(path)) {
  const std::string shown = replace_invalid_utf8(path_);
  std::error_code failure;
  const std::filesystem::path parent = std::filesystem::path(path_).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, failure);
  if (!failure && ::mkdir(path_.c_str(), kPrivateFolderMode) != 0 && errno != EEXIST) {
    failure = std::error_code(errno, std::generic_category());
  }
  if (failure) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("cannot create the folder {} for crops: {}", shown, failure.message()));
  }
  if (!std::filesystem::is_directory(path_, failure)) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("cannot write crops to {}: it is not a folder, name one", shown));
  }
}

void CropFolder::write(const Record& record, const Crops& crops) const {
  for (std::size_t i = 0; i < crops.size(); ++i) {
    if (!crops[i].empty()) write_private_file(path_ + "/" + crop_name(record.source, record.sha256, i), crops[i]);
  }
}

std::string crop_name(const std::string& source, const std::string& sha256, std::size_t face) {
  std::string stem = source.substr(source.rfind('/') + 1);
  if (const std::size_t dot = stem.rfind('.'); dot != std::string::npos && dot > 0) stem.resize(dot);
  if (stem.size() > kStemBytesMax) stem.resize(kStemBytesMax);
  for (char& c : stem) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool is_safe = is_letter || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    if (!is_safe) c = '_';
  }
  // No hidden file, and no name that a command would take for an option.
  if (stem.empty() || stem.front() == '.' || stem.front() == '-') stem.insert(0, 1, '_');
  return fmt::format("{}_{}_{}.jpg", stem, sha256.substr(0, kDigestDigits), face);
}

}  // namespace mien
