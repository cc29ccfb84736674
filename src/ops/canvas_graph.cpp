#include "ops/canvas_graph.h"

#include <fmt/format.h>

#include <cassert>
#include <cstring>

#include "ops/device_image.h"

namespace mien {
namespace {

using Value = GraphBuilder::Value;

// 1 where a cell's first pixel lies before the extent: [M, cells].
Value cells_inside(GraphBuilder& graph, const Value& extents, std::int32_t side, const Value& firsts) {
  const Value extent = graph.gather(extents, graph.scalar(side), 1);  // [M, 1]
  const Value left = graph.sub(extent, firsts);
  const Value inside = graph.min(graph.max(left, graph.scalar(0)), graph.scalar(1));
  return graph.cast(inside, ElementType::f32);
}

Value make_mask(GraphBuilder& graph, const Value& extents, int stride) {
  const Value rows = graph.input(fmt::format("rows_{}", stride), ElementType::i32, {-1});
  const Value columns = graph.input(fmt::format("columns_{}", stride), ElementType::i32, {-1});
  const Value down = graph.unsqueeze(cells_inside(graph, extents, 0, rows), {1, 3});
  const Value across = graph.unsqueeze(cells_inside(graph, extents, 1, columns), {1, 2});
  return graph.mul(down, across);
}

std::vector<std::int32_t> first_pixels(int side, int stride) {
  std::vector<std::int32_t> firsts;
  for (int at = 0; at < side; at += stride) firsts.push_back(at);
  return firsts;
}

}  // namespace

Graph make_canvas_graph(const Feed& feed, bool is_masked, std::span<const int> strides) {
  GraphBuilder graph("canvas");
  const Value pixels = graph.input("pixels", ElementType::u8, {-1, 3, -1, -1});
  const Value places = graph.input("places", ElementType::i32, {-1});
  const Value value = graph.cast(graph.gather(pixels, places, 0), ElementType::f32);
  const Value fed = graph.mul(graph.sub(value, graph.scalar(feed.mean)), graph.scalar(feed.scale));
  if (!is_masked) {
    graph.output("planes", fed, ElementType::f32, {-1, 3, -1, -1});
    return std::move(graph).build();
  }
  const Value extents = graph.input("extents", ElementType::i32, {-1, 2});
  const Value mask = make_mask(graph, extents, 1);
  graph.output("planes", graph.mul(fed, mask), ElementType::f32, {-1, 3, -1, -1});
  for (const int stride : strides) {
    const std::string name = fmt::format("mask_{}", stride);
    const Value of_stride = stride == 1 ? mask : make_mask(graph, extents, stride);
    graph.output(name, of_stride, ElementType::f32, {-1, 1, -1, -1});
  }
  return std::move(graph).build();
}

CanvasFeed::CanvasFeed(const Feed& feed, bool is_masked, std::vector<int> strides)
    : feed_(feed), is_masked_(is_masked), strides_(std::move(strides)) {}

std::vector<DeviceInput> CanvasFeed::run(Accelerator& device, std::span<const CanvasBytes> images, int width,
                                         int height, std::size_t batch) {
  if (!session_) session_ = device.create_session(make_canvas_graph(feed_, is_masked_, strides_));
  const std::size_t row = static_cast<std::size_t>(width);
  const std::size_t plane = row * static_cast<std::size_t>(height);
  pixels_.assign(images.size() * 3 * plane, 0);
  std::vector<std::int32_t> places(batch, 0);
  std::vector<std::int32_t> extents(2 * batch, 0);
  for (std::size_t i = 0; i < images.size(); ++i) {
    const CanvasBytes& image = images[i];
    assert(image.width <= width && image.height <= height);
    const std::size_t bytes = static_cast<std::size_t>(image.width);
    const std::size_t rows = static_cast<std::size_t>(image.height);
    for (std::size_t y = 0; y < 3 * rows; ++y) {
      std::uint8_t* const out = pixels_.data() + (3 * i + y / rows) * plane + y % rows * row;
      std::memcpy(out, image.planes + y * bytes, bytes);
    }
    places[i] = static_cast<std::int32_t>(i);
    extents[2 * i] = image.height;
    extents[2 * i + 1] = image.width;
  }
  const std::int64_t count = static_cast<std::int64_t>(images.size());
  const std::int64_t all = static_cast<std::int64_t>(batch);
  std::vector<DeviceInput> inputs = {host_tensor(pixels_, {count, 3, height, width}), host_tensor(places, {all})};
  std::vector<std::vector<std::int32_t>> cells;
  if (is_masked_) {
    inputs.emplace_back(host_tensor(extents, {all, 2}));
    cells.push_back(first_pixels(height, 1));
    cells.push_back(first_pixels(width, 1));
    for (const int stride : strides_) {
      if (stride == 1) continue;
      cells.push_back(first_pixels(height, stride));
      cells.push_back(first_pixels(width, stride));
    }
    for (const std::vector<std::int32_t>& firsts : cells) {
      inputs.emplace_back(host_tensor(firsts, {static_cast<std::int64_t>(firsts.size())}));
    }
  }
  const auto stays = std::make_unique<bool[]>(1 + strides_.size());
  std::fill_n(stays.get(), 1 + strides_.size(), true);
  std::vector<DeviceInput> outputs;
  for (DeviceOutput& output : session_->run(inputs, {stays.get(), 1 + strides_.size()})) {
    outputs.emplace_back(std::move(output.on_device));
  }
  return outputs;
}

}  // namespace mien
