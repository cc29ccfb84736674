#include "ops/embed_device.h"

#include <algorithm>

#include "ops/batch_layout.h"
#include "ops/compare.h"
#include "ops/device_image.h"
#include "ops/device_run.h"

namespace mien {
namespace {

// The least cosine of a device's embedding and the CPU's, which 32 bits reach by far.
constexpr float kCosineMin = 0.9999F;

}  // namespace

void DeviceEmbedder::open(Accelerator& device) {
  if (model_) return;
  std::unique_ptr<DeviceSession> model = device.create_session(*embedder_->model, "the embedder");
  if (model->assignment().on_device == 0) throw DeviceFailure("the device runs no part of the embedder");
  model_ = std::move(model);
}

void DeviceEmbedder::plan(Accelerator& device, std::size_t batch) {
  open(device);
  const std::vector<std::uint8_t> noise = make_noise_levels(kAlignedFloats);
  AlignedFaces face;
  std::ranges::copy(make_noise(embedder_->feed, kAlignedFloats), face.add());
  const std::vector<float> expected = std::move(embed_faces(*embedder_, face).front());
  const CanvasBytes one{noise.data(), kAlignedSide, kAlignedSide};
  const std::size_t images = embedder_->batch_max.load() == 1 ? 1 : batch;
  const std::vector<DeviceOutput> outputs =
      model_->run(feed_->run(device, {&one, 1}, kAlignedSide, kAlignedSide, images), {});
  const std::span<const float> rows = outputs.front().values.floats();
  throw_unless_count(rows.size(), images * expected.size(), "the embedder");
  throw_unless_finite(rows.first(expected.size()), "the embedder");
  const std::vector<float> first(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(expected.size()));
  if (cosine_similarity(first, expected) < kCosineMin) {
    throw DeviceFailure("the embedder's numbers are not the CPU's");
  }
}

void DeviceEmbedder::run(Accelerator& device, std::span<const FaceBytes> faces, std::size_t batch) {
  open(device);
  std::vector<CanvasBytes> images;
  for (const FaceBytes& face : faces) images.push_back({face.planes, kAlignedSide, kAlignedSide});
  // A model whose batch is fixed at one takes each face by itself.
  const bool is_single = embedder_->batch_max.load() == 1;
  const std::size_t step = is_single ? 1 : faces.size();
  const std::size_t dimension = static_cast<std::size_t>(embedder_->dimension);
  for (std::size_t first = 0; first < faces.size(); first += step) {
    const std::size_t count = std::min(step, faces.size() - first);
    const std::size_t filled = is_single ? 1 : batch;
    const std::vector<DeviceInput> inputs =
        feed_->run(device, std::span(images).subspan(first, count), kAlignedSide, kAlignedSide, filled);
    const std::vector<DeviceOutput> outputs = model_->run(inputs, {});
    const std::span<const float> rows = outputs.front().values.floats();
    throw_unless_count(rows.size(), filled * dimension, "the embedder");
    throw_unless_finite(rows, "the embedder");
    for (std::size_t i = 0; i < count; ++i) {
      const std::span<const float> row = rows.subspan(i * dimension, dimension);
      faces[first + i].embedding->assign(row.begin(), row.end());
    }
  }
}

}  // namespace mien
