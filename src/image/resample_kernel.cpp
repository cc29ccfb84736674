// Weights have 23 bits and pixels 8, so a product needs 32 bits. Cut into 16-bit digits, they fit the instruction
// that multiplies 16-bit lanes and adds neighbours: two rows of the window at once. 32-bit sums wrap around alike
// everywhere, and the total fits, so the order of additions does not matter and every instruction set is exact.
#include "image/resample_kernel.h"

#include <algorithm>

#include "base/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "image/resample_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mien {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Weight j of the window from its two digits.
std::int64_t weight_at(const WindowWeights& weights, int j) {
  const int shift = j % 2 * 16;
  const auto low = static_cast<std::int16_t>(weights.low[j / 2] >> shift);
  const auto high = static_cast<std::int16_t>(weights.high[j / 2] >> shift);
  return std::int64_t{high} * 65536 + low;
}

void weigh_plain(const std::uint8_t* rows, std::size_t stride, const WindowWeights& weights, std::size_t bytes,
                 std::uint8_t* out) {
  for (std::size_t i = 0; i < bytes; ++i) {
    std::int64_t sum = std::int64_t{1} << (kWeightBits - 1);
    const std::uint8_t* pixel = rows + i;
    for (int j = 0; j < weights.count; ++j, pixel += stride) sum += weight_at(weights, j) * *pixel;
    out[i] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(sum >> kWeightBits, 0, 255));
  }
}

void transpose_plain(const std::uint8_t* from, std::size_t from_stride, std::size_t width, std::size_t height,
                     std::uint8_t* to, std::size_t to_stride) {
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) to[x * to_stride + y] = from[y * from_stride + x];
  }
}

#if MIEN_PLAIN_TARGET

void weigh(const std::uint8_t* rows, std::size_t stride, const WindowWeights& weights, std::size_t bytes,
           std::uint8_t* out) {
  weigh_plain(rows, stride, weights, bytes, out);
}

void to_columns(const std::uint8_t* const* rows, std::size_t bytes, std::uint8_t* columns) {
  for (std::size_t j = 0; j < kBlockRows; ++j) transpose_plain(rows[j], 0, bytes, 1, columns + j, kBlockRows);
}

void to_rows(const std::uint8_t* columns, std::size_t bytes, std::uint8_t* const* rows) {
  for (std::size_t j = 0; j < kBlockRows; ++j) transpose_plain(columns + j, kBlockRows, 1, bytes, rows[j], 1);
}

#else

using D16 = hn::ScalableTag<std::int16_t>;
using D32 = hn::ScalableTag<std::int32_t>;
using D8 = hn::Half<hn::ScalableTag<std::uint8_t>>;
using V16 = hn::Vec<D16>;
using V32 = hn::Vec<D32>;

// Sums of products of neighbouring lanes. Where the CPU has no instruction for that (NEON), products of the
// lower and of the upper half are summed apart and put together at the end.
struct PairSums {
  V32 first, second;
  HWY_INLINE void add(V16 a, V16 b) { first = hn::ReorderWidenMulAccumulate(D32(), a, b, first, second); }
  HWY_INLINE V32 total() const { return hn::RearrangeToOddPlusEven(first, second); }
};

// Sums for the pixels that InterleaveLower takes and for those that InterleaveUpper takes, by digit of the weight.
struct Accumulators {
  PairSums low_lower, low_upper, high_lower, high_upper;
};

HWY_INLINE void add_pair(V16 first, V16 second, V16 low, V16 high, Accumulators& sums) {
  const V16 lower = hn::InterleaveLower(D16(), first, second);
  const V16 upper = hn::InterleaveUpper(D16(), first, second);
  sums.low_lower.add(lower, low);
  sums.low_upper.add(upper, low);
  sums.high_lower.add(lower, high);
  sums.high_upper.add(upper, high);
}

HWY_INLINE V16 load_pixels(const std::uint8_t* from) { return hn::PromoteTo(D16(), hn::LoadU(D8(), from)); }

HWY_INLINE V16 broadcast(std::uint32_t pair) {
  return hn::BitCast(D16(), hn::Set(hn::ScalableTag<std::uint32_t>(), pair));
}

HWY_INLINE V32 join_digits(const PairSums& low, const PairSums& high) {
  const V32 half = hn::Set(D32(), 1 << (kWeightBits - 1));
  const V32 sum = hn::Add(hn::Add(low.total(), half), hn::ShiftLeft<16>(high.total()));
  return hn::ShiftRight<kWeightBits>(sum);
}

HWY_INLINE void store_sums(const Accumulators& sums, std::uint8_t* out) {
  const V32 lower = join_digits(sums.low_lower, sums.high_lower);
  const V32 upper = join_digits(sums.low_upper, sums.high_upper);
  // Packs block by block, as the interleaving split, which restores the order of pixels.
  const V16 both = hn::ReorderDemote2To(D16(), lower, upper);
  hn::StoreU(hn::DemoteTo(D8(), both), D8(), out);
}

