#include "ops/letterbox_graph.h"

#include <algorithm>
#include <cassert>

namespace mien {
namespace {

using Value = GraphBuilder::Value;

// A packed tap: the first weight, the second one, and whether the second pixel is the next one.
constexpr std::int32_t kWeightRange = 1 << 12;

std::int32_t pack(const ResizeTap& tap, bool has_next) {
  return tap.first + kWeightRange * (tap.second + kWeightRange * (has_next ? 1 : 0));
}

// One direction's taps, unpacked by arithmetic: not every provider has operators on bits.
struct Taps {
  Value first;  // offsets
  Value second;
  Value first_weight;
  Value second_weight;
};

// `packed` is [N, 2, size]; what comes back is [N, 1, size] with another axis before or behind the last.
Taps unpack(GraphBuilder& graph, const Value& packed, const Value& step, std::int64_t axis) {
  const auto slice = [&](std::int32_t index) { return graph.gather(packed, graph.scalar(index), 1); };
  const Value range = graph.scalar(kWeightRange);
  const Value offsets = slice(0);
  const Value weights = slice(1);
  const Value rest = graph.div(weights, range);
  const Value has_next = graph.div(rest, range);
  const Value first_weight = graph.sub(weights, graph.mul(rest, range));
  const Value second_weight = graph.sub(rest, graph.mul(has_next, range));
  const Value next = graph.add(offsets, graph.mul(has_next, graph.unsqueeze(step, {2})));
  const auto spread = [&](const Value& value) { return graph.unsqueeze(value, {axis}); };
  return {spread(offsets), spread(next), spread(first_weight), spread(second_weight)};
}

}  // namespace

Graph make_letterbox_graph(const Feed& feed) {
  GraphBuilder graph("letterbox");
  const Value pixels = graph.input("pixels", ElementType::u8, {-1});
  const Value items = graph.input("items", ElementType::i32, {-1, 6});
  const Value packed_columns = graph.input("columns", ElementType::i32, {-1, 2, -1});
  const Value packed_rows = graph.input("rows", ElementType::i32, {-1, 2, -1});

  const auto field = [&](std::int32_t index) { return graph.gather(items, graph.scalar(index), 1); };
  const std::int32_t channels[] = {3, 4, 5};
  const Value bases = graph.add(field(0), graph.gather(items, graph.constant(channels, {3}), 1));
  const Value planes = graph.unsqueeze(bases, {2, 3});              // [N, 3, 1, 1]
  const Taps columns = unpack(graph, packed_columns, field(1), 2);  // [N, 1, 1, W]
  const Taps rows = unpack(graph, packed_rows, field(2), 3);        // [N, 1, H, 1]

  const auto sample = [&](const Value& row, const Value& column) {
    return graph.cast(graph.gather(pixels, graph.add(row, column), 0), ElementType::i32);
  };
  // OpenCV's fixed point, as in resize.cpp; nothing is negative, so that divisions are shifts.
  const auto weigh_row = [&](const Value& offsets, const Value& weights) {
    const Value row = graph.add(planes, offsets);  // [N, 3, H, 1]
    const Value sum = graph.add(graph.mul(sample(row, columns.first), columns.first_weight),
                                graph.mul(sample(row, columns.second), columns.second_weight));
    return graph.div(graph.mul(graph.div(sum, graph.scalar(1 << 4)), weights), graph.scalar(1 << 16));
  };
  const Value sum = graph.add(weigh_row(rows.first, rows.first_weight), weigh_row(rows.second, rows.second_weight));
  const Value rounded = graph.div(graph.add(sum, graph.scalar(2)), graph.scalar(4));
  const Value value = graph.cast(graph.min(rounded, graph.scalar(255)), ElementType::f32);
  const Value fed = graph.mul(graph.sub(value, graph.scalar(feed.mean)), graph.scalar(feed.scale));
  graph.output("planes", fed, ElementType::f32, {-1, 3, -1, -1});
  return std::move(graph).build();
}

void LetterboxInputs::add(const DeviceImage& image, const LetterboxSize& size, const Feed& feed) {
  assert(size.canvas_width == width_ && size.canvas_height == height_);
  items_.insert(items_.end(), {image.offset, image.column_step, image.row_step});
  const auto channels = image.channel_offsets(feed.bgr);
  items_.insert(items_.end(), channels.begin(), channels.end());

  // Two rows of numbers: the offsets, and the rest behind them.
  const auto add_taps = [](std::vector<std::int32_t>& out, int canvas, int scaled, int in, std::int32_t step,
                           bool is_column) {
    const std::size_t begin = out.size();
    const std::size_t length = static_cast<std::size_t>(canvas);
    out.resize(begin + 2 * length);
    for (int i = 0; i < scaled; ++i) {
      const ResizeTap tap = make_resize_tap(i, in, scaled, is_column);
      const int first = std::clamp(tap.index, 0, in - 1);
      const int second = std::clamp(tap.index + 1, 0, in - 1);
      const std::size_t at = begin + static_cast<std::size_t>(i);
      out[at] = first * step;
      out[at + length] = pack(tap, second != first);
    }
  };
  add_taps(columns_, width_, size.width, image.width, image.column_step, true);
  add_taps(rows_, height_, size.height, image.height, image.row_step, false);
}

void LetterboxInputs::fill_up(std::size_t count) {
  items_.resize(std::max(items_.size(), count * kItem));
  columns_.resize(std::max(columns_.size(), count * 2 * static_cast<std::size_t>(width_)));
  rows_.resize(std::max(rows_.size(), count * 2 * static_cast<std::size_t>(height_)));
}

std::vector<HostTensor> LetterboxInputs::tensors() const {
  const std::int64_t images = static_cast<std::int64_t>(count());
  return {host_tensor(items_, {images, 6}), host_tensor(columns_, {images, 2, width_}),
          host_tensor(rows_, {images, 2, height_})};
}

}  // namespace mien
