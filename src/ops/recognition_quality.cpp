// Recognition quality of a face.
//
// Purpose: what ISO/IEC 29794 calls utility. Embeddings of faces that show little of a person come near to one another,
// whoever they show, so that thresholds of good faces say nothing of them. The measure says below which quality.
//
// Method: fitted here, because no published measure is made for the default models and runs in a tenth of a
// millisecond. Seven measures of the aligned face, which is what the embedder sees, and of its size in the photo. Each
// has a threshold t and a slope s, and takes (t / x)^s from the quality:
//
//   quality = 1 / (1 + sum of (t / x)^s)
//
// A measure at its threshold halves the quality of a face that is perfect otherwise; several that are a little bad add
// up. The floor is 0.5.
//
// - Resolution is the frequency to which detail reaches, in the direction where it reaches least, for a face that moved
//   is sharp across its way. In each of four directions the power spectrum of lines of pixels is compared with that of
//   good faces, and both with their own coarse detail: a frequency counts in full where all power is there, half where
//   kLost of the power is left, and no more than any coarser one, so that the ripples of a motion's spectrum are no
//   detail. Where a blur cuts the spectrum hardly differs between people, unlike how much fine detail a face has.
// - The others come from mean squared differences D(k) of gray values that are k pixels apart (a variogram). Noise is
//   what D keeps when k goes to 0: where a picture is smooth, D(k) = noise + c k^2, so that the noise is
//   (4 D(1) - D(2)) / 3. Contrast is D(8) without noise, as levels of gray; relative contrast is its share of the
//   brightness, which haze takes.
// - Flatness tells mosaic: how much larger the mean square over the squared mean of differences is for neighbours than
//   for pixels three apart. In mosaic most neighbours are equal and few differ much; smooth skin beside sharp edges
//   looks alike at both distances.
// - Exposed is the share of pixels that are not blown out.
//
// Data: thresholds and slopes are fitted by bench/recognition_quality.py on LFW photos of half of the people and
// degraded copies of them, and rounded. docs/models.md has the figures, on the other half of the people and on kinds of
// photos that a fit has not seen.
#include "ops/recognition_quality.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <numbers>
#include <vector>

#include "ops/align.h"

