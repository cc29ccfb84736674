#include "image/phash.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>

#include "image/resample.h"

// The hash compares 64 low frequencies of a 32 x 32 picture with their median. In pictures with symmetry many of
// them are zero but for rounding, and rounding then decides their bits. So the transform follows the one that
// imagehash calls (scipy.fftpack.dct, that is PocketFFT) operation by operation: a real FFT of 32 = 2 * 4 * 4 from
// the half spectrum, with tables made in the same way. Everything is a double, in the order given; multiplications
// and additions must not be fused.
namespace mien {
namespace {

using Complex = std::complex<double>;

constexpr int kSize = 32;     // side of the reduced picture
constexpr int kHashSide = 8;  // frequencies kept in each direction

// exp(2 pi i k / n) for k <= n / 8 as libm gives it, by symmetry up to n / 4.
Complex first_quarter(int k, int n) {
  const double angle = 0.25 * std::numbers::pi / n;
  const int eighths = 8 * k;
  if (eighths < n) return {std::cos(eighths * angle), std::sin(eighths * angle)};
  return {std::sin((2 * n - eighths) * angle), std::cos((2 * n - eighths) * angle)};
}

Complex product(Complex a, Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

Complex times_i(Complex a) { return {-a.imag(), a.real()}; }

struct Tables {
  std::array<Complex, 16> turns32;       // exp(2 pi i k / 32)
  std::array<double, kSize> cosines128;  // cos(2 pi (k + 1) / 128)
};

Tables make_tables() {
  Tables tables;
  for (int k = 0; k < 16; ++k) {
    const Complex turn = first_quarter(k % 8, 32);
    tables.turns32[static_cast<std::size_t>(k)] = k < 8 ? turn : times_i(turn);
  }
  for (int k = 1; k <= kSize; ++k) {
    // In two steps of a coarse and a fine angle.
    const Complex coarse = k < 16 ? Complex(1, 0) : k < 32 ? first_quarter(16, 128) : Complex(0, 1);
    tables.cosines128[static_cast<std::size_t>(k - 1)] = product(first_quarter(k % 16, 128), coarse).real();
  }
  return tables;
}

// The spectrum of a real sequence of n values: 0 .. n / 2, the first and the last real.
template <int kLength>
struct HalfSpectrum {
  std::array<Complex, kLength / 2 + 1> values;
  Complex at(int k) const {
    return k <= kLength / 2 ? values[static_cast<std::size_t>(k)]
                            : std::conj(values[static_cast<std::size_t>(kLength - k)]);
  }
};

// Spectra of the even and of the odd values of the sequence.
std::array<HalfSpectrum<16>, 2> split_in_two(const HalfSpectrum<32>& in, const Tables& tables) {
  std::array<HalfSpectrum<16>, 2> out;
  for (int k = 0; k < 8; ++k) {
    const std::size_t i = static_cast<std::size_t>(k);
    const Complex a = in.at(k), b = in.at(k + 16);
    out[0].values[i] = a + b;
    out[1].values[i] = k == 0 ? a - b : product(a - b, tables.turns32[i]);
  }
  out[0].values[8] = 2 * in.at(8).real();
  out[1].values[8] = -2 * in.at(8).imag();
  return out;
}

// Spectra of every fourth value of a sequence of 16, starting with the first, second, third and fourth.
std::array<HalfSpectrum<4>, 4> split_in_four(const HalfSpectrum<16>& in, const Tables& tables) {
  std::array<HalfSpectrum<4>, 4> out;
  for (int k = 0; k < 2; ++k) {
    const Complex sum = in.at(k) + in.at(k + 8), difference = in.at(k) - in.at(k + 8);
    const Complex sum2 = in.at(k + 4) + in.at(k + 12), turned = times_i(in.at(k + 4) - in.at(k + 12));
    const std::array<Complex, 4> parts = {sum + sum2, difference + turned, sum - sum2, difference - turned};
    for (std::size_t j = 0; j < 4; ++j) {
      const std::size_t turn = 2 * j * static_cast<std::size_t>(k);
      out[j].values[static_cast<std::size_t>(k)] = turn == 0 ? parts[j] : product(parts[j], tables.turns32[turn]);
    }
  }
  const Complex a = in.at(2), b = in.at(6);
  const double real_sum = a.real() + b.real(), real_difference = a.real() - b.real();
  const double imag_sum = b.imag() + a.imag(), imag_difference = b.imag() - a.imag();
  out[0].values[2] = real_sum + real_sum;
  out[1].values[2] = std::numbers::sqrt2 * (real_difference - imag_sum);
  out[2].values[2] = imag_difference + imag_difference;
  out[3].values[2] = -std::numbers::sqrt2 * (real_difference + imag_sum);
  return out;
}

// The four values of a sequence from its spectrum.
std::array<double, 4> invert_four(const HalfSpectrum<4>& in) {
  const double zero = in.values[0].real(), two = in.values[2].real();
  const double sum = zero + two, difference = zero - two;
  const double real = 2 * in.values[1].real(), imag = 2 * in.values[1].imag();
  return {sum + real, difference - imag, sum - real, difference + imag};
}

// DCT of type 2 without normalisation, in place.
void transform(std::array<double, kSize>& c, const Tables& tables) {
  HalfSpectrum<32> spectrum;
  spectrum.values[0] = 2 * c[0];
  spectrum.values[16] = 2 * c[kSize - 1];
  for (std::size_t k = 1; k < 16; ++k) {
    spectrum.values[k] = {c[2 * k] + c[2 * k - 1], c[2 * k] - c[2 * k - 1]};
  }
  const std::array<HalfSpectrum<16>, 2> halves = split_in_two(spectrum, tables);
  std::array<double, kSize> t{};
  for (std::size_t a = 0; a < 2; ++a) {
    const std::array<HalfSpectrum<4>, 4> quarters = split_in_four(halves[a], tables);
    for (std::size_t b = 0; b < 4; ++b) {
      const std::array<double, 4> values = invert_four(quarters[b]);
      for (std::size_t d = 0; d < 4; ++d) t[a + 2 * b + 8 * d] = values[d];
    }
  }
  const std::array<double, kSize>& cosine = tables.cosines128;
  c[0] = t[0];
  for (std::size_t k = 1; k < 16; ++k) {
    const std::size_t mirror = kSize - k;
    const double t1 = cosine[k - 1] * t[mirror] + cosine[mirror - 1] * t[k];
    const double t2 = cosine[k - 1] * t[k] - cosine[mirror - 1] * t[mirror];
    c[k] = 0.5 * (t1 + t2);
    c[mirror] = 0.5 * (t1 - t2);
  }
  c[16] = t[16] * cosine[15];
}

}  // namespace

std::uint64_t perceptual_hash(ImageView pixels) {
  static const Tables tables = make_tables();
  Image small;
  resample_gray(pixels, kSize, kSize, ResampleFilter::lanczos, small);
  // Columns first. Only the low frequencies of a column are kept, and only rows that are kept are transformed.
  std::array<std::array<double, kSize>, kHashSide> rows;
  for (int x = 0; x < kSize; ++x) {
    std::array<double, kSize> column;
    for (int y = 0; y < kSize; ++y) column[static_cast<std::size_t>(y)] = small.row(y)[x];
    transform(column, tables);
    for (std::size_t v = 0; v < kHashSide; ++v) rows[v][static_cast<std::size_t>(x)] = column[v];
  }
  std::array<double, kHashSide * kHashSide> low;
  for (std::size_t v = 0; v < kHashSide; ++v) {
    transform(rows[v], tables);
    std::copy_n(rows[v].begin(), kHashSide, low.begin() + static_cast<std::ptrdiff_t>(v * kHashSide));
  }
  std::array<double, kHashSide* kHashSide> sorted = low;
  std::sort(sorted.begin(), sorted.end());
  const double median = (sorted[31] + sorted[32]) / 2;
  std::uint64_t hash = 0;
  for (const double value : low) hash = hash << 1 | (value > median ? 1U : 0U);
  return hash;
}

std::string perceptual_hash_hex(std::uint64_t hash) {
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; hash >>= 4) text[i] = "0123456789abcdef"[hash & 15];
  return text;
}

}  // namespace mien