// `kVectors` neighbouring vectors of pixels share the weights.
template <int kVectors>
HWY_INLINE void weigh_vectors(const std::uint8_t* pixels, std::size_t stride, const WindowWeights& weights,
                              std::uint8_t* out) {
  const std::size_t lanes = hn::Lanes(D16());
  const V32 zero = hn::Zero(D32());
  const PairSums none = {zero, zero};
  static_assert(kVectors <= 2);
  Accumulators sums[2] = {{none, none, none, none}, {none, none, none, none}};
  const int pairs = weights.count / 2;
  for (int j = 0; j < pairs; ++j, pixels += 2 * stride) {
    const V16 low = broadcast(weights.low[j]), high = broadcast(weights.high[j]);
    for (int v = 0; v < kVectors; ++v) {
      const std::uint8_t* from = pixels + static_cast<std::size_t>(v) * lanes;
      add_pair(load_pixels(from), load_pixels(from + stride), low, high, sums[v]);
    }
  }
  if (weights.count % 2 != 0) {
    const V16 low = broadcast(weights.low[pairs]), high = broadcast(weights.high[pairs]);
    for (int v = 0; v < kVectors; ++v) {
      add_pair(load_pixels(pixels + static_cast<std::size_t>(v) * lanes), hn::Zero(D16()), low, high, sums[v]);
    }
  }
  for (int v = 0; v < kVectors; ++v) store_sums(sums[v], out + static_cast<std::size_t>(v) * lanes);
}

void weigh(const std::uint8_t* rows, std::size_t stride, const WindowWeights& weights, std::size_t bytes,
           std::uint8_t* out) {
  const std::size_t lanes = hn::Lanes(D16());
  if (bytes < lanes) {
    weigh_plain(rows, stride, weights, bytes, out);
    return;
  }
  std::size_t i = 0;
  for (; i + 2 * lanes <= bytes; i += 2 * lanes) weigh_vectors<2>(rows + i, stride, weights, out + i);
  for (; i + lanes <= bytes; i += lanes) weigh_vectors<1>(rows + i, stride, weights, out + i);
  // The last vector overlaps the one before it.
  if (i < bytes) weigh_vectors<1>(rows + bytes - lanes, stride, weights, out + bytes - lanes);
}

constexpr std::size_t kTile = 16;  // a tile of 16 x 16 bytes is transposed in registers

template <class Load, class Store>
HWY_INLINE void transpose_tile(Load load, Store store) {
  using D = hn::FixedTag<std::uint8_t, kTile>;
  hn::Vec<D> a[kTile], b[kTile];
  for (std::size_t i = 0; i < kTile; ++i) a[i] = load(i);
  // Each round shuffles the 16 vectors like a deck of cards; after four, rows are columns.
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < kTile / 2; ++i) {
      b[2 * i] = hn::InterleaveLower(D(), a[i], a[i + kTile / 2]);
      b[2 * i + 1] = hn::InterleaveUpper(D(), a[i], a[i + kTile / 2]);
    }
    for (std::size_t i = 0; i < kTile / 2; ++i) {
      a[2 * i] = hn::InterleaveLower(D(), b[i], b[i + kTile / 2]);
      a[2 * i + 1] = hn::InterleaveUpper(D(), b[i], b[i + kTile / 2]);
    }
  }
  for (std::size_t i = 0; i < kTile; ++i) store(i, a[i]);
}

// Calls turn(first byte) for tiles that cover `bytes`; the last one overlaps the one before it.
template <class Turn>
HWY_INLINE void for_tiles(std::size_t bytes, Turn turn) {
  std::size_t i = 0;
  for (; i + kTile <= bytes; i += kTile) turn(i);
  if (i < bytes) turn(bytes - kTile);
}

void to_columns(const std::uint8_t* const* rows, std::size_t bytes, std::uint8_t* columns) {
  if (bytes < kTile) {
    for (std::size_t j = 0; j < kBlockRows; ++j) transpose_plain(rows[j], 0, bytes, 1, columns + j, kBlockRows);
    return;
  }
  const hn::FixedTag<std::uint8_t, kTile> d;
  for (std::size_t j = 0; j < kBlockRows; j += kTile) {
    for_tiles(bytes, [&](std::size_t i) HWY_ATTR {
      transpose_tile([&](std::size_t k) HWY_ATTR { return hn::LoadU(d, rows[j + k] + i); },
                     [&](std::size_t k, auto v) HWY_ATTR { hn::StoreU(v, d, columns + (i + k) * kBlockRows + j); });
    });
  }
}

void to_rows(const std::uint8_t* columns, std::size_t bytes, std::uint8_t* const* rows) {
  if (bytes < kTile) {
    for (std::size_t j = 0; j < kBlockRows; ++j) transpose_plain(columns + j, kBlockRows, 1, bytes, rows[j], 1);
    return;
  }
  const hn::FixedTag<std::uint8_t, kTile> d;
  for (std::size_t j = 0; j < kBlockRows; j += kTile) {
    for_tiles(bytes, [&](std::size_t i) HWY_ATTR {
      transpose_tile([&](std::size_t k) HWY_ATTR { return hn::LoadU(d, columns + (i + k) * kBlockRows + j); },
                     [&](std::size_t k, auto v) HWY_ATTR { hn::StoreU(v, d, rows[j + k] + i); });
    });
  }
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace mien
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(weigh);
HWY_EXPORT(to_columns);
HWY_EXPORT(to_rows);

void weigh_rows(const std::uint8_t* rows, std::size_t stride, const WindowWeights& weights, std::size_t bytes,
                std::uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(weigh)(rows, stride, weights, bytes, out);
}

void rows_to_columns(const std::uint8_t* const* rows, std::size_t bytes, std::uint8_t* columns) {
  HWY_DYNAMIC_DISPATCH(to_columns)(rows, bytes, columns);
}

void columns_to_rows(const std::uint8_t* columns, std::size_t bytes, std::uint8_t* const* rows) {
  HWY_DYNAMIC_DISPATCH(to_rows)(columns, bytes, rows);
}

}  // namespace mien
#endif
