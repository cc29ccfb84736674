#include "ops/embed_device.h"

#include <bit>

#include "ops/device_run.h"
#include "ops/warp_graph.h"

namespace mien {

std::vector<std::vector<float>> DeviceEmbedder::run(Accelerator& device, DevicePixels& pixels,
                                                    std::span<const DeviceFace> faces) {
  if (!model_) {
    warp_ = device.create_session(make_warp_graph(embedder_->feed));
    model_ = device.create_session(*embedder_->model, "the embedder");
    if (model_->assignment().on_device == 0) throw DeviceFailure("the device runs no part of the embedder");
  }
  std::vector<std::vector<float>> embeddings;
  // A model whose batch is fixed at one takes each face by itself.
  const std::size_t batch = embedder_->batch_max.load() == 1 ? 1 : faces.size();
  for (std::size_t first = 0; first < faces.size(); first += batch) {
    run_batch(device, pixels, faces.subspan(first, std::min(batch, faces.size() - first)), embeddings);
  }
  return embeddings;
}

// Fills the batch up to a power of two with black faces, so that providers that compile for each shape see few.
void DeviceEmbedder::run_batch(Accelerator& device, DevicePixels& pixels, std::span<const DeviceFace> faces,
                               std::vector<std::vector<float>>& embeddings) {
  WarpInputs warp;
  for (const DeviceFace& face : faces) warp.add(face.image, face.to_template, embedder_->feed);
  warp.fill_up(std::bit_ceil(faces.size()));
  constexpr bool kOnDevice[] = {true};
  const DeviceInput planes = warp_->run(inputs_of(pixels.on(device), warp.tensors()), kOnDevice).front().on_device;
  const std::vector<DeviceOutput> outputs = model_->run({&planes, 1}, {});
  const std::span<const float> rows = outputs.front().values.floats();
  const std::size_t dimension = static_cast<std::size_t>(embedder_->dimension);
  throw_unless_count(rows.size(), warp.count() * dimension, "the embedder");
  throw_unless_finite(rows, "the embedder");
  for (std::size_t i = 0; i < faces.size(); ++i) {
    const std::span<const float> row = rows.subspan(i * dimension, dimension);
    embeddings.emplace_back(row.begin(), row.end());
  }
}

}  // namespace mien
