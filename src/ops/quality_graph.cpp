#include "ops/quality_graph.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "ops/quality.h"
#include "ops/quality_kernel.h"

namespace mien {
namespace {

using Value = GraphBuilder::Value;

constexpr int kSums = 7;
constexpr int kGrown = kQualityTile + 2;  // with a pixel more at each side

class QualityBuilder {
 public:
  QualityBuilder() : graph_("quality") {
    pixels_ = graph_.input("pixels", ElementType::u8, {-1});
    tiles_ = graph_.input("tiles", ElementType::i32, {-1, 10});
  }

  Graph build() && {
    const Value gray = make_gray(axis(8, 6, 1, 1), axis(9, 7, 2, 2));  // [T, 130, 130]
    const Value inside = graph_.mul(mask(8, 6, 1), mask(9, 7, 2));     // [T, 128, 128]
    const Value centre = part(gray, 2, 1), left = part(gray, 2, 0), right = part(gray, 2, 2);
    const Value sides = graph_.add(left, right);
    const Value slope = graph_.sub(right, left);  // [T, 130, 128], as in quality_kernel.cpp
    const Value smooth = graph_.add(sides, graph_.mul(centre, number(2)));
    const Value middle = part(centre, 1, 1);
    const Value sx =
        graph_.add(graph_.add(part(slope, 1, 0), part(slope, 1, 2)), graph_.mul(part(slope, 1, 1), number(2)));
    const Value sy = graph_.sub(part(smooth, 1, 2), part(smooth, 1, 0));
    const Value around = graph_.add(graph_.add(part(centre, 1, 0), part(centre, 1, 2)), part(sides, 1, 1));
    const Value laplacian = graph_.mul(graph_.sub(around, graph_.mul(middle, number(4))), inside);
    const Value level = graph_.mul(middle, inside);
    const Value length = graph_.mul(graph_.sqrt(graph_.add(graph_.mul(sx, sx), graph_.mul(sy, sy))), inside);

    std::vector<Value> sums;
    const auto add_sum = [&](const Value& values) {
      sums.push_back(graph_.unsqueeze(graph_.reduce_sum(values, {2}, false), {1}));  // [T, 1, 128]
    };
    add_sum(level);
    add_digits(graph_.mul(level, level), 256, add_sum);
    add_sum(laplacian);
    add_digits(graph_.mul(laplacian, laplacian), 1024, add_sum);
    add_sum(length);
    const Value totals = graph_.reduce_sum(graph_.concat(sums, 1), {2}, false);
    graph_.output("sums", totals, ElementType::f32, {-1, kSums});
    return std::move(graph_).build();
  }

 private:
  Value number(float value) { return graph_.scalar(value); }
  Value field(std::int32_t index) { return graph_.gather(tiles_, graph_.scalar(index), 1); }  // [T, 1]

  // Offsets of the tile's columns or rows, with one more at both ends, reflected at the part's edges (reflect-101).
  Value axis(std::int32_t begin, std::int32_t size, std::int32_t step, std::int64_t spread) {
    std::array<std::int32_t, kGrown> steps;
    std::iota(steps.begin(), steps.end(), -1);
    const Value at = graph_.add(field(begin), graph_.constant(steps, {1, kGrown}));  // [T, 130]
    const Value zero = graph_.scalar(0);
    const Value folded = graph_.max(at, graph_.sub(zero, at));
    const Value last = graph_.sub(field(size), graph_.scalar(1));
    const Value mirrored = graph_.sub(graph_.mul(last, graph_.scalar(2)), folded);
    // A side of one pixel has itself as its neighbour. Beyond the neighbour nothing is counted.
    const Value reflected = graph_.max(graph_.min(folded, mirrored), zero);
    return graph_.unsqueeze(graph_.mul(reflected, field(step)), {spread});
  }

  // 1 where a column or row of the tile lies in the part, else 0.
  Value mask(std::int32_t begin, std::int32_t size, std::int64_t spread) {
    std::array<std::int32_t, kQualityTile> steps;
    std::iota(steps.begin(), steps.end(), 0);
    const Value at = graph_.add(field(begin), graph_.constant(steps, {1, kQualityTile}));
    return graph_.unsqueeze(graph_.cast(graph_.less(at, field(size)), ElementType::f32), {spread});
  }

