#include "models/calibrate.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <span>

namespace mien {
namespace {

void widen(ValueRange& range, const TensorView& values) {
  const std::span<const float> all(values.data, values.count());
  const auto [low, high] = std::minmax_element(all.begin(), all.end());
  range.low = std::min(range.low, *low);
  range.high = std::max(range.high, *high);
  if (values.shape.size() != 4 || values.shape[0] != 1) return;
  range.means.resize(static_cast<std::size_t>(values.shape[1]));
  range.tops.resize(range.means.size());
  const std::size_t area = all.size() / range.means.size();
  ++range.runs;
  for (std::size_t c = 0; c < range.means.size(); ++c) {
    const std::span<const float> plane = all.subspan(c * area, area);
    const double mean = std::accumulate(plane.begin(), plane.end(), 0.0) / static_cast<double>(area);
    range.means[c] += (mean - range.means[c]) / range.runs;
    for (const float value : plane) range.tops[c] = std::max(range.tops[c], std::abs(value));
  }
}

class CalibratingSession final : public Session {
 public:
  // The first `own` outputs are the model's, the others the values that are watched.
  CalibratingSession(std::unique_ptr<Session> session, std::size_t own, std::set<std::string> watched,
                     ValueRanges& ranges)
      : session_(std::move(session)),
        outputs_(session_->outputs().begin(), session_->outputs().begin() + static_cast<std::ptrdiff_t>(own)),
        watched_(std::move(watched)),
        ranges_(ranges) {}

  const std::vector<TensorInfo>& inputs() const override { return session_->inputs(); }
  const std::vector<TensorInfo>& outputs() const override { return outputs_; }

  using Session::run;
  Outputs run(std::span<const TensorView> inputs, const std::stop_token& stop) const override {
    std::unique_ptr<Whole> whole = std::make_unique<Whole>();
    whole->outputs = session_->run(inputs, stop);
    for (std::size_t i = 0; i < inputs.size(); ++i) watch(session_->inputs()[i].name, inputs[i]);
    for (std::size_t i = 0; i < whole->outputs.size(); ++i) watch(session_->outputs()[i].name, whole->outputs[i]);
    const std::span<const TensorView> all = whole->outputs.tensors();
    std::vector<TensorView> own(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(outputs_.size()));
    return {std::move(own), std::move(whole)};
  }

 private:
  struct Whole : Outputs::Owner {
    Outputs outputs;
  };

  void watch(const std::string& name, const TensorView& values) const {
    if (watched_.contains(name) && values.count() > 0) widen(ranges_[name], values);
  }

  std::unique_ptr<Session> session_;
  std::vector<TensorInfo> outputs_;
  std::set<std::string> watched_;
  ValueRanges& ranges_;
};

}  // namespace

std::unique_ptr<Session> open_calibrating_session(const Runtime& runtime, onnx::ModelProto model,
                                                  const std::vector<std::string>& values, const std::string& what,
                                                  ValueRanges& ranges) {
  onnx::GraphProto& graph = *model.mutable_graph();
  const std::size_t own = static_cast<std::size_t>(graph.output_size());
  std::set<std::string> given;
  for (const auto& input : graph.input()) given.insert(input.name());
  for (const auto& output : graph.output()) given.insert(output.name());
  for (const std::string& value : values) {
    if (!given.insert(value).second) continue;
    onnx::ValueInfoProto& output = *graph.add_output();
    output.set_name(value);
    output.mutable_type()->mutable_tensor_type()->set_elem_type(kOnnxFloat);
  }
  return std::make_unique<CalibratingSession>(runtime.create_session(serialize(model), what), own,
                                              std::set<std::string>(values.begin(), values.end()), ranges);
}

}  // namespace mien
