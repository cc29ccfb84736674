#include "models/strides.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>
#include <string_view>

#include "models/traced_sizes.h"

namespace mien {
namespace {

using onnx::AttributeProto;
using onnx::GraphProto;
using onnx::NodeProto;
using onnx::TensorProto;

// Sides of rectangles and canvases are multiples of it, so that every stride that divides it gives whole cells.
constexpr int kStrideMax = 32;

// Parts of a picture are followed by what they are:
struct Traced {
  enum class Kind {
    numbers,  // weights, and what is computed from shapes: no part of a picture
    picture,  // [images, channels, rows, columns]
    cells,    // values of a picture's cells, in another order of dimensions, or such as may be no numbers outside
  };
  Kind kind = Kind::numbers;
  int stride = 1;                         // of a picture, of cells: canvas pixels a cell
  bool is_zero_outside = false;           // a picture, outside of images
  bool is_nonnegative = false;            // a picture, everywhere
  std::optional<TracedSizes> sizes = {};  // of numbers that come from shapes
};

std::string name_of(const NodeProto& node) {
  if (!node.name().empty()) return fmt::format("{} {}", node.op_type(), node.name());
  return fmt::format("{} of {}", node.op_type(), node.output_size() > 0 ? node.output(0) : "nothing");
}

[[noreturn]] void stop_at(const NodeProto& node, std::string_view why) {
  throw Exception(ErrorCode::unsupported, fmt::format("{} {}", name_of(node), why));
}

template <std::size_t N>
bool is_one_of(const std::string& op, const std::array<std::string_view, N>& ops) {
  return std::find(ops.begin(), ops.end(), op) != ops.end();
}

std::int64_t integer_of(const NodeProto& node, std::string_view name, std::int64_t otherwise) {
  const AttributeProto* const attribute = find_attribute(node, name);
  return attribute == nullptr ? otherwise : attribute->i();
}

std::string text_of(const NodeProto& node, std::string_view name, std::string_view otherwise) {
  const AttributeProto* const attribute = find_attribute(node, name);
  return std::string(attribute == nullptr ? otherwise : std::string_view(attribute->s()));
}

// The four or two whole numbers of an attribute, each from `low` to kSpanMax.
template <std::size_t N>
std::array<std::int64_t, N> integers_of(const NodeProto& node, std::string_view name, std::int64_t low,
                                        std::int64_t otherwise) {
  constexpr std::int64_t kSpanMax = 4096;  // far above what a detector has; products of two do not overflow
  std::array<std::int64_t, N> values;
  values.fill(otherwise);
  const AttributeProto* const attribute = find_attribute(node, name);
  if (attribute == nullptr) return values;
  const bool is_right = attribute->ints_size() == static_cast<int>(N) &&
                        std::all_of(attribute->ints().begin(), attribute->ints().end(),
                                    [&](std::int64_t value) { return value >= low && value <= kSpanMax; });
  if (!is_right) stop_at(node, fmt::format("has {} that are not those of a picture", name));
  std::copy(attribute->ints().begin(), attribute->ints().end(), values.begin());
  return values;
}

// A node that computes each cell from that cell alone.
struct Pointwise {
  std::string_view op;
  bool keeps_zero = false;
  enum class Sign { any, kept, nonnegative } sign = Sign::any;
};
using Sign = Pointwise::Sign;
constexpr std::array<Pointwise, 17> kPointwise = {{
    {"Abs", true, Sign::nonnegative},
    {"BatchNormalization", false, Sign::any},
    {"Cast", true, Sign::kept},
    {"Clip", false, Sign::any},  // its bounds tell more
    {"Dropout", true, Sign::kept},
    {"Elu", true, Sign::kept},
    {"HardSigmoid", false, Sign::nonnegative},
    {"HardSwish", true, Sign::kept},
    {"Identity", true, Sign::kept},
    {"LeakyRelu", true, Sign::kept},
    {"Neg", true, Sign::any},
    {"PRelu", true, Sign::kept},
    {"Relu", true, Sign::nonnegative},
    {"Selu", true, Sign::kept},
    {"Sigmoid", false, Sign::nonnegative},
    {"Softplus", false, Sign::nonnegative},
    {"Tanh", true, Sign::kept},
}};

const Pointwise* find_pointwise(const std::string& op) {
  const auto found =
      std::find_if(kPointwise.begin(), kPointwise.end(), [&](const Pointwise& row) { return row.op == op; });
  return found == kPointwise.end() ? nullptr : &*found;
}

// Nodes that join values cell by cell.
constexpr std::array<std::string_view, 7> kElementwise = {"Add", "Div", "Max", "Min", "Mul", "Sub", "Sum"};
// Nodes behind which a picture is none any more, or may hold infinities, which no mask makes 0.
constexpr std::array<std::string_view, 10> kEndings = {"Exp",     "Flatten", "Log",     "LogSoftmax", "Reshape",
                                                       "Softmax", "Sqrt",    "Squeeze", "Transpose",  "Unsqueeze"};
constexpr std::array<std::string_view, 12> kMixing = {"Gemm",
                                                      "GlobalAveragePool",
                                                      "GlobalMaxPool",
                                                      "GroupNormalization",
                                                      "InstanceNormalization",
                                                      "LayerNormalization",
                                                      "MatMul",
                                                      "MeanVarianceNormalization",
                                                      "ReduceMax",
                                                      "ReduceMean",
                                                      "ReduceMin",
                                                      "ReduceSum"};

// How a window lies in one direction. `extent` counts dilation. Images begin where their canvas begins, so that only
// the border behind them is another one on a canvas than alone.
struct Window {
  std::int64_t extent = 1;
  std::int64_t step = 1;
  std::int64_t begin = 0;  // cells of border
  std::int64_t end = 0;

