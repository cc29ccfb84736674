// The pose of a face from five landmarks.
//
// Method: weak perspective (scaled orthography), solved in closed form, as the POS step of D. DeMenthon and L. Davis,
// "Model-based object pose in 25 lines of code", IJCV 15, 1995: a least-squares fit of the 2 x 3 matrix that maps a
// 3-D face model onto the landmarks. Its nearest scaled rotation is the polar factor, which turns with the image, so
// that a photo rotated by a degrees has a roll larger by a.
//
// Model: x and y are the alignment template of ArcFace (J. Deng and others, CVPR 2019), made symmetric: the mean of
// frontal faces, so that a frontal face has no pitch. Depths are those of MediaPipe's canonical face model (inner and
// outer eye corners averaged, nose tip, mouth corners; centimetres), scaled by the distance between the eyes.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "ops/quality.h"

namespace mien {
namespace {

struct Vector {
  double x = 0;
  double y = 0;
  double z = 0;
};

constexpr double dot(const Vector& a, const Vector& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

// x to the right, y down, z away from the viewer, in pixels of the template.
constexpr double kEyeDistance = 35.237;
constexpr double kPixelsPerCm = kEyeDistance / 6.302;  // between MediaPipe's eye centres
constexpr double kEyeDepth = -3.466 * kPixelsPerCm;
constexpr double kNoseDepth = -7.476 * kPixelsPerCm;
constexpr double kMouthDepth = -4.284 * kPixelsPerCm;
constexpr std::array<Vector, 5> kModel = {{{-17.619, 51.599, kEyeDepth},
                                           {17.619, 51.599, kEyeDepth},
                                           {0.0, 71.737, kNoseDepth},
                                           {-14.591, 92.285, kMouthDepth},
                                           {14.591, 92.285, kMouthDepth}}};

constexpr Vector mean(const std::array<Vector, 5>& points) {
  Vector sum;
  for (const Vector& p : points) sum = {sum.x + p.x, sum.y + p.y, sum.z + p.z};
  return {sum.x / 5, sum.y / 5, sum.z / 5};
}

// The model's pseudo-inverse: row i weighs landmark i in the least-squares fit of a row of the matrix. The model is
// symmetric, so x is independent of y and z, and a 2 x 2 inverse is enough.
constexpr std::array<Vector, 5> fit_weights() {
  const Vector centre = mean(kModel);
  double xx = 0, yy = 0, yz = 0, zz = 0;
  std::array<Vector, 5> weights{};
  for (std::size_t i = 0; i < 5; ++i) {
    const Vector p = {kModel[i].x - centre.x, kModel[i].y - centre.y, kModel[i].z - centre.z};
    xx += p.x * p.x;
    yy += p.y * p.y;
    yz += p.y * p.z;
    zz += p.z * p.z;
    weights[i] = p;
  }
  const double determinant = yy * zz - yz * yz;
  for (Vector& w : weights) {
    w = {w.x / xx, (zz * w.y - yz * w.z) / determinant, (yy * w.z - yz * w.y) / determinant};
  }
  return weights;
}

constexpr std::array<Vector, 5> kFitWeights = fit_weights();

float degrees(double radians) { return static_cast<float>(radians * 180.0 / std::numbers::pi); }

}  // namespace

PoseAngles estimate_pose(const Landmarks& landmarks) {
  Vector right, down;  // the rows of the fitted matrix: where the model's axes go in the image
  for (std::size_t i = 0; i < 5; ++i) {
    const Vector& w = kFitWeights[i];
    // From the nose tip, so that equal points are exactly zero.
    const double x = static_cast<double>(landmarks[i].x) - landmarks[2].x;
    const double y = static_cast<double>(landmarks[i].y) - landmarks[2].y;
    right = {right.x + w.x * x, right.y + w.y * x, right.z + w.z * x};
    down = {down.x + w.x * y, down.y + w.y * y, down.z + w.z * y};
  }
  // (M M^T)^(1/2) of the 2 x 3 matrix M is (M M^T + s I) / t with s = sqrt(det), t = sqrt(trace + 2 s); its inverse
  // applied to M leaves a rotation's first two rows.
  const double a = dot(right, right), b = dot(right, down), d = dot(down, down);
  const double s = std::sqrt(std::max(0.0, a * d - b * b));
  // Landmarks on a point or a line: nothing to measure. The limit also catches what is not finite.
  if (!(s > 1e-6 * (a + d)) || !std::isfinite(a + d)) return {};
  const double scale = 1.0 / (s * std::sqrt(a + d + 2 * s));
  const auto blend = [&](const Vector& p, double u, const Vector& q, double v) {
    return Vector{scale * (u * p.x - v * q.x), scale * (u * p.y - v * q.y), scale * (u * p.z - v * q.z)};
  };
  const Vector r0 = blend(right, d + s, down, b);
  const Vector r1 = blend(down, a + s, right, b);
  const Vector r2 = {r0.y * r1.z - r0.z * r1.y, r0.z * r1.x - r0.x * r1.z, r0.x * r1.y - r0.y * r1.x};
  // R = Rz(roll) Rx(-pitch) Ry(-yaw): the head turns, then nods, then leans.
  PoseAngles pose;
  pose.yaw = degrees(std::atan2(r2.x, r2.z));
  pose.pitch = degrees(-std::atan2(r2.y, std::hypot(r0.y, r1.y)));
  pose.roll = degrees(std::atan2(-r0.y, r1.y));
  return pose;
}

}  // namespace mien