namespace mien {
namespace {

// The part of the aligned face that is measured; what lies up to eight pixels beside it is read too.
constexpr int kLeft = 24;
constexpr int kTop = 28;
constexpr int kWidth = 64;
constexpr int kHeight = 72;
constexpr double kPixels = kWidth * kHeight;

// Lines of pixels whose spectrum is taken.
struct Direction {
  int left;  // where the first line begins
  int top;
  int x;  // from pixel to pixel of a line
  int y;
  int across_x;  // from line to line
  int across_y;
  int pixels;
  int lines;
  double weight;  // makes directions comparable: blur along a diagonal does less harm
  // The logarithm of the power of good faces over the logarithm L of the frequency: [0] + [1] L + [2] L^2. How the four
  // differ says what good faces have more of.
  double of_good_faces[3];
};
constexpr Direction kDirections[] = {
    {24, 28, 1, 0, 0, 1, 64, 72, 1, {-6.905, -8.076, -1.05}},
    {24, 28, 0, 1, 1, 0, 72, 64, 1, {-4.017, -6.285, -0.762}},
    {56, 18, 1, 1, -1, 1, 47, 47, 1.25, {-5.686, -7.233, -0.903}},
    {56, 18, -1, 1, 1, 1, 47, 47, 1.25, {-5.686, -7.233, -0.903}},
};
constexpr std::size_t kFrequencies = 14;
constexpr double kFrequency = 1.0 / 72;  // the first one, in cycles a pixel, and the step to the next
constexpr std::size_t kCoarse = 5;       // frequencies of which detail there is in all faces
constexpr double kLost = 0.08;
constexpr double kLeastPower = 0.02;  // a quarter of what rounding to whole levels makes

using Spectrum = std::array<double, kFrequencies>;
// Of the pixels of a line up to its middle, where they are mirrored: cosines of all frequencies, then sines, each
// filled up with zeros to what vector instructions take.
constexpr std::size_t kLanes = 16;
static_assert(kFrequencies <= kLanes);
using Waves = std::vector<std::array<float, 2 * kLanes>>;

// The steps whose mean square is contrast: eight pixels and a half in each direction.
constexpr struct {
  int x;
  int y;
} kFarSteps[] = {{8, 0}, {0, 8}, {6, 6}, {-6, 6}};
constexpr std::uint8_t kBlownOut = 250;

// A measure, the value at which it halves the quality, and how fast.
struct Term {
  double RecognitionMeasures::*measure;
  double half;
  double slope;  // negative where more is worse
};
constexpr Term kTerms[] = {
    {&RecognitionMeasures::resolution, 0.117, 15},
    {&RecognitionMeasures::contrast, 4.9, 12},
    {&RecognitionMeasures::relative_contrast, 0.0375, 12},
    {&RecognitionMeasures::noise, 0.35, -4},
    {&RecognitionMeasures::flatness, 1.6, -16},
    {&RecognitionMeasures::exposed, 0.41, 6},
    {&RecognitionMeasures::size, 7.4, 16},
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

// The mean square over the squared mean of differences between pixels `step` apart that are not blown out.
double peakedness(ImageView gray, int step) {
  double square = 0;
  double size = 0;
  for (const int down : {0, 1}) {
    std::uint32_t squares = 0;
    std::uint32_t sizes = 0;
    std::uint32_t count = 0;
    for (int row = kTop; row < kTop + kHeight; ++row) {
      const std::uint8_t* const here = row_of(gray, row);
      const std::uint8_t* const there = row_of(gray, row + step * down) + step * (1 - down);
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

// A window that begins and ends at nothing keeps what lies beyond a line out of its spectrum. Cosines lack what the
// window lets through of even brightness.
Waves make_waves(const Direction& direction) {
  const int pixels = direction.pixels;
  const double step = std::hypot(direction.x, direction.y);
  const auto window = [pixels](int i) { return 0.5 - 0.5 * std::cos(2 * std::numbers::pi * (i + 1) / (pixels + 1)); };
  double sum = 0;
  double square = 0;
  for (int i = 0; i < pixels; ++i) {
    sum += window(i);
    square += window(i) * window(i);
  }
  Waves waves(static_cast<std::size_t>((pixels + 1) / 2));
  for (std::size_t frequency = 0; frequency < kFrequencies; ++frequency) {
    const auto phase = [&](int i) {
      const double cycles = kFrequency * static_cast<double>(frequency + 1) * step * (i - (pixels - 1) / 2.0);
      return 2 * std::numbers::pi * cycles;
    };
    double even = 0;
    for (int i = 0; i < pixels; ++i) even += window(i) * std::cos(phase(i));
    for (std::size_t half = 0; half < waves.size(); ++half) {
      const int i = static_cast<int>(half);
      const double height = window(i) / std::sqrt(square) / (i == pixels - 1 - i ? 2 : 1);
      waves[half][frequency] = static_cast<float>(height * (std::cos(phase(i)) - even / sum));
      waves[half][kLanes + frequency] = static_cast<float>(height * std::sin(phase(i)));
    }
  }
  return waves;
}

const Waves& waves_of(std::size_t direction) {
  static const std::array<Waves, std::size(kDirections)> kWaves = {
      make_waves(kDirections[0]), make_waves(kDirections[1]), make_waves(kDirections[2]), make_waves(kDirections[3])};
  return kWaves[direction];
}

// Of white noise the power is its variance, at each frequency.
Spectrum power_along(ImageView gray, const Direction& direction, const Waves& waves) {
  Spectrum power{};
  const std::ptrdiff_t step = direction.y * gray.stride + direction.x;
  for (int line = 0; line < direction.lines; ++line) {
    const std::uint8_t* left = gray.row(direction.top + line * direction.across_y) + direction.left +
                               static_cast<std::ptrdiff_t>(line) * direction.across_x;
    const std::uint8_t* right = left + step * (direction.pixels - 1);
    Waves::value_type found{};
    for (const Waves::value_type& wave : waves) {
      const auto both = static_cast<float>(*left + *right);
      const auto difference = static_cast<float>(*left - *right);
      for (std::size_t i = 0; i < kLanes; ++i) found[i] += both * wave[i];
      for (std::size_t i = kLanes; i < 2 * kLanes; ++i) found[i] += difference * wave[i];
      left += step;
      right -= step;
    }
    for (std::size_t i = 0; i < power.size(); ++i) {
      power[i] += found[i] * found[i] + found[kLanes + i] * found[kLanes + i];
    }
  }
  for (double& value : power) value /= direction.lines;
  return power;
}

double resolution_of(ImageView gray, double noise) {
  std::array<Spectrum, std::size(kDirections)> detail;  // logarithms of the power over that of good faces
  double coarse = 0;
  for (std::size_t i = 0; i < detail.size(); ++i) {
    const double* const good = kDirections[i].of_good_faces;
    const Spectrum power = power_along(gray, kDirections[i], waves_of(i));
    for (std::size_t k = 0; k < power.size(); ++k) {
      const double frequency = std::log(kFrequency * static_cast<double>(k + 1));
      detail[i][k] = std::log(std::max(0.0, power[k] - noise / 2) + kLeastPower) -
                     (good[0] + frequency * (good[1] + frequency * good[2]));
      if (k < kCoarse) coarse += detail[i][k] / static_cast<double>(kCoarse * detail.size());
    }
  }
  double resolution = 1;
  for (std::size_t i = 0; i < detail.size(); ++i) {
    double kept = 1;
    double reach = 0;
    for (const double of_frequency : detail[i]) {
      kept = std::min(kept, std::exp(of_frequency - coarse));
      reach += kFrequency * kept * kept / (kept * kept + kLost * kLost);
    }
    resolution = std::min(resolution, kDirections[i].weight * reach);
  }
  return resolution;
}

double harm(const Term& term, const RecognitionMeasures& measures) {
  return std::pow(term.half / std::max(measures.*term.measure, kMeasureMin), term.slope);
}

// What is wrong with a face whose worst measure this is.
PoorReason reason_of(double RecognitionMeasures::*measure, const RecognitionMeasures& measures) {
  if (measure == &RecognitionMeasures::size) return PoorReason::too_small;
  if (measure == &RecognitionMeasures::resolution) {
    return measures.size < kSmallSize ? PoorReason::too_small : PoorReason::too_blurred;
  }
  if (measure == &RecognitionMeasures::flatness) return PoorReason::too_small;  // few pixels, however large they are
  return measures.brightness < kDark ? PoorReason::too_dark : PoorReason::low_contrast;
}

}  // namespace

RecognitionMeasures measure_recognition(ImageView gray, double size) {
  assert(gray.width == kAlignedSide && gray.height == kAlignedSide && gray.channels == 1);
  const double noise_across = 4 * mean_square(gray, 1, 0) - mean_square(gray, 2, 0);
  const double noise_down = 4 * mean_square(gray, 0, 1) - mean_square(gray, 0, 2);
  const double noise = std::max(0.0, std::min(noise_across, noise_down) / 3);
  double far = 0;
  for (const auto& step : kFarSteps)
    far += mean_square(gray, step.x, step.y) / static_cast<double>(std::size(kFarSteps));
  far = std::max(0.0, far - noise);

  const Levels levels = levels_of(gray);
  RecognitionMeasures measures;
  measures.resolution = resolution_of(gray, noise);
  measures.contrast = std::sqrt(far / 2);
  measures.relative_contrast = measures.contrast / (levels.mean + 1);
  measures.noise = noise / std::max(levels.variance, 1.0);
  measures.flatness = peakedness(gray, 1) / peakedness(gray, 3);
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
