#include "ops/enhance_graph.h"

#include <algorithm>

#include "ops/enhance.h"

namespace mien {
namespace {

using Value = GraphBuilder::Value;

// The steps of enhance_kernel.cpp in whole numbers; each works on [A, B, C], where axis 0 counts columns.
class EnhanceBuilder {
 public:
  EnhanceBuilder() : graph_("enhance") {
    pixels_ = graph_.input("pixels", ElementType::u8, {-1, -1, -1});
    contrast_ = graph_.input("contrast", ElementType::u8, {256});
    columns_ = add_axis("columns");
    rows_ = add_axis("rows");
    const Value size = graph_.input("size", ElementType::i32, {2});
    for (Axis* axis : {&columns_, &rows_}) {
      const Value length = graph_.gather(size, number(axis == &columns_ ? 0 : 1), 0);
      const Value last = graph_.sub(length, number(1));
      axis->before = graph_.max(graph_.sub(axis->at, number(1)), number(0));
      axis->after = graph_.min(graph_.add(axis->at, number(1)), last);
      axis->is_inner = graph_.logical_and(graph_.greater_equal(axis->at, number(1)), graph_.less(axis->at, last));
    }
  }

  Graph build() && {
    const Value raised = whole(graph_.gather(contrast_, whole(pixels_), 0));
    const Value sharp = sharpen(raised);
    Value blurred = sharp;
    for (int pass = 0; pass < 3; ++pass) blurred = blur(blurred, columns_, 0);
    for (int pass = 0; pass < 3; ++pass) blurred = blur(blurred, rows_, 1);
    const Value enhanced = graph_.cast(unsharp(sharp, blurred), ElementType::u8);
    graph_.output("enhanced", enhanced, ElementType::u8, {-1, -1, -1});
    return std::move(graph_).build();
  }

 private:
  struct Axis {
    Value at;
    Value before;  // the neighbour's place; at the edges, the edge itself
    Value after;
    Value is_inner;  // neither the first nor the last
  };

  Axis add_axis(const char* name) { return {graph_.input(name, ElementType::i32, {-1}), {}, {}, {}}; }
  Value number(std::int32_t value) { return graph_.scalar(value); }
  Value whole(const Value& value) { return graph_.cast(value, ElementType::i32); }
  Value clip(const Value& value) { return graph_.clamp(value, number(0), number(255)); }
  Value sides(const Value& image, const Axis& axis, std::int64_t which) {
    return graph_.add(graph_.gather(image, axis.before, which), graph_.gather(image, axis.after, which));
  }

  Value sharpen(const Value& image) {
    const Value across = graph_.add(image, sides(image, columns_, 0));
    const Value square = graph_.add(across, sides(across, rows_, 1));
    const Value sum = graph_.add(square, graph_.mul(image, number(4)));
    const Value odd = graph_.add(graph_.mul(sum, number(2)), number(13));
    const Value smooth = graph_.div(odd, number(26));
    const Value tenfold = graph_.sub(graph_.mul(image, number(11)), smooth);
    const Value sharp = clip(graph_.div(graph_.max(tenfold, number(0)), number(10)));
    const Value is_inner =
        graph_.logical_and(graph_.unsqueeze(columns_.is_inner, {1, 2}), graph_.unsqueeze(rows_.is_inner, {0, 2}));
    return graph_.where(is_inner, sharp, image);
  }

  Value blur(const Value& image, const Axis& axis, std::int64_t which) {
    const Value around = sides(image, axis, which);
    const Value sum = graph_.add(graph_.add(graph_.mul(image, number(4)), around), number(3));
    const Value is_down = graph_.less(image, graph_.mul(around, number(2)));
    return graph_.div(graph_.sub(sum, whole(is_down)), number(6));
  }

  // Division cuts off towards zero, as it should.
  Value unsharp(const Value& image, const Value& blurred) {
    const Value difference = graph_.sub(image, blurred);
    const Value moved = clip(graph_.add(image, graph_.div(graph_.mul(difference, number(6)), number(5))));
    const Value size = graph_.max(difference, graph_.sub(number(0), difference));
    return graph_.where(graph_.greater_equal(size, number(4)), moved, image);
  }

  GraphBuilder graph_;
  Value pixels_, contrast_;
  Axis columns_, rows_;
};

}  // namespace

Graph make_gray_sum_graph() {
  GraphBuilder graph("gray_sum");
  const Value pixels = graph.input("pixels", ElementType::u8, {-1, -1, -1});
  const Value weights = graph.input("weights", ElementType::f32, {-1});
  const Value inside = graph.input("inside", ElementType::f32, {-1});
  // As gray.cpp, in floats that hold each of these whole numbers.
  const Value products = graph.mul(graph.cast(pixels, ElementType::f32), weights);
  const Value sum = graph.add(graph.reduce_sum(products, {2}, false), graph.scalar(32768.0F));
  const Value gray = graph.floor(graph.mul(sum, graph.scalar(1.0F / 65536)));
  graph.output("sums", graph.reduce_sum(graph.mul(gray, inside), {1}, false), ElementType::f32, {-1});
  return std::move(graph).build();
}

Graph make_enhance_graph() { return EnhanceBuilder().build(); }

EnhanceInputs::EnhanceInputs(const DeviceImage& resampled, std::int64_t columns, std::int64_t rows)
    : image_(resampled), size_{resampled.width, resampled.height} {
  weights_ = {65536};
  if (image_.channels == 3) weights_ = {19595, 38470, 7471};
  if (image_.bgr) std::reverse(weights_.begin(), weights_.end());
  for (std::int32_t x = 0; x < columns; ++x) columns_.push_back(std::min(x, image_.width - 1));
  for (std::int32_t y = 0; y < rows; ++y) {
    rows_.push_back(std::min(y, image_.height - 1));
    inside_.push_back(y < image_.height ? 1.0F : 0.0F);
  }
}

std::vector<HostTensor> EnhanceInputs::gray_tensors() const {
  return {host_tensor(weights_, {static_cast<std::int64_t>(weights_.size())}),
          host_tensor(inside_, {static_cast<std::int64_t>(inside_.size())})};
}

std::vector<HostTensor> EnhanceInputs::enhance_tensors(std::span<const float> gray_sums) {
  std::uint64_t sum = 0;
  for (int x = 0; x < image_.width; ++x) sum += static_cast<std::uint64_t>(gray_sums[static_cast<std::size_t>(x)]);
  const auto table = contrast_table(sum, static_cast<double>(image_.width) * static_cast<double>(image_.height));
  contrast_.assign(table.begin(), table.end());
  return {host_tensor(contrast_, {256}), host_tensor(columns_, {static_cast<std::int64_t>(columns_.size())}),
          host_tensor(rows_, {static_cast<std::int64_t>(rows_.size())}), host_tensor(size_, {2})};
}

}  // namespace mien
