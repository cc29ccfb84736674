// A detector whose faces the test chooses: what is around a model can be tested without one.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "ops/detect.h"

namespace mien::test {

// Values that outputs of a run can view.
struct OwnedValues : Outputs::Owner {
  std::vector<std::vector<float>> values;
};

inline Outputs make_outputs(std::vector<std::vector<float>> values) {
  std::unique_ptr<OwnedValues> owner = std::make_unique<OwnedValues>();
  owner->values = std::move(values);
  std::vector<TensorView> tensors;
  for (const std::vector<float>& tensor : owner->values) {
    tensors.push_back({tensor.data(), {static_cast<std::int64_t>(tensor.size())}});
  }
  return {std::move(tensors), std::move(owner)};
}

// One run of a fake detector: what it was fed.
struct FakeRun {
  int width = 0;
  int height = 0;
  std::vector<float> planes;
};

// Returns the candidates that a fake detector finds in one run, in pixels of its input.
using FakeFinder = std::function<std::vector<Candidate>(const FakeRun& run)>;

class FakeSession final : public Session {
 public:
  FakeSession(std::vector<TensorInfo> inputs, std::vector<TensorInfo> outputs, FakeFinder find = {})
      : inputs_(std::move(inputs)), outputs_(std::move(outputs)), find_(std::move(find)) {}
  const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  const std::vector<TensorInfo>& outputs() const override { return outputs_; }
  using Session::run;
  Outputs run(std::span<const TensorView> inputs, const std::stop_token& /*stop*/) const override {
    const TensorView& image = inputs.front();
    runs.push_back(
        {static_cast<int>(image.shape[3]), static_cast<int>(image.shape[2]), {image.data, image.data + image.count()}});
    std::vector<float> numbers;
    for (const Candidate& face : find_(runs.back())) {
      numbers.insert(numbers.end(), {face.score, face.box.x1, face.box.y1, face.box.x2, face.box.y2});
      for (const Point& point : face.landmarks) numbers.insert(numbers.end(), {point.x, point.y});
    }
    return make_outputs({numbers});
  }
  mutable std::vector<FakeRun> runs;

 private:
  std::vector<TensorInfo> inputs_;
  std::vector<TensorInfo> outputs_;
  FakeFinder find_;
};

inline void decode_fake(const Outputs& outputs, const DecodeContext& /*context*/, std::vector<Candidate>& candidates) {
  constexpr std::size_t kNumbers = 15;
  for (std::size_t i = 0; i + kNumbers <= outputs[0].count(); i += kNumbers) {
    const float* row = outputs[0].data + i;
    Candidate face;
    face.score = row[0];
    face.box = {row[1], row[2], row[3], row[4]};
    for (std::size_t j = 0; j < 5; ++j) face.landmarks[j] = {row[5 + 2 * j], row[6 + 2 * j]};
    candidates.push_back(face);
  }
}

inline const DetectorKind kFakeKind = {
    .name = "fake",
    .feed = {.mean = 0.0F, .scale = 1.0F, .bgr = false},
    .score_threshold = 0.5F,
    .nms_threshold = 0.4F,
    .nms_counts_pixels = false,
    .size_multiple = 32,
    .decode = decode_fake,
};

struct FakeDetector {
  Detector detector;
  FakeSession* session = nullptr;  // owned by the detector
};

inline FakeDetector make_fake_detector(FakeFinder find, const DetectorKind& kind = kFakeKind) {
  FakeDetector fake;
  std::unique_ptr<FakeSession> session =
      std::make_unique<FakeSession>(std::vector<TensorInfo>{}, std::vector<TensorInfo>{}, std::move(find));
  fake.session = session.get();
  fake.detector.kind = &kind;
  fake.detector.session = std::move(session);
  fake.detector.score_threshold = kind.score_threshold;
  return fake;
}

inline Candidate make_candidate(const Box& box, float score) {
  Candidate face;
  face.box = box;
  face.score = score;
  return face;
}

}  // namespace mien::test
