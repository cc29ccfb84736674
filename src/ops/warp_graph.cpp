#include "ops/warp_graph.h"

#include <algorithm>
#include <cmath>

namespace mien {
namespace {

using Value = GraphBuilder::Value;

constexpr double kCentre = (kAlignedSide - 1) / 2.0;
// Further than this everything is black, and whole numbers still hold the sum of two of them.
constexpr double kFar = 1e7;

// One direction of the four neighbours, [F, 112, 112] each.
struct Neighbours {
  Value fraction;
  Value first;  // offsets in bytes
  Value second;
  Value first_inside;  // 1 or 0
  Value second_inside;
};

class WarpBuilder {
 public:
  WarpBuilder() : graph_("warp") {
    pixels_ = graph_.input("pixels", ElementType::u8, {-1});
    items_ = graph_.input("items", ElementType::i32, {-1, 10});
    maps_ = graph_.input("maps", ElementType::f32, {-1, 4});
    std::vector<float> steps;
    for (int i = 0; i < kAlignedSide; ++i) steps.push_back(static_cast<float>(i - kCentre));
    across_ = graph_.constant(steps, {1, 1, kAlignedSide});
    down_ = graph_.constant(steps, {1, kAlignedSide, 1});
  }

  Graph build(const Feed& feed) && {
    const Value a = map(0), b = map(1);
    // x = a u - b v + tx, y = b u + a v + ty
    const Value x = graph_.add(graph_.sub(graph_.mul(a, across_), graph_.mul(b, down_)), map(2));
    const Value y = graph_.add(graph_.add(graph_.mul(b, across_), graph_.mul(a, down_)), map(3));
    const Neighbours columns = neighbours(x, 8, 6, 1);
    const Neighbours rows = neighbours(y, 9, 7, 2);

    const std::int32_t channels[] = {3, 4, 5};
    const Value bases = graph_.add(graph_.gather(items_, graph_.scalar(0), 1),
                                   graph_.gather(items_, graph_.constant(channels, {3}), 1));
    const Value planes = graph_.unsqueeze(bases, {2, 3});  // [F, 3, 1, 1]
    const auto sample = [&](const Value& row, const Value& row_inside, const Value& column, const Value& inside) {
      const Value place = graph_.add(planes, graph_.unsqueeze(graph_.add(row, column), {1}));
      const Value value = graph_.cast(graph_.gather(pixels_, place, 0), ElementType::f32);
      return graph_.mul(value, graph_.unsqueeze(graph_.mul(row_inside, inside), {1}));
    };
    const auto blend = [&](const Value& from, const Value& to, const Value& fraction) {
      return graph_.add(from, graph_.mul(graph_.sub(to, from), graph_.unsqueeze(fraction, {1})));
    };
    const auto blend_row = [&](const Value& row, const Value& inside) {
      return blend(sample(row, inside, columns.first, columns.first_inside),
                   sample(row, inside, columns.second, columns.second_inside), columns.fraction);
    };
    const Value value =
        blend(blend_row(rows.first, rows.first_inside), blend_row(rows.second, rows.second_inside), rows.fraction);
    const Value level = graph_.floor(graph_.add(value, graph_.scalar(0.5F)));
    const Value fed = graph_.mul(graph_.sub(level, graph_.scalar(feed.mean)), graph_.scalar(feed.scale));
    graph_.output("planes", fed, ElementType::f32, {-1, 3, kAlignedSide, kAlignedSide});
    return std::move(graph_).build();
  }

 private:
  Value map(std::int32_t index) { return graph_.unsqueeze(graph_.gather(maps_, graph_.scalar(index), 1), {2}); }
  Value item(std::int32_t index) { return graph_.unsqueeze(graph_.gather(items_, graph_.scalar(index), 1), {2}); }

  Neighbours neighbours(const Value& position, std::int32_t origin, std::int32_t size, std::int32_t step) {
    const float far = static_cast<float>(kFar);
    const Value near = graph_.clamp(position, graph_.scalar(-far), graph_.scalar(far));
    const Value whole = graph_.floor(near);
    const Value last = graph_.sub(item(size), graph_.scalar(1));
    const Value first = graph_.add(graph_.cast(whole, ElementType::i32), item(origin));
    const auto place = [&](const Value& index) { return graph_.clamp(index, graph_.scalar(0), last); };
    const auto is_inside = [&](const Value& index, const Value& placed) {
      return graph_.cast(graph_.node("Equal", {index, placed}), ElementType::f32);
    };
    const Value second = graph_.add(first, graph_.scalar(1));
    const Value first_placed = place(first), second_placed = place(second);
    return {graph_.sub(near, whole), graph_.mul(first_placed, item(step)), graph_.mul(second_placed, item(step)),
            is_inside(first, first_placed), is_inside(second, second_placed)};
  }

  GraphBuilder graph_;
  Value pixels_, items_, maps_, across_, down_;
};

}  // namespace

Graph make_warp_graph(const Feed& feed) { return WarpBuilder().build(feed); }

void WarpInputs::add(const DeviceImage& image, const Similarity& to_template, const Feed& feed) {
  const Similarity from = invert(to_template);
  // The template's centre lies here. A position that is not finite goes far outside.
  const auto place = [](double position) { return std::isfinite(position) ? std::clamp(position, -kFar, kFar) : kFar; };
  const double x = place(from.a * kCentre - from.b * kCentre + from.tx);
  const double y = place(from.b * kCentre + from.a * kCentre + from.ty);
  const auto channels = image.channel_offsets(feed.bgr);
  items_.insert(items_.end(), {image.offset, image.column_step, image.row_step});
  items_.insert(items_.end(), channels.begin(), channels.end());
  items_.insert(items_.end(), {image.width, image.height, static_cast<std::int32_t>(std::floor(x)),
                               static_cast<std::int32_t>(std::floor(y))});
  const auto finite = [](double value) { return std::isfinite(value) ? static_cast<float>(value) : 0.0F; };
  maps_.insert(maps_.end(), {finite(from.a), finite(from.b), finite(x - std::floor(x)), finite(y - std::floor(y))});
}

void WarpInputs::fill_up(std::size_t count) {
  // An image of no pixels: everything is outside, and places are clamped to the first byte.
  while (this->count() < count) {
    items_.insert(items_.end(), {0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    maps_.insert(maps_.end(), {0, 0, 0, 0});
  }
}

std::vector<HostTensor> WarpInputs::tensors() const {
  const std::int64_t faces = static_cast<std::int64_t>(count());
  return {host_tensor(items_, {faces, 10}), host_tensor(maps_, {faces, 4})};
}

}  // namespace mien