  bool stays_in_cell() const { return begin == 0 && extent <= step; }
  bool ends_in_cell() const { return extent - begin <= step; }
  // Whether n * step cells, for any n, give n: what is left over of the last window says how many there are.
  bool gives_whole_cells(bool rounds_up) const {
    const std::int64_t rest = begin + end - extent;
    return rounds_up ? rest > -2 * step && rest <= -step : rest >= -step && rest < 0;
  }
};

struct Windows {
  Window down;
  Window across;
  bool stay_in_cell() const { return down.stays_in_cell() && across.stays_in_cell(); }
  bool end_in_cell() const { return down.ends_in_cell() && across.ends_in_cell(); }
};

class Follower {
 public:
  explicit Follower(GraphProto& graph) : graph_(graph), index_(graph) {}

  FollowedStrides follow() {
    add_input();
    for (int i = 0; i < graph_.node_size(); ++i) {
      const NodeProto& node = graph_.node(i);
      if (node.output_size() > 0) traced_[node.output(0)] = follow_node(i, node);
    }
    for (const onnx::ValueInfoProto& output : graph_.output()) {
      const auto found = traced_.find(output.name());
      if (found == traced_.end() || found->second.kind == Traced::Kind::numbers) {
        throw Exception(ErrorCode::unsupported, fmt::format("output {} is no part of a picture", output.name()));
      }
      followed_.output_strides.push_back(found->second.stride);
    }
    return std::move(followed_);
  }

 private:
  void add_input();
  Traced follow_node(int index, const NodeProto& node);
  Traced follow_numbers(const NodeProto& node) const;
  Traced follow_picture(int index, const NodeProto& node, const Traced& picture);
  Traced follow_cells(const NodeProto& node, const Traced& cells) const;
  Traced follow_window(int index, const NodeProto& node, const Traced& picture);
  Traced follow_enlarging_window(int index, const NodeProto& node, const Traced& picture);
  Traced follow_resize(const NodeProto& node, const Traced& picture) const;
  Traced follow_pointwise(const NodeProto& node, const Pointwise& row, const Traced& picture) const;
  Traced follow_elementwise(const NodeProto& node, const Traced& first) const;
  Traced follow_concat(const NodeProto& node, const Traced& first) const;

  const Traced& input_of(const NodeProto& node, int index) const;
  std::array<std::int64_t, 2> kernel_of(const NodeProto& node) const;
  Windows windows_of(const NodeProto& node) const;
  void require_numbers(const NodeProto& node, int first) const;
  bool is_same_everywhere(const std::string& name) const;
  std::optional<TracedSizes> sizes_of(const std::string& name) const;
  std::optional<int> factor_of(const NodeProto& node) const;

