// The kinds of detectors, and how to tell them apart by their outputs.
#pragma once

#include <span>
#include <string_view>

#include "ops/detect.h"

namespace mien {

extern const DetectorKind kScrfd;
extern const DetectorKind kYunet;
extern const DetectorKind kCenterFace;

// All of them.
std::span<const DetectorKind* const> detector_kinds();
// Null when there is none of this name.
const DetectorKind* find_detector_kind(std::string_view name);

// How the outputs of a session tell what it is. `landmarks` says whether it gives the five points.
struct DetectorMatch {
  const DetectorKind* kind = nullptr;
  bool landmarks = false;
};
// The kind is null when this is no detector that mien knows.
DetectorMatch match_detector(const Session& session);

}  // namespace mien
