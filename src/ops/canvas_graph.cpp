#include "ops/canvas_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>

#include "ops/device_image.h"

namespace mien {
namespace {

using Value = GraphBuilder::Value;

// 1 where a row (or a column) lies before its image's extent.
Value before(GraphBuilder& graph, const Value& places, const Value& extents) {
  return graph.cast(graph.less(places, extents), ElementType::f32);
}

// Each step-th place along the axis.
Value thin_out(GraphBuilder& graph, const Value& places, std::int64_t axis, std::int64_t step) {
  if (step == 1) return places;
  const auto number = [&](std::int64_t value) { return graph.constant(std::span<const std::int64_t>(&value, 1), {1}); };
  return graph.node("Slice", {places, number(0), number(1 << 30), number(axis), number(step)});
}

// Copies a plane to the upper left of one of width x height, which is 0 elsewhere.
void copy_plane(const std::uint8_t* in, int in_width, int in_height, int width, int height, std::uint8_t* out) {
  const std::size_t row = static_cast<std::size_t>(width), taken = static_cast<std::size_t>(in_width);
  const std::size_t rows = static_cast<std::size_t>(height), rows_taken = static_cast<std::size_t>(in_height);
  if (taken == row) {
    std::memcpy(out, in, rows_taken * row);
  } else {
    for (std::size_t y = 0; y < rows_taken; ++y) {
      std::memcpy(out + y * row, in + y * taken, taken);
      std::memset(out + y * row + taken, 0, row - taken);
    }
  }
  std::memset(out + rows_taken * row, 0, (rows - rows_taken) * row);
}

}  // namespace

Graph make_canvas_graph(const Feed& feed, bool is_masked, std::span<const int> strides) {
  // Each node reads and writes all values of a batch, and nothing else here takes time: so there is one only where it
  // changes a value.
  GraphBuilder graph("canvas");
  Value planes = graph.cast(graph.input("pixels", ElementType::u8, {-1, 3, -1, -1}), ElementType::f32);
  if (feed.mean != 0) planes = graph.sub(planes, graph.scalar(feed.mean));
  if (!is_masked) {
    if (feed.scale != 1) planes = graph.mul(planes, graph.scalar(feed.scale));
    graph.output("planes", planes, ElementType::f32, {-1, 3, -1, -1});
    return std::move(graph).build();
  }
  const Value heights = graph.input("heights", ElementType::i32, {-1, 1, 1, 1});
  const Value widths = graph.input("widths", ElementType::i32, {-1, 1, 1, 1});
  const Value down = before(graph, graph.input("rows", ElementType::i32, {1, 1, -1, 1}), heights);
  const Value across = before(graph, graph.input("columns", ElementType::i32, {1, 1, 1, -1}), widths);
  if (feed.mean != 0) {
    // The scale inside and 0 outside. Where the mean is 0, so are the planes outside, as the pixels there are.
    const Value scaled = feed.scale == 1 ? down : graph.mul(down, graph.scalar(feed.scale));
    planes = graph.mul(planes, graph.mul(scaled, across));
  } else if (feed.scale != 1) {
    planes = graph.mul(planes, graph.scalar(feed.scale));
  }
  graph.output("planes", planes, ElementType::f32, {-1, 3, -1, -1});
  for (const int stride : strides) {
    const Value mask = graph.mul(thin_out(graph, down, 2, stride), thin_out(graph, across, 3, stride));
    graph.output(fmt::format("mask_{}", stride), mask, ElementType::f32, {-1, 1, -1, -1});
  }
  return std::move(graph).build();
}

CanvasFeed::CanvasFeed(const Feed& feed, bool is_masked, std::vector<int> strides)
    : feed_(feed), is_masked_(is_masked), strides_(std::move(strides)) {}

std::vector<DeviceInput> CanvasFeed::run(Accelerator& device, std::span<const CanvasBytes> images, int width,
                                         int height, std::size_t batch) {
  const std::lock_guard lock(mutex_);
  if (!session_) session_ = device.create_session(make_canvas_graph(feed_, is_masked_, strides_));
  const std::int64_t places = static_cast<std::int64_t>(batch);
  std::vector<DeviceInput> inputs = {upload(device, images, width, height, batch)};
  std::vector<std::int32_t> heights(batch), widths(batch);
  std::vector<std::int32_t> rows(static_cast<std::size_t>(height)), columns(static_cast<std::size_t>(width));
  if (is_masked_) {
    std::transform(images.begin(), images.end(), heights.begin(),
                   [](const CanvasBytes& image) { return image.height; });
    std::transform(images.begin(), images.end(), widths.begin(), [](const CanvasBytes& image) { return image.width; });
    std::iota(rows.begin(), rows.end(), 0);
    std::iota(columns.begin(), columns.end(), 0);
    inputs.emplace_back(host_tensor(heights, {places, 1, 1, 1}));
    inputs.emplace_back(host_tensor(widths, {places, 1, 1, 1}));
    inputs.emplace_back(host_tensor(rows, {1, 1, height, 1}));
    inputs.emplace_back(host_tensor(columns, {1, 1, 1, width}));
  }
  const auto stays = std::make_unique<bool[]>(1 + strides_.size());
  std::fill_n(stays.get(), 1 + strides_.size(), true);
  std::vector<DeviceInput> outputs;
  for (DeviceOutput& output : session_->run(inputs, {stays.get(), 1 + strides_.size()})) {
    outputs.emplace_back(std::move(output.on_device));
  }
  return outputs;
}

DeviceTensor CanvasFeed::upload(Accelerator& device, std::span<const CanvasBytes> images, int width, int height,
                                std::size_t batch) {
  const std::size_t plane = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  pixels_.resize(std::max(pixels_.size(), images.size() * 3 * plane));
  std::uint8_t* out = pixels_.data();
  for (const CanvasBytes& image : images) {
    assert(image.width <= width && image.height <= height);
    const std::size_t taken = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height);
    for (std::size_t channel = 0; channel < 3; ++channel, out += plane) {
      copy_plane(image.planes + channel * taken, image.width, image.height, width, height, out);
    }
  }
  const Shape all = {static_cast<std::int64_t>(batch), 3, height, width};
  if (!canvases_ || canvases_.memory->bytes < batch * 3 * plane) {
    canvases_ = {};  // before there is a larger one
    canvases_ = device.allocate(ElementType::u8, all);
  }
  device.upload(host_tensor(pixels_, {static_cast<std::int64_t>(images.size()), 3, height, width}), canvases_);
  return {canvases_.memory, ElementType::u8, all};
}

}  // namespace mien
