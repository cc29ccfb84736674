#include "ops/resample_graph.h"

#include <algorithm>
#include <array>
#include <map>

#include "image/resample_kernel.h"

namespace mien {
namespace {

using Value = GraphBuilder::Value;

constexpr std::int64_t kSmallestSide = 32;

}  // namespace

Graph make_resample_graph() {
  GraphBuilder graph("resample");
  const Value pixels = graph.input("pixels", ElementType::u8, {-1});
  Value sum = graph.input("sums", ElementType::i32, {-1, -1, -1});
  const Value lines = graph.input("lines", ElementType::i32, {-1});
  const Value channels = graph.input("channels", ElementType::i32, {-1});
  const Value axis = graph.input("axis", ElementType::i32, {2});
  const Value windows = graph.input("windows", ElementType::i32, {2, -1});
  const Value table = graph.input("weights", ElementType::i32, {-1, kResampleTaps});

  const auto row = [&](const Value& values, std::int32_t index) {
    return graph.reshape(graph.gather(values, graph.scalar(index), 0), {-1});
  };
  const Value first = row(windows, 0), last = row(axis, 0), step = row(axis, 1);
  const Value weights = graph.gather(table, row(windows, 1), 0);                                    // [J, 8]
  const Value base = graph.add(graph.unsqueeze(lines, {1, 2}), graph.unsqueeze(channels, {0, 1}));  // [R, 1, C]
  for (std::int32_t tap = 0; tap < kResampleTaps; ++tap) {
    // Beyond the last pixel there is no weight.
    const Value pixel = graph.min(graph.add(first, graph.scalar(tap)), last);
    const Value place = graph.add(base, graph.unsqueeze(graph.mul(pixel, step), {0, 2}));
    const Value value = graph.cast(graph.gather(pixels, place, 0), ElementType::i32);
    const Value weight = graph.unsqueeze(graph.gather(weights, graph.scalar(tap), 1), {0});  // [1, J, 1]
    sum = graph.add(sum, graph.mul(value, weight));
  }
  graph.output("sums_out", sum, ElementType::i32, {-1, -1, -1});
  const Value whole = graph.div(graph.max(sum, graph.scalar(0)), graph.scalar(1 << kWeightBits));
  const Value level = graph.cast(graph.min(whole, graph.scalar(255)), ElementType::u8);
  graph.output("resampled", level, ElementType::u8, {-1, -1, -1});
  return std::move(graph).build();
}

ResampleInputs::ResampleInputs(const DeviceImage& in, const ResampleStep& step, ResampleFilter filter)
    : windows_(step.is_width ? in.width : in.height, step.size, filter),
      result_(in),
      size_(bucket_for(step.size, kSmallestSide)),
      half_{1 << (kWeightBits - 1)},
      axis_{(step.is_width ? in.width : in.height) - 1, step.is_width ? in.column_step : in.row_step} {
  const int lines = step.is_width ? in.height : in.width;
  const std::int32_t line_step = step.is_width ? in.row_step : in.column_step;
  lines_.resize(static_cast<std::size_t>(bucket_for(lines, kSmallestSide)));
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    lines_[i] = in.offset + std::min(static_cast<std::int32_t>(i), lines - 1) * line_step;
  }
  for (int channel = 0; channel < in.channels; ++channel) channels_.push_back(channel);
  for (int i = 0; i < windows_.count(); ++i) {
    const int taps = static_cast<int>(windows_.weights(i).size());
    runs_ = std::max(runs_, (taps + kResampleTaps - 1) / kResampleTaps);
  }
  const std::int32_t stride = static_cast<std::int32_t>(size_) * in.channels;
  result_.offset = 0;
  (step.is_width ? result_.width : result_.height) = step.size;
  result_.column_step = step.is_width ? in.channels : stride;
  result_.row_step = step.is_width ? stride : in.channels;
}

std::vector<HostTensor> ResampleInputs::tensors(int run) {
  using Window = std::array<std::int32_t, kResampleTaps>;
  std::map<Window, std::int32_t> known;
  const std::size_t size = static_cast<std::size_t>(size_);
  const std::size_t begin = static_cast<std::size_t>(run) * kResampleTaps;
  places_.assign(2 * size, 0);
  weights_.clear();
  for (int i = 0; i < windows_.count(); ++i) {
    const std::span<const std::int32_t> all = windows_.weights(i);
    Window window{};
    const std::size_t count = all.size() > begin ? std::min<std::size_t>(all.size() - begin, kResampleTaps) : 0;
    std::copy_n(all.data() + std::min(begin, all.size()), count, window.begin());
    const auto [entry, is_new] = known.emplace(window, static_cast<std::int32_t>(known.size()));
    if (is_new) weights_.insert(weights_.end(), window.begin(), window.end());
    places_[static_cast<std::size_t>(i)] = windows_.first(i) + static_cast<std::int32_t>(begin);
    places_[size + static_cast<std::size_t>(i)] = entry->second;
  }
  const std::int64_t rows = bucket_for(static_cast<std::int64_t>(known.size()), kSmallestSide);
  weights_.resize(static_cast<std::size_t>(rows * kResampleTaps));
  return {host_tensor(lines_, {static_cast<std::int64_t>(lines_.size())}),
          host_tensor(channels_, {static_cast<std::int64_t>(channels_.size())}), host_tensor(axis_, {2}),
          host_tensor(places_, {2, size_}), host_tensor(weights_, {rows, kResampleTaps})};
}

}  // namespace mien
