// Recognition quality of a face.
//
// Purpose: what ISO/IEC 29794 calls utility. Embeddings of faces that show little of a person come near to one another,
// whoever they show, so that thresholds of good faces say nothing of them. The measure says below which quality.
//
// Method: fitted here, because no published measure is made for the default models and runs in a tenth of a
// millisecond. Six measures of the aligned face, which is what the embedder sees, and of its size in the photo. Each
// has a threshold t and a slope s, and takes (t / x)^s from the quality:
//
//   quality = 1 / (1 + sum of (t / x)^s)
//
// A measure at its threshold halves the quality of a face that is perfect otherwise; several that are a little bad add
// up. The floor is 0.5.
//
// The measures come from mean squared differences D(k) of gray values that are k pixels apart (a variogram), across,
// down and in both diagonals.
// - Noise is what D keeps when k goes to 0: where a picture is smooth, D(k) = noise + c k^2, so that the noise is
//   (4 D(1) - D(2)) / 3.
// - Contrast is D(8) without noise, as levels of gray.
// - Detail in a direction is 4 D(2) - D(4), the mean square of second differences, over D(8): a blur of two pixels
// takes
//   nearly all of it. Sharpness is the least detail of the four directions, for a face that moved is sharp across its
//   way, and less where the directions differ: (least)^1.3 / (mean)^0.3. Faces have more detail down and along the
//   diagonals than across, which kDirections evens out.
// - Flatness is the mean square over the squared mean of differences between neighbours: 2 for faces, more where most
//   neighbours are equal, as in mosaic.
// - Exposed is the share of pixels that are not blown out.
//
// Data: thresholds and slopes are fitted by bench/recognition_quality.py on LFW photos of half of the people and
// degraded copies of them. docs/models.md has the figures, on the other half of the people and on kinds of photos that
// a fit has not seen.
#include "ops/recognition_quality.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <iterator>

#include "ops/align.h"

