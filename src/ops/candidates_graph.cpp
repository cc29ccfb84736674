#include "ops/candidates_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace mien {
namespace {

using Value = GraphBuilder::Value;

[[noreturn]] void throw_unlike(const Shape& shape) {
  throw Exception(ErrorCode::bad_data,
                  fmt::format("the detector's output of {} values is not of its kind's size", element_count(shape)));
}

// Frees the batch and leaves the other sides as they were.
Shape free_batch(Shape shape) {
  if (!shape.empty()) shape.front() = -1;
  return shape;
}

class CandidateBuilder {
 public:
  CandidateBuilder(const char* name, const CandidatePlan& plan) : graph_(name), plan_(plan) {}
  GraphBuilder& graph() { return graph_; }

  // The outputs of a group as one: [N, anchors, values], or [N, values, anchors] where they are planes.
  Value join_levels(std::size_t group) {
    const std::int64_t values = plan_.groups()[group].values;
    std::vector<Value> levels;
    for (std::size_t level = 0; level < plan_.levels().size(); ++level) {
      const std::size_t index = plan_.output(group, level);
      const Value output =
          graph_.input(fmt::format("output_{}", index), ElementType::f32, free_batch(plan_.shapes()[index]));
      levels.push_back(order_level(output, plan_.levels()[level], values));
    }
    if (levels.size() == 1) return levels.front();
    return graph_.concat(levels, plan_.is_planar() ? 2 : 1);
  }

 private:
  Value order_level(const Value& output, std::int64_t anchors, std::int64_t values) {
    if (plan_.is_planar()) return graph_.reshape(output, {-1, values, anchors});
    const std::int64_t of_cell = plan_.anchors_within_cells();
    if (of_cell == 0) return graph_.reshape(output, {-1, anchors, values});
    const Value cells = graph_.reshape(output, {anchors / of_cell, -1, of_cell * values});
    return graph_.reshape(graph_.transpose(cells, {1, 0, 2}), {-1, anchors, values});
  }

  GraphBuilder graph_;
  const CandidatePlan& plan_;
};

}  // namespace

CandidatePlan::CandidatePlan(const OutputLayout& layout, std::vector<Shape> shapes, std::int64_t images,
                             bool images_within_cells)
    : shapes_(std::move(shapes)), is_planar_(layout.is_planar), score_groups_(layout.score_groups) {
  const DetectorLevels levels = layout.levels(shapes_.size());
  const std::size_t level_count = static_cast<std::size_t>(levels.count);
  const std::size_t group_count = std::min(shapes_.size() / level_count, layout.values.size());
  if (images_within_cells && images > 1) anchors_within_cells_ = levels.anchors;
  for (std::size_t group = 0; group < group_count; ++group) {
    groups_.push_back({layout.values[group], row_floats_, group < static_cast<std::size_t>(score_groups_)});
    row_floats_ += groups_.back().values;
  }
  if (group_count == 0 || images < 1) throw Exception(ErrorCode::bad_data, "the detector has too few outputs");
  levels_.resize(level_count);
  for (std::size_t level = 0; level < level_count; ++level) {
    levels_[level] = static_cast<std::int64_t>(element_count(shapes_[level])) / images;
    anchors_ += levels_[level];
    for (std::size_t group = 0; group < group_count; ++group) {
      const Shape& shape = shapes_[output(group, level)];
      const std::int64_t wanted = images * levels_[level] * groups_[group].values;
      if (static_cast<std::int64_t>(element_count(shape)) != wanted || shape.empty()) throw_unlike(shape);
    }
  }
}

Graph make_mask_graph(const CandidatePlan& plan) {
  CandidateBuilder builder("mask", plan);
  GraphBuilder& graph = builder.graph();
  Value score = builder.join_levels(0);
  Value all = score;
  if (plan.score_groups() == 2) {
    const auto unit = [&](const Value& value) { return graph.clamp(value, graph.scalar(0.0F), graph.scalar(1.0F)); };
    const Value second = builder.join_levels(1);
    all = graph.add(score, second);
    score = graph.mul(unit(score), unit(second));
  }
  const Value threshold = graph.input("threshold", ElementType::f32, {1});
  const Value is_above = graph.cast(graph.greater_equal(score, threshold), ElementType::f32);

  const std::int64_t words = (plan.anchors() + kMaskBits - 1) / kMaskBits;
  const std::int64_t pads[] = {0, 0, 0, words * kMaskBits - plan.anchors()};
  const Value rows = graph.node("Pad", {graph.reshape(is_above, {-1, plan.anchors()}), graph.constant(pads, {4})});
  std::vector<float> powers;
  for (int bit = 0; bit < kMaskBits; ++bit) powers.push_back(std::ldexp(1.0F, bit));
  const Value bits = graph.reshape(rows, {-1, words, kMaskBits});
  // A sum of products: providers prepare a matrix product at great length, and some round its factors.
  const Value packed = graph.reduce_sum(graph.mul(bits, graph.constant(powers, {kMaskBits})), {2}, false);
  graph.output("mask", packed, ElementType::f32, {-1, words});
  graph.output("total", graph.reduce_sum(graph.reshape(all, {-1}), {0}, true), ElementType::f32, {1});
  return std::move(graph).build();
}

