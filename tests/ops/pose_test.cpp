#include <cmath>
#include <limits>
#include <numbers>

#include <gtest/gtest.h>

#include "ops/quality.h"

namespace mien {
namespace {

// The points that ArcFace aligns faces to: the mean of frontal faces.
constexpr Landmarks kFrontal = {
    {{38.2946F, 51.6963F}, {73.5318F, 51.5014F}, {56.0252F, 71.7366F}, {41.5493F, 92.3655F}, {70.7299F, 92.2041F}}};
constexpr double kRadian = std::numbers::pi / 180;

// The model's points (pixels of the template, z away from the viewer) turned, nodded and leaned, seen from afar.
Landmarks project(double yaw, double pitch, double roll) {
  const double eye = -19.38, nose = -41.80, mouth = -23.95;
  const double model[5][3] = {
      {-17.6, -17.9, eye}, {17.6, -17.9, eye}, {0, 2.2, nose}, {-14.6, 22.8, mouth}, {14.6, 22.8, mouth}};
  const double y = -yaw * kRadian, p = -pitch * kRadian, r = roll * kRadian;
  Landmarks points;
  for (std::size_t i = 0; i < 5; ++i) {
    const double x1 = std::cos(y) * model[i][0] + std::sin(y) * model[i][2];
    const double z1 = -std::sin(y) * model[i][0] + std::cos(y) * model[i][2];
    const double y1 = std::cos(p) * model[i][1] - std::sin(p) * z1;
    points[i].x = static_cast<float>(300 + 3 * (std::cos(r) * x1 - std::sin(r) * y1));
    points[i].y = static_cast<float>(200 + 3 * (std::sin(r) * x1 + std::cos(r) * y1));
  }
  return points;
}

TEST(Pose, OfTheFrontalTemplateIsZero) {
  // The template is not quite symmetric; half a degree is far below the method's ten.
  const PoseAngles pose = estimate_pose(kFrontal);
  EXPECT_NEAR(pose.yaw, 0, 0.5);
  EXPECT_NEAR(pose.pitch, 0, 0.5);
  EXPECT_NEAR(pose.roll, 0, 0.5);
}

TEST(Pose, OfAProjectedModelIsItsRotation) {
  for (const double yaw : {-40.0, 0.0, 25.0}) {
    for (const double pitch : {-20.0, 0.0, 30.0}) {
      for (const double roll : {-100.0, 0.0, 15.0}) {
        const PoseAngles pose = estimate_pose(project(yaw, pitch, roll));
        // The test's model is the product's to a tenth of a pixel, which is a few tenths of a degree.
        EXPECT_NEAR(pose.yaw, yaw, 1) << yaw << " " << pitch << " " << roll;
        EXPECT_NEAR(pose.pitch, pitch, 1) << yaw << " " << pitch << " " << roll;
        EXPECT_NEAR(pose.roll, roll, 1) << yaw << " " << pitch << " " << roll;
      }
    }
  }
}

TEST(Pose, SignsAreAsDocumented) {
  // A nose tip nearer to the viewer's right edge: turned to the right. Nearer to the eyes: looking up.
  Landmarks turned = kFrontal, raised = kFrontal, leaned = kFrontal;
  turned[2].x += 6;
  raised[2].y -= 6;
  leaned[1].y += 8;
  leaned[4].y += 7;
  EXPECT_GT(estimate_pose(turned).yaw, 5);
  EXPECT_GT(estimate_pose(raised).pitch, 5);
  EXPECT_GT(estimate_pose(leaned).roll, 2);
}

TEST(Pose, OfMirroredLandmarksHasOppositeYawAndRoll) {
  const Landmarks face = project(20, 10, 12);
  Landmarks mirrored = face;
  for (Point& p : mirrored) p.x = 640 - p.x;
  std::swap(mirrored[0], mirrored[1]);
  std::swap(mirrored[3], mirrored[4]);
  const PoseAngles a = estimate_pose(face), b = estimate_pose(mirrored);
  EXPECT_NEAR(b.yaw, -a.yaw, 0.01);
  EXPECT_NEAR(b.pitch, a.pitch, 0.01);
  EXPECT_NEAR(b.roll, -a.roll, 0.01);
}

TEST(Pose, RotatedLandmarksAddToTheRoll) {
  const Landmarks face = project(25, -10, 5);
  const PoseAngles before = estimate_pose(face);
  for (const double angle : {-60.0, 10.0, 75.0}) {
    Landmarks rotated;
    for (std::size_t i = 0; i < 5; ++i) {
      const double c = std::cos(angle * kRadian), s = std::sin(angle * kRadian);
      rotated[i].x = static_cast<float>(c * face[i].x - s * face[i].y);
      rotated[i].y = static_cast<float>(s * face[i].x + c * face[i].y);
    }
    const PoseAngles after = estimate_pose(rotated);
    EXPECT_NEAR(after.yaw, before.yaw, 0.01) << angle;
    EXPECT_NEAR(after.pitch, before.pitch, 0.01) << angle;
    EXPECT_NEAR(after.roll, before.roll + angle, 0.01) << angle;
  }
}

TEST(Pose, OfLandmarksThatAreNoFaceIsZero) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), far = std::numeric_limits<float>::max();
  Landmarks same, line, none = kFrontal, huge;
  same.fill({50, 60});
  for (std::size_t i = 0; i < 5; ++i) line[i] = {static_cast<float>(i), static_cast<float>(2 * i)};
  none[3].x = nan;
  huge.fill({far, -far});
  huge[0] = {-far, far};
  for (const Landmarks& landmarks : {same, line, none, huge}) {
    const PoseAngles pose = estimate_pose(landmarks);
    EXPECT_TRUE(std::isfinite(pose.yaw) && std::isfinite(pose.pitch) && std::isfinite(pose.roll));
  }
  EXPECT_EQ(estimate_pose(same).yaw, 0);
  EXPECT_EQ(estimate_pose(line).roll, 0);
}

}  // namespace
}  // namespace mien
