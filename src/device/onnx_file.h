// The parts of an ONNX file that mien reads and rewrites.
#pragma once

#include <onnx_subset.pb.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mien/image.h"
#include "mien/result.h"

namespace mien {

// TensorProto.DataType
inline constexpr int kOnnxFloat = 1;
inline constexpr int kOnnxInt64 = 7;

// Protocol buffers themselves end at 2 GiB; a face model of a quarter of that is none.
inline constexpr std::size_t kModelBytesMax = std::size_t{512} << 20;

// Error: bad_data when the bytes are no ONNX model, limit_exceeded when there are more than kModelBytesMax.
Result<onnx::ModelProto> parse_model(Bytes bytes);
std::vector<std::uint8_t> serialize(const onnx::ModelProto& model);

// Old exporters declare weights as inputs too, which a caller may replace: no runtime may fold them then. Makes
// constants of them; false where there were none.
bool make_weights_constant(onnx::ModelProto& model);

// Values of a constant tensor; nothing when it is of another type.
std::optional<std::vector<std::int64_t>> read_integers(const onnx::TensorProto& tensor);
std::optional<std::vector<float>> read_floats(const onnx::TensorProto& tensor);

// Whether the sides of a tensor make so many values; whatever they are, their product does not overflow on its way.
bool has_count(const onnx::TensorProto& tensor, std::size_t count);

// Whether a node holds a graph of its own (If, Loop), which may use any name of the graph around it.
bool has_inner_graphs(const onnx::GraphProto& graph);

}  // namespace mien