float mask_threshold(const CandidatePlan& plan, float score_threshold) {
  constexpr float kBelow = 1e-4F;
  const float lowered = score_threshold - kBelow * std::abs(score_threshold);
  // A product of clamped values is never below zero, and so is a threshold that lets everything through.
  return plan.score_groups() == 2 ? std::copysign(lowered * lowered, lowered) : lowered;
}

std::vector<std::int32_t> read_mask(const CandidatePlan& plan, std::span<const float> mask) {
  const std::size_t words = static_cast<std::size_t>((plan.anchors() + kMaskBits - 1) / kMaskBits);
  std::vector<std::int32_t> anchors;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    if (mask[i] == 0) continue;
    const auto bits = static_cast<std::uint32_t>(mask[i]);
    const std::int64_t first =
        static_cast<std::int64_t>(i / words) * plan.anchors() + static_cast<std::int64_t>(i % words) * kMaskBits;
    for (std::int32_t bit = 0; bit < kMaskBits; ++bit) {
      if ((bits >> bit & 1U) != 0) anchors.push_back(static_cast<std::int32_t>(first) + bit);
    }
  }
  return anchors;
}

Graph make_pick_graph(const CandidatePlan& plan) {
  CandidateBuilder builder("pick", plan);
  GraphBuilder& graph = builder.graph();
  std::vector<Value> groups;
  for (std::size_t group = 0; group < plan.groups().size(); ++group) groups.push_back(builder.join_levels(group));
  const Value anchors = graph.input("anchors", ElementType::i32, {-1});
  const auto scalar = [&](std::int64_t value) { return graph.scalar(static_cast<std::int32_t>(value)); };
  const Value image = graph.div(anchors, scalar(plan.anchors()));
  const Value within = graph.sub(anchors, graph.mul(image, scalar(plan.anchors())));

  std::vector<Value> picked;
  for (std::size_t group = 0; group < groups.size(); ++group) {
    const std::int64_t values = plan.groups()[group].values;
    if (!plan.is_planar()) {
      picked.push_back(graph.gather(graph.reshape(groups[group], {-1, values}), anchors, 0));
      continue;
    }
    // Value v of an anchor is number (image * values + v) * anchors + anchor.
    std::vector<std::int32_t> planes;
    for (std::int64_t v = 0; v < values; ++v) planes.push_back(static_cast<std::int32_t>(v * plan.anchors()));
    const Value first = graph.add(graph.mul(image, scalar(values * plan.anchors())), within);
    const Value places = graph.add(graph.unsqueeze(first, {1}), graph.constant(planes, {1, values}));
    picked.push_back(graph.gather(graph.reshape(groups[group], {-1}), places, 0));
  }
  graph.output("rows", graph.concat(picked, 1), ElementType::f32, {-1, plan.row_floats()});
  return std::move(graph).build();
}

std::size_t pick_bucket(std::size_t anchors) { return std::clamp<std::size_t>(std::bit_ceil(anchors), 16, kPickMax); }

SparseOutputs::SparseOutputs(CandidatePlan plan) : plan_(std::move(plan)) {
  values_.resize(plan_.groups().size() * plan_.levels().size());
  for (std::size_t group = 0; group < plan_.groups().size(); ++group) {
    for (std::size_t level = 0; level < plan_.levels().size(); ++level) {
      const std::int64_t count = plan_.levels()[level] * plan_.groups()[group].values;
      const float none = plan_.groups()[group].is_score ? std::numeric_limits<float>::quiet_NaN() : 0.0F;
      values_[plan_.output(group, level)].assign(static_cast<std::size_t>(count), none);
    }
  }
}

void SparseOutputs::fill(std::int64_t image, std::span<const std::int32_t> anchors, std::span<const float> rows) {
  for (const std::int64_t anchor : written_) write(anchor, nullptr);
  written_.clear();
  for (std::size_t i = 0; i < anchors.size(); ++i) {
    if (anchors[i] / plan_.anchors() != image) continue;
    written_.push_back(anchors[i] % plan_.anchors());
    write(written_.back(), rows.data() + i * static_cast<std::size_t>(plan_.row_floats()));
  }
}

void SparseOutputs::write(std::int64_t anchor, const float* row) {
  std::size_t level = 0;
  for (; anchor >= plan_.levels()[level]; ++level) anchor -= plan_.levels()[level];
  for (std::size_t group = 0; group < plan_.groups().size(); ++group) {
    const CandidatePlan::Group& facts = plan_.groups()[group];
    const std::int64_t step = plan_.is_planar() ? plan_.levels()[level] : 1;
    float* const first =
        values_[plan_.output(group, level)].data() + (plan_.is_planar() ? anchor : anchor * facts.values);
    for (std::int64_t v = 0; v < facts.values; ++v) {
      const float none = facts.is_score ? std::numeric_limits<float>::quiet_NaN() : 0.0F;
      first[v * step] = row != nullptr ? row[facts.begin + v] : none;
    }
  }
}

Outputs SparseOutputs::outputs() const {
  std::vector<TensorView> views;
  for (const std::vector<float>& values : values_) {
    views.push_back({values.data(), {static_cast<std::int64_t>(values.size())}});
  }
  return {std::move(views), nullptr};
}

}  // namespace mien
