// Numbers that a graph computes from the shapes of its values, such as the size that a Resize takes from another
// feature map.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "models/onnx_graph.h"

namespace mien {

// One such number, for a canvas of any size.
struct TracedSize {
  enum class Kind { number, images, channels, rows, columns };
  Kind kind = Kind::number;
  std::int64_t value = 0;  // number: itself; rows, columns: the canvas pixels that one of them stands for
};
using TracedSizes = std::vector<TracedSize>;

// The shape of a picture, [images, channels, rows, columns].
TracedSizes picture_shape(int stride);

// Gives the numbers of a value of the graph, or nothing where they are not known.
using SizesOf = std::function<std::optional<TracedSizes>(const std::string& value)>;

// Returns the numbers that a node makes of numbers: it understands Slice, Gather, Concat, Squeeze, Unsqueeze, Cast,
// Floor, Ceil, and Mul by a constant, as exporters write them. Nothing for other nodes.
std::optional<TracedSizes> trace_sizes(const onnx::NodeProto& node, const OnnxGraph& graph, const SizesOf& sizes_of);

}  // namespace mien