  // As gray.cpp: its sum of products is below 2^24 too.
  Value make_gray(const Value& columns, const Value& rows) {
    const Value places = graph_.add(rows, columns);  // [T, 130, 130]
    const auto weigh = [&](std::int32_t channel, float weight) {
      const Value base = graph_.unsqueeze(graph_.add(field(0), field(3 + channel)), {2});
      const Value value = graph_.gather(pixels_, graph_.add(places, base), 0);
      return graph_.mul(graph_.cast(value, ElementType::f32), number(weight));
    };
    const Value sum = graph_.add(graph_.add(weigh(0, 19595), weigh(1, 38470)), weigh(2, 7471));
    return graph_.floor(graph_.mul(graph_.add(sum, number(32768)), number(1.0F / 65536)));
  }

  // The 128 columns (axis 2) or rows (axis 1) that begin at `first`.
  Value part(const Value& values, std::int64_t axis, std::int64_t first) {
    const std::int64_t begin[] = {first}, end[] = {first + kQualityTile}, axes[] = {axis};
    return graph_.node("Slice",
                       {values, graph_.constant(begin, {1}), graph_.constant(end, {1}), graph_.constant(axes, {1})});
  }

  template <typename AddSum>
  void add_digits(const Value& values, float base, AddSum add_sum) {
    const Value high = graph_.floor(graph_.mul(values, number(1 / base)));
    add_sum(high);
    add_sum(graph_.sub(values, graph_.mul(high, number(base))));
  }

  GraphBuilder graph_;
  Value pixels_, tiles_;
};

}  // namespace

Graph make_quality_graph() { return QualityBuilder().build(); }

void QualityInputs::add(const DeviceImage& part) {
  const auto channels = part.channel_offsets();
  const std::size_t before = tiles();
  for (int y = 0; y < part.height; y += kQualityTile) {
    for (int x = 0; x < part.width; x += kQualityTile) {
      tiles_.insert(tiles_.end(), {part.offset, part.column_step, part.row_step, channels[0], channels[1], channels[2],
                                   part.width, part.height, x, y});
    }
  }
  parts_.push_back({tiles() - before, static_cast<double>(part.width) * part.height});
}

HostTensor QualityInputs::tensor(std::size_t first, std::size_t count) {
  const auto begin = tiles_.begin() + static_cast<std::ptrdiff_t>(first * kTile);
  const std::size_t real = std::min(count, tiles() - first);
  chunk_.assign(begin, begin + static_cast<std::ptrdiff_t>(real * kTile));
  for (std::size_t i = real; i < count; ++i) chunk_.insert(chunk_.end(), {0, 0, 0, 0, 0, 0, 1, 1, 0, 0});
  return host_tensor(chunk_, {static_cast<std::int64_t>(count), static_cast<std::int64_t>(kTile)});
}

std::vector<Quality> QualityInputs::measure(std::span<const float> sums) const {
  std::vector<Quality> measures;
  std::size_t at = 0;
  for (const Part& part : parts_) {
    std::array<double, kSums> total{};
    for (std::size_t i = 0; i < part.tiles * kSums; ++i) total[i % kSums] += sums[at++];
    QualitySums whole;
    whole.gray = static_cast<std::uint64_t>(total[0]);
    whole.gray_square = static_cast<std::uint64_t>(256 * total[1] + total[2]);
    whole.laplacian = static_cast<std::int64_t>(total[3]);
    whole.laplacian_square = static_cast<std::uint64_t>(1024 * total[4] + total[5]);
    whole.gradient = static_cast<std::uint64_t>(total[6] * kGradientUnits + 0.5);
    measures.push_back(quality_of(whole, part.pixels));
  }
  return measures;
}

std::size_t quality_bucket(std::size_t tiles) {
  std::size_t bucket = 1;
  while (bucket < tiles && bucket < kQualityTilesMax) bucket *= 4;
  return bucket;
}

}  // namespace mien