  GraphProto& graph_;
  const OnnxGraph index_;
  std::map<std::string, Traced> traced_;
  FollowedStrides followed_;
};

void Follower::add_input() {
  if (graph_.input_size() != 1) {
    throw Exception(ErrorCode::unsupported,
                    fmt::format("the model has {} inputs, and an image is one", graph_.input_size()));
  }
  const onnx::ValueInfoProto& input = graph_.input(0);
  const onnx::TypeProto::Tensor& type = input.type().tensor_type();
  if (type.shape().dim_size() != 4 || type.elem_type() != kOnnxFloat) {
    throw Exception(ErrorCode::unsupported,
                    fmt::format("input {} is no image of 32-bit floats, [N, C, H, W]", input.name()));
  }
  const std::int64_t height = type.shape().dim(2).dim_value();
  const std::int64_t width = type.shape().dim(3).dim_value();
  if (height > 0 || width > 0) {
    throw Exception(ErrorCode::unsupported,
                    fmt::format("input {} takes images of {} x {} pixels alone", input.name(), width, height));
  }
  traced_[input.name()] = {.kind = Traced::Kind::picture, .stride = 1, .is_zero_outside = true};
}

const Traced& Follower::input_of(const NodeProto& node, int index) const {
  static const Traced kNumbers;
  const std::string& name = node.input(index);
  const auto found = traced_.find(name);
  if (found != traced_.end()) return found->second;
  if (!name.empty() && index_[name].constant == nullptr) {
    stop_at(node, fmt::format("reads {}, which mien does not follow", name));
  }
  return kNumbers;
}

Traced Follower::follow_node(int index, const NodeProto& node) {
  const Traced* first = nullptr;
  for (int i = 0; i < node.input_size(); ++i) {
    const Traced& input = input_of(node, i);
    if (input.kind == Traced::Kind::numbers) continue;
    if (first == nullptr || input.kind == Traced::Kind::cells) first = &input;
  }
  if (first == nullptr) return follow_numbers(node);
  if (!node.domain().empty() && node.domain() != "ai.onnx") {
    stop_at(node, fmt::format("is of {}, whose nodes mien does not know", node.domain()));
  }
  return first->kind == Traced::Kind::cells ? follow_cells(node, *first) : follow_picture(index, node, *first);
}

std::optional<TracedSizes> Follower::sizes_of(const std::string& name) const {
  const auto found = traced_.find(name);
  if (found != traced_.end() && found->second.sizes) return found->second.sizes;
  const TensorProto* const tensor = index_[name].constant;
  const std::optional<std::vector<std::int64_t>> values = tensor == nullptr ? std::nullopt : read_integers(*tensor);
  if (!values || values->size() > 4) return std::nullopt;
  TracedSizes sizes;
  for (const std::int64_t value : *values) sizes.push_back({TracedSize::Kind::number, value});
  return sizes;
}

Traced Follower::follow_numbers(const NodeProto& node) const {
  return {.sizes = trace_sizes(node, index_, [this](const std::string& name) { return sizes_of(name); })};
}

Traced Follower::follow_picture(int index, const NodeProto& node, const Traced& picture) {
  const std::string& op = node.op_type();
  if (op == "Conv" || op == "MaxPool" || op == "AveragePool") return follow_window(index, node, picture);
  if (op == "ConvTranspose") return follow_enlarging_window(index, node, picture);
  if (op == "Resize" || op == "Upsample") return follow_resize(node, picture);
  if (op == "Concat") return follow_concat(node, picture);
  if (op == "Shape" && node.attribute_size() == 0) return {.sizes = picture_shape(picture.stride)};
  if (const Pointwise* const row = find_pointwise(op)) return follow_pointwise(node, *row, picture);
  if (is_one_of(op, kElementwise)) return follow_elementwise(node, picture);
  if (is_one_of(op, kEndings)) {
    require_numbers(node, 1);
    return {.kind = Traced::Kind::cells, .stride = picture.stride};
  }
  if (op == "Pad") stop_at(node, "adds a border that is not the border of each image");
  if (is_one_of(op, kMixing)) stop_at(node, "mixes all cells of a canvas, also those outside of the image");
  stop_at(node, "is no node of which mien knows that a cell stays a cell");
}

// What a picture's values become once it is rearranged: each still belongs to its cell, as far as the node tells.
Traced Follower::follow_cells(const NodeProto& node, const Traced& cells) const {
  const std::string& op = node.op_type();
  if (op == "Shape") return {};
  const bool joins = is_one_of(op, kElementwise) || op == "Concat";
  if (!joins && find_pointwise(op) == nullptr && !is_one_of(op, kEndings)) {
    stop_at(node, "stands behind a node that rearranged the picture, where mien follows no cells");
  }
  for (int i = 0; i < node.input_size(); ++i) {
    const Traced& input = input_of(node, i);
    if (input.kind != Traced::Kind::numbers && input.stride != cells.stride) {
      stop_at(node, fmt::format("joins cells of {} and of {} pixels", input.stride, cells.stride));
    }
  }
  return {.kind = Traced::Kind::cells, .stride = cells.stride};
}

void Follower::require_numbers(const NodeProto& node, int first) const {
  for (int i = 0; i < node.input_size(); ++i) {
    if ((input_of(node, i).kind == Traced::Kind::numbers) != (i >= first)) {
      stop_at(node, fmt::format("has another picture than its input {}", first - 1));
    }
  }
}

// Whether a constant has no rows and columns of its own.
bool Follower::is_same_everywhere(const std::string& name) const {
  const TensorProto* const tensor = index_[name].constant;
  if (tensor == nullptr || tensor->dims_size() > 4) return false;
  for (int i = std::max(0, tensor->dims_size() - 2); i < tensor->dims_size(); ++i) {
    if (tensor->dims(i) != 1) return false;
  }
  return true;
}

Traced Follower::follow_pointwise(const NodeProto& node, const Pointwise& row, const Traced& picture) const {
  require_numbers(node, 1);
  const bool has_channels = row.op == "BatchNormalization";
  if (has_channels && integer_of(node, "training_mode", 0) != 0) stop_at(node, "takes its means from the canvas");
  for (int i = 1; i < node.input_size() && !has_channels; ++i) {
    if (!node.input(i).empty() && !is_same_everywhere(node.input(i))) {
      stop_at(node, fmt::format("reads {}, which is not known to be the same for all cells", node.input(i)));
    }
  }
  if (row.op == "Cast" && integer_of(node, "to", 0) != kOnnxFloat) stop_at(node, "leaves 32-bit floats");
  Traced result = picture;
  result.is_zero_outside = picture.is_zero_outside && row.keeps_zero;
  if (row.sign != Sign::kept) result.is_nonnegative = row.sign == Sign::nonnegative;
  if (row.op == "Clip") {
    const AttributeProto* const least = find_attribute(node, "min");
    std::optional<std::vector<float>> low;
    if (least != nullptr) low = std::vector<float>{least->f()};
    if (node.input_size() > 1 && !node.input(1).empty()) low = read_floats(*index_[node.input(1)].constant);
    result.is_nonnegative = low && low->size() == 1 && low->front() >= 0;
  }
  return result;
}

Traced Follower::follow_elementwise(const NodeProto& node, const Traced& first) const {
  const std::string& op = node.op_type();
  Traced result = first;
  bool is_any_zero = false;
  bool are_all_zero = true;
  result.is_nonnegative = op != "Sub" && op != "Div";
  for (int i = 0; i < node.input_size(); ++i) {
    const Traced& input = input_of(node, i);
    if (input.kind == Traced::Kind::numbers && !is_same_everywhere(node.input(i))) {
      stop_at(node,
              fmt::format("joins the picture with {}, which is not known to be the same for all cells", node.input(i)));
    }
    if (input.kind != Traced::Kind::numbers && input.stride != first.stride) {
      stop_at(node, fmt::format("joins cells of {} and of {} pixels", first.stride, input.stride));
    }
    is_any_zero |= input.is_zero_outside;
    are_all_zero &= input.is_zero_outside;
    result.is_nonnegative &= input.is_nonnegative;
  }
  result.is_zero_outside = op == "Mul" ? is_any_zero : are_all_zero;
  // What is outside of the image may be 0, and a quotient of it no number.
  const bool is_quotient = op == "Div" && node.input_size() == 2 && input_of(node, 1).kind != Traced::Kind::numbers;
  if (is_quotient) result = {.kind = Traced::Kind::cells, .stride = first.stride};
  return result;
}

Traced Follower::follow_concat(const NodeProto& node, const Traced& first) const {
  const std::int64_t axis = integer_of(node, "axis", 0);
  if (axis != 1 && axis != -3) stop_at(node, "joins pictures in another dimension than the channels");
  Traced result = first;
  for (int i = 0; i < node.input_size(); ++i) {
    const Traced& input = input_of(node, i);
    if (input.kind == Traced::Kind::numbers) stop_at(node, fmt::format("joins the picture with {}", node.input(i)));
    if (input.stride != first.stride) {
      stop_at(node, fmt::format("joins cells of {} and of {} pixels", first.stride, input.stride));
    }
    result.is_zero_outside &= input.is_zero_outside;
    result.is_nonnegative &= input.is_nonnegative;
  }
  return result;
}

std::array<std::int64_t, 2> Follower::kernel_of(const NodeProto& node) const {
  if (find_attribute(node, "kernel_shape") != nullptr) return integers_of<2>(node, "kernel_shape", 1, 1);
  const TensorProto* const weights = node.input_size() > 1 ? index_[node.input(1)].constant : nullptr;
  constexpr std::int64_t kKernelMax = 4096;
  if (weights == nullptr || weights->dims_size() != 4 || weights->dims(2) < 1 || weights->dims(3) < 1 ||
      weights->dims(2) > kKernelMax || weights->dims(3) > kKernelMax) {
    stop_at(node, "has a window of unknown size");
  }
  return {weights->dims(2), weights->dims(3)};
}

Windows Follower::windows_of(const NodeProto& node) const {
  const std::array<std::int64_t, 2> kernel = kernel_of(node);
  const std::array<std::int64_t, 2> steps = integers_of<2>(node, "strides", 1, 1);
  const std::array<std::int64_t, 2> dilations = integers_of<2>(node, "dilations", 1, 1);
  std::array<std::int64_t, 4> pads = integers_of<4>(node, "pads", 0, 0);
  if (steps[0] != steps[1]) stop_at(node, "has other steps down than across");
  const std::string automatic = text_of(node, "auto_pad", "NOTSET");
  if (automatic == "VALID") {
    pads.fill(0);
  } else if (automatic != "NOTSET" && automatic != "SAME_UPPER" && automatic != "SAME_LOWER") {
    stop_at(node, fmt::format("has a border of the unknown kind {}", automatic));
  }
  Windows windows;
  for (const std::size_t i : {0U, 1U}) {
    Window& window = i == 0 ? windows.down : windows.across;
    window = {(kernel[i] - 1) * dilations[i] + 1, steps[i], pads[i], pads[i + 2]};
    if (!automatic.starts_with("SAME_")) continue;
    // As many cells as steps: the sizes here are multiples of the step.
    const std::int64_t total = std::max<std::int64_t>(window.extent - window.step, 0);
    window.begin = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
    window.end = total - window.begin;
  }
  return windows;
}

Traced Follower::follow_window(int index, const NodeProto& node, const Traced& picture) {
  require_numbers(node, 1);
  const Windows windows = windows_of(node);
  const bool is_conv = node.op_type() == "Conv";
  const bool rounds_up = !is_conv && integer_of(node, "ceil_mode", 0) != 0;
  if (!windows.down.gives_whole_cells(rounds_up) || !windows.across.gives_whole_cells(rounds_up)) {
    stop_at(node, "has a border with which its windows do not begin anew in each cell");
  }
  const std::int64_t stride = picture.stride * windows.down.step;
  if (stride > kStrideMax || kStrideMax % stride != 0) {
    stop_at(node, fmt::format("has cells of {} pixels, and sides are multiples of {}", stride, kStrideMax));
  }
  const bool is_wide = !windows.end_in_cell();
  if (is_wide && node.op_type() == "MaxPool" && !picture.is_nonnegative) {
    stop_at(node, "passes over its border, where a mask's 0 may be the largest value");
  }
  if (is_wide && node.op_type() == "AveragePool" && (rounds_up || integer_of(node, "count_include_pad", 0) == 0)) {
    stop_at(node, "does not count its border, and counts a mask's 0");
  }
  if (is_wide && !picture.is_zero_outside) followed_.wide.push_back({index, picture.stride});
  Traced result = picture;
  result.stride = static_cast<int>(stride);
  result.is_zero_outside = picture.is_zero_outside && !is_conv && windows.stay_in_cell();
  result.is_nonnegative = picture.is_nonnegative && !is_conv;
  return result;
}

Traced Follower::follow_enlarging_window(int index, const NodeProto& node, const Traced& picture) {
  require_numbers(node, 1);
  const Windows windows = windows_of(node);
  const std::array<std::int64_t, 2> added = integers_of<2>(node, "output_padding", 0, 0);
  const auto gives_whole_cells = [](const Window& window, std::int64_t more) {
    return window.extent + more - window.begin - window.end == window.step;
  };
  if (find_attribute(node, "output_shape") != nullptr || text_of(node, "auto_pad", "NOTSET").starts_with("SAME_") ||
      !gives_whole_cells(windows.down, added[0]) || !gives_whole_cells(windows.across, added[1])) {
    stop_at(node, "does not enlarge each cell by its step");
  }
  if (picture.stride % windows.down.step != 0) stop_at(node, "makes cells smaller than a pixel");
  // Without a border that is cut off in front, a cell of the result comes from cells in front of it and its own.
  const bool is_wide = windows.down.begin > 0 || windows.across.begin > 0;
  if (is_wide && !picture.is_zero_outside) followed_.wide.push_back({index, picture.stride});
  return {.kind = Traced::Kind::picture, .stride = picture.stride / static_cast<int>(windows.down.step)};
}

// How many times a Resize enlarges rows and columns; nothing where that is not known or no whole number.
std::optional<int> Follower::factor_of(const NodeProto& node) const {
  const auto whole = [](float a, float b) {
    const bool is_whole = a == b && a >= 1 && a <= float{kStrideMax} && a == static_cast<float>(static_cast<int>(a));
    return is_whole ? std::optional(static_cast<int>(a)) : std::nullopt;
  };
  std::vector<float> scales;
  if (const AttributeProto* const attribute = find_attribute(node, "scales")) {
    scales.assign(attribute->floats().begin(), attribute->floats().end());
  } else {
    const int place = node.input_size() == 2 ? 1 : 2;
    const TensorProto* const tensor = place < node.input_size() ? index_[node.input(place)].constant : nullptr;
    if (tensor != nullptr) scales = read_floats(*tensor).value_or(std::vector<float>());
  }
  if (scales.size() != 4 || scales[0] != 1 || scales[1] != 1) return std::nullopt;
  return whole(scales[2], scales[3]);
}

// Whether a nearest neighbour is the cell that a new cell lies in.
bool takes_own_cell(const NodeProto& node) {
  const bool is_old = node.op_type() == "Upsample" || node.input_size() == 2;
  const std::string place = text_of(node, "coordinate_transformation_mode", is_old ? "asymmetric" : "half_pixel");
  const std::string nearest = text_of(node, "nearest_mode", is_old ? "floor" : "round_prefer_floor");
  if (place == "asymmetric" || place == "tf_half_pixel_for_nn") return nearest == "floor";
  const bool is_centred = place == "half_pixel" || place == "pytorch_half_pixel";
  return is_centred && (nearest == "round_prefer_floor" || nearest == "round_prefer_ceil");
}

Traced Follower::follow_resize(const NodeProto& node, const Traced& picture) const {
  require_numbers(node, 1);
  if (text_of(node, "mode", "nearest") != "nearest") stop_at(node, "mixes neighbours and repeats those of its border");
  if (!takes_own_cell(node)) stop_at(node, "takes its nearest neighbours from other cells");
  if (find_attribute(node, "axes") != nullptr || find_attribute(node, "keep_aspect_ratio_policy") != nullptr) {
    stop_at(node, "has a size that mien does not follow");
  }
  std::optional<int> factor;
  if (node.input_size() > 3 && !node.input(3).empty()) {
    using Kind = TracedSize::Kind;
    const TracedSizes sizes = sizes_of(node.input(3)).value_or(TracedSizes());
    const bool is_known = sizes.size() == 4 && sizes[2].kind == Kind::rows && sizes[3].kind == Kind::columns &&
                          sizes[2].value == sizes[3].value && sizes[2].value > 0;
    if (is_known && picture.stride % sizes[2].value == 0) factor = static_cast<int>(picture.stride / sizes[2].value);
  } else {
    factor = factor_of(node);
  }
  if (!factor || picture.stride % *factor != 0) stop_at(node, "has a fixed size, or enlarges by no whole number");
  Traced result = picture;
  result.stride = picture.stride / *factor;
  return result;
}

}  // namespace

FollowedStrides follow_strides(GraphProto& graph) { return Follower(graph).follow(); }

}  // namespace mien
