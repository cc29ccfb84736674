#include "models/detectors.h"

#include <array>

namespace mien {
namespace {

bool has_output(const Session& session, std::string_view name) {
  for (const TensorInfo& output : session.outputs()) {
    if (output.name == name) return true;
  }
  return false;
}

// YuNet's twelve outputs are known by name: an image can have them in any order.
bool is_yunet(const Session& session) {
  return session.outputs().size() == 12 && has_output(session, "cls_8") && has_output(session, "kps_32");
}

bool is_centerface(const Session& session) {
  const std::vector<TensorInfo>& outputs = session.outputs();
  if (outputs.size() != 4) return false;
  for (const TensorInfo& output : outputs) {
    // Shapes may have been freed; a four-output model with another rank is not CenterFace.
    if (!output.shape.empty() && output.shape.size() != 4) return false;
  }
  return true;
}

// Three strides with two anchors each (6 or 9 outputs), or five with one (10 or 15); a third of each with landmarks.
bool is_scrfd(const Session& session) {
  const std::size_t count = session.outputs().size();
  return count == 6 || count == 9 || count == 10 || count == 15;
}

}  // namespace

std::span<const DetectorKind* const> detector_kinds() {
  static constexpr std::array<const DetectorKind*, 3> kKinds = {&kScrfd, &kYunet, &kCenterFace};
  return kKinds;
}

const DetectorKind* find_detector_kind(std::string_view name) {
  for (const DetectorKind* const kind : detector_kinds()) {
    if (kind->name == name) return kind;
  }
  return nullptr;
}

DetectorMatch match_detector(const Session& session) {
  if (is_yunet(session)) return {&kYunet, true};
  if (is_centerface(session)) return {&kCenterFace, true};
  if (is_scrfd(session)) {
    const std::size_t count = session.outputs().size();
    return {&kScrfd, count == 9 || count == 15};
  }
  return {};
}

}  // namespace mien
