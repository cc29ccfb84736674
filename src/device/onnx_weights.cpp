#include "device/onnx_weights.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <climits>
#include <functional>
#include <set>

namespace mien {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// Fields of the ONNX standard.
constexpr int kGraphOfModel = 7;
constexpr int kNodeOfGraph = 1;
constexpr int kInitializerOfGraph = 5;
constexpr int kInputOfNode = 1;
constexpr int kOpOfNode = 4;
constexpr int kDimsOfTensor = 1;
constexpr int kTypeOfTensor = 2;
constexpr int kNameOfTensor = 8;
constexpr int kRawDataOfTensor = 9;
constexpr std::uint64_t kFloat = 1;

// A field as it lies in the bytes: a number, or a piece of them.
struct Field {
  int number = 0;
  std::uint64_t value = 0;
  Bytes piece;
};

std::string text_of(const Field& field) { return {field.piece.begin(), field.piece.end()}; }

// Calls `visit` for the fields of a message; false where it is none. A message of more than 2 GB is no field's.
bool visit_fields(Bytes message, const std::function<bool(const Field&)>& visit) {
  if (message.size() > INT_MAX) return false;
  CodedInputStream stream(message.data(), static_cast<int>(message.size()));
  while (const std::uint32_t tag = stream.ReadTag()) {
    Field field{WireFormatLite::GetTagFieldNumber(tag), 0, {}};
    switch (WireFormatLite::GetTagWireType(tag)) {
      case WireFormatLite::WIRETYPE_VARINT:
        if (!stream.ReadVarint64(&field.value)) return false;
        break;
      case WireFormatLite::WIRETYPE_LENGTH_DELIMITED: {
        std::uint32_t size = 0;
        if (!stream.ReadVarint32(&size) || size > INT_MAX) return false;
        const std::size_t at = static_cast<std::size_t>(stream.CurrentPosition());
        if (!stream.Skip(static_cast<int>(size))) return false;
        field.piece = message.subspan(at, size);
        break;
      }
      default:
        if (!WireFormatLite::SkipField(&stream, tag)) return false;
        continue;
    }
    if (!visit(field)) return false;
  }
  return stream.ConsumedEntireMessage();
}

bool read_packed(Bytes piece, Shape& shape) {
  CodedInputStream stream(piece.data(), static_cast<int>(piece.size()));
  while (stream.CurrentPosition() < static_cast<int>(piece.size())) {
    std::uint64_t side = 0;
    if (!stream.ReadVarint64(&side)) return false;
    shape.push_back(static_cast<std::int64_t>(side));
  }
  return true;
}

// Whether these are the bytes of so many floats; the product cannot overflow on its way.
bool fits(const OnnxWeight& weight) {
  std::uint64_t count = weight.values.size() / sizeof(float);
  if (count * sizeof(float) != weight.values.size()) return false;
  for (const std::int64_t side : weight.shape) {
    if (side <= 0 || count % static_cast<std::uint64_t>(side) != 0) return false;
    count /= static_cast<std::uint64_t>(side);
  }
  return count == 1;
}

bool read_tensor(Bytes tensor, std::size_t bytes_min, std::vector<OnnxWeight>& weights) {
  OnnxWeight weight;
  std::uint64_t type = 0;
  const bool is_whole = visit_fields(tensor, [&](const Field& field) {
    if (field.number == kTypeOfTensor) type = field.value;
    if (field.number == kNameOfTensor) weight.name = text_of(field);
    if (field.number == kRawDataOfTensor) weight.values = field.piece;
    if (field.number != kDimsOfTensor) return true;
    if (!field.piece.empty()) return read_packed(field.piece, weight.shape);
    weight.shape.push_back(static_cast<std::int64_t>(field.value));
    return true;
  });
  if (is_whole && type == kFloat && weight.values.size() >= std::max<std::size_t>(1, bytes_min) && fits(weight)) {
    weights.push_back(std::move(weight));
  }
  return is_whole;
}

// Adds what the node reads to one of the two.
bool read_node(Bytes node, std::set<std::string>& of_products, std::set<std::string>& of_others) {
  std::string op;
  std::vector<std::string> inputs;
  const bool is_whole = visit_fields(node, [&](const Field& field) {
    if (field.number == kOpOfNode) op = text_of(field);
    if (field.number == kInputOfNode) inputs.push_back(text_of(field));
    return true;
  });
  (op == "Conv" || op == "Gemm" ? of_products : of_others).insert(inputs.begin(), inputs.end());
  return is_whole;
}

}  // namespace

std::vector<OnnxWeight> find_onnx_weights(Bytes model, std::size_t bytes_min) {
  std::vector<OnnxWeight> weights;
  std::set<std::string> of_products;
  std::set<std::string> of_others;
  const bool is_model = visit_fields(model, [&](const Field& of_model) {
    if (of_model.number != kGraphOfModel) return true;
    return visit_fields(of_model.piece, [&](const Field& of_graph) {
      if (of_graph.number == kNodeOfGraph) return read_node(of_graph.piece, of_products, of_others);
      return of_graph.number != kInitializerOfGraph || read_tensor(of_graph.piece, bytes_min, weights);
    });
  });
  if (!is_model) return {};
  std::erase_if(weights, [&](const OnnxWeight& weight) {
    return !of_products.contains(weight.name) || of_others.contains(weight.name);
  });
  return weights;
}

}  // namespace mien
