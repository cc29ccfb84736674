// The table of operations. Settings, `mien bench`, `mien devices`, metrics and the documentation
// are derived from it; a new operation is one row here and one file in this folder.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "mien/settings.h"

namespace mien {

// Positions in kOperations.
enum class OperationId : std::size_t {
  face_detection,
  face_embedding,
  image_processing,
  image_enhancement,
  quality_checks,
};

struct Operation {
  OperationId id;
  std::string_view name;
  std::string_view flag;  // the setting that moves it to the GPU: the name in capitals and "_GPU"
  std::string_view owns;  // what that setting moves
};

inline constexpr std::array<Operation, kOperationCount> kOperations = {{
    {OperationId::face_detection, "face_detection", "FACE_DETECTION_GPU", "letterbox, normalise, detector"},
    {OperationId::face_embedding, "face_embedding", "FACE_EMBEDDING_GPU", "warp to 112x112, embedder"},
    {OperationId::image_processing, "image_processing", "IMAGE_PROCESSING_GPU", "resize, crop, thumbnail"},
    {OperationId::image_enhancement, "image_enhancement", "IMAGE_ENHANCEMENT_GPU",
     "upscale, contrast, sharpness, unsharp"},
    {OperationId::quality_checks, "quality_checks", "QUALITY_CHECKS_GPU", "blur, brightness, contrast, sharpness"},
}};

constexpr bool has_model(OperationId id) {
  return id == OperationId::face_detection || id == OperationId::face_embedding;
}
constexpr const Operation& operation(OperationId id) { return kOperations[static_cast<std::size_t>(id)]; }

// Null when no operation has this name.
const Operation* find_operation(std::string_view name);

}  // namespace mien