namespace mien {
namespace {

// The part of the aligned face that is measured; what lies up to eight pixels beside it is read too.
constexpr int kLeft = 24;
constexpr int kTop = 28;
constexpr int kWidth = 64;
constexpr int kHeight = 72;
constexpr double kPixels = kWidth * kHeight;

// A direction in which details are looked for: the step of two pixels, as many as whole pixels allow, and the weight
// that makes directions comparable.
struct Direction {
  int x;
  int y;
  double weight;
};
constexpr Direction kDirections[] = {{2, 0, 0.85}, {0, 2, 0.5}, {2, 2, 0.26}, {-2, 2, 0.26}};
// The steps whose mean square is contrast: eight pixels and a half in each direction.
constexpr struct {
  int x;
  int y;
} kFarSteps[] = {{8, 0}, {0, 8}, {6, 6}, {-6, 6}};
constexpr double kEvenness = 0.3;  // exponent of the least detail over the mean
constexpr std::uint8_t kBlownOut = 250;

// A measure, the value at which it halves the quality, and how fast.
struct Term {
  double RecognitionMeasures::*measure;
  double half;
  double slope;  // negative where more is worse
};
constexpr Term kTerms[] = {
    {&RecognitionMeasures::sharpness, 0.0203, 5}, {&RecognitionMeasures::contrast, 5.5, 11},
    {&RecognitionMeasures::noise, 0.35, -4},      {&RecognitionMeasures::flatness, 3.6, -15},
    {&RecognitionMeasures::exposed, 0.41, 5},     {&RecognitionMeasures::size, 7.3, 25},
};
// Below it a face is enlarged so much that this is what it lacks, and not the sharpness of the lens.
constexpr double kSmallSize = 20;
constexpr double kDark = 60;  // mean gray of a face that lacks light
constexpr double kMeasureMin = 1e-6;

const std::uint8_t* row_of(ImageView gray, int row) { return gray.row(row) + kLeft; }

// The mean square of differences between pixels that are one step apart.
double mean_square(ImageView gray, int x, int y) {
  std::uint32_t sum = 0;  // of 4,608 squares of at most 255
  for (int row = kTop; row < kTop + kHeight; ++row) {
    const std::uint8_t* const here = row_of(gray, row);
    const std::uint8_t* const there = row_of(gray, row + y) + x;
    for (int i = 0; i < kWidth; ++i) {
      const int difference = static_cast<int>(there[i]) - static_cast<int>(here[i]);
      sum += static_cast<std::uint32_t>(difference * difference);
    }
  }
  return sum / kPixels;
}

// The mean square over the squared mean of differences between neighbours that are not blown out.
double flatness_of(ImageView gray) {
  double square = 0;
  double size = 0;
  for (const int down : {0, 1}) {
    std::uint32_t squares = 0;
    std::uint32_t sizes = 0;
    std::uint32_t count = 0;
    for (int row = kTop; row < kTop + kHeight; ++row) {
      const std::uint8_t* const here = row_of(gray, row);
      const std::uint8_t* const there = row_of(gray, row + down) + 1 - down;
      for (int i = 0; i < kWidth; ++i) {
        const int counts = static_cast<int>(here[i] < kBlownOut) & static_cast<int>(there[i] < kBlownOut);
        const int difference = (static_cast<int>(there[i]) - static_cast<int>(here[i])) * counts;
        squares += static_cast<std::uint32_t>(difference * difference);
        sizes += static_cast<std::uint32_t>(std::abs(difference));
        count += static_cast<std::uint32_t>(counts);
      }
    }
    square += squares / std::max<double>(count, 1) / 2;
    size += sizes / std::max<double>(count, 1) / 2;
  }
  return std::max(1.0, square / (size * size + kMeasureMin));
}

struct Levels {
  double mean = 0;
  double variance = 0;
  double exposed = 0;
};

Levels levels_of(ImageView gray) {
  std::uint32_t sum = 0;
  std::uint32_t square = 0;
  std::uint32_t exposed = 0;
  for (int row = kTop; row < kTop + kHeight; ++row) {
    const std::uint8_t* const here = row_of(gray, row);
    for (int i = 0; i < kWidth; ++i) {
      const std::uint32_t value = here[i];
      sum += value;
      square += value * value;
      exposed += static_cast<std::uint32_t>(value < kBlownOut);
    }
  }
  const double mean = sum / kPixels;
  return {mean, square / kPixels - mean * mean, exposed / kPixels};
}

double harm(const Term& term, const RecognitionMeasures& measures) {
  return std::pow(term.half / std::max(measures.*term.measure, kMeasureMin), term.slope);
}

// What is wrong with a face whose worst measure this is.
PoorReason reason_of(double RecognitionMeasures::*measure, const RecognitionMeasures& measures) {
  if (measure == &RecognitionMeasures::size) return PoorReason::too_small;
  if (measure == &RecognitionMeasures::sharpness) {
    return measures.size < kSmallSize ? PoorReason::too_small : PoorReason::too_blurred;
  }
  if (measure == &RecognitionMeasures::flatness) return PoorReason::too_small;  // few pixels, however large they are
  return measures.brightness < kDark ? PoorReason::too_dark : PoorReason::low_contrast;
}

}  // namespace

RecognitionMeasures measure_recognition(ImageView gray, double size) {
  assert(gray.width == kAlignedSide && gray.height == kAlignedSide && gray.channels == 1);
  std::array<double, std::size(kDirections)> near{};
  for (std::size_t i = 0; i < near.size(); ++i) near[i] = mean_square(gray, kDirections[i].x, kDirections[i].y);
  const double noise_across = 4 * mean_square(gray, 1, 0) - near[0];
  const double noise_down = 4 * mean_square(gray, 0, 1) - near[1];
  const double noise = std::max(0.0, std::min(noise_across, noise_down) / 3);
  double far = 0;
  for (const auto& step : kFarSteps)
    far += mean_square(gray, step.x, step.y) / static_cast<double>(std::size(kFarSteps));
  far = std::max(0.0, far - noise);

  double least = 1;
  double mean = 0;
  for (std::size_t i = 0; i < near.size(); ++i) {
    const Direction& direction = kDirections[i];
    // Of white noise 4 D(2) - D(4) keeps three times as much as D. One level of gray more below the line, so that
    // rounding is no detail where there is nothing else.
    const double detail =
        std::max(0.0, 4 * near[i] - mean_square(gray, 2 * direction.x, 2 * direction.y) - 3 * noise) / (far + 1);
    least = std::min(least, direction.weight * detail);
    mean += direction.weight * detail / static_cast<double>(near.size());
  }

  const Levels levels = levels_of(gray);
  RecognitionMeasures measures;
  measures.sharpness = least * std::pow(least / std::max(mean, kMeasureMin), kEvenness);
  measures.contrast = std::sqrt(far / 2);
  measures.noise = noise / std::max(levels.variance, 1.0);
  measures.flatness = flatness_of(gray);
  measures.exposed = levels.exposed;
  measures.size = size;
  measures.brightness = levels.mean;
  return measures;
}

RecognitionQuality assess_recognition(const RecognitionMeasures& measures) {
  double sum = 0;
  double worst = -1;
  RecognitionQuality quality;
  for (const Term& term : kTerms) {
    const double harm_of_term = harm(term, measures);
    sum += harm_of_term;
    if (harm_of_term <= worst) continue;
    worst = harm_of_term;
    quality.worst = reason_of(term.measure, measures);
  }
  quality.value = static_cast<float>(1 / (1 + sum));
  return quality;
}

float add_norm(float quality, double norm, const NormScale& scale) {
  const double harm_of_norm = std::pow(scale.half / std::max(norm, kMeasureMin), scale.slope);
  return static_cast<float>(1 / (1 / std::max<double>(quality, kMeasureMin) + harm_of_norm));
}

}  // namespace mien
