// The four measures of quality, in one pass over the pixels (docs/formats.md has the formulas).
#pragma once

#include "mien/face.h"
#include "mien/image.h"

namespace mien {

struct QualitySums;  // quality_kernel.h

// RGB or gray, at least 1x1. Borders: reflect-101; a side of one pixel has itself as its neighbour, as in OpenCV.
// Variances are population variances. overall_score is filled in; pose_angles and occlusion_score are not.
// All sums are integers: the numbers do not depend on the instruction set.
Quality measure_quality(ImageView pixels);

// The measures of n pixels with these sums, as measure_quality gives them.
Quality quality_of(const QualitySums& sums, double n);

// Measures the box clipped to the image (all zero when nothing of it lies inside), or the whole image without a box;
// adds the pose when there are landmarks.
Quality assess_part(ImageView pixels, const Box* bbox, const Landmarks* landmarks);

// The weighted score of measures that are filled in; a missing occlusion's weight is shared among the rest.
double overall_score(const Quality& measures);

// Yaw, pitch and roll from five landmarks; the method and its source are named at the definition (pose.cpp).
// All zero when the landmarks do not span a face (equal, on a line, not finite).
PoseAngles estimate_pose(const Landmarks& landmarks);

}  // namespace mien
