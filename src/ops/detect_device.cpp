#include "ops/detect_device.h"

#include <algorithm>
#include <bit>
#include <random>

#include "ops/candidates_graph.h"
#include "ops/device_run.h"
#include "ops/letterbox_graph.h"

namespace mien {
namespace {

// Letterbox on a device: eleven values of 4 bytes for each of the three planes at its peak, and a model's values.
constexpr std::uint64_t kBytesPerPixel = 3 * 4 * 11 + 150;
// The least that every detector takes.
constexpr int kProbeSide = 128;

// All values of a run on the host.
std::vector<std::vector<float>> run_down(const DeviceSession& model, std::span<const float> planes, Shape shape) {
  const DeviceInput input = HostTensor{ElementType::f32, std::move(shape), planes.data()};
  std::vector<std::vector<float>> values;
  for (const DeviceOutput& output : model.run({&input, 1}, {})) {
    const std::span<const float> floats = output.values.floats();
    throw_unless_finite(floats, "the detector");
    values.emplace_back(floats.begin(), floats.end());
  }
  return values;
}

}  // namespace

// The plan, the sessions and the outputs for one size of input and one size of batch.
struct DeviceDetector::Canvas {
  CandidatePlan plan;
  std::unique_ptr<DeviceSession> mask;
  std::unique_ptr<DeviceSession> pick;
  SparseOutputs sparse;
  std::size_t mask_floats = 0;
};

DeviceDetector::DeviceDetector(std::shared_ptr<const Detector> detector) : detector_(std::move(detector)) {}
DeviceDetector::~DeviceDetector() = default;

std::uint64_t DeviceDetector::bytes_for_canvas(std::int64_t pixels) {
  return static_cast<std::uint64_t>(pixels) * kBytesPerPixel;
}

void DeviceDetector::open(Accelerator& device) {
  if (model_) return;
  std::unique_ptr<DeviceSession> letterbox = device.create_session(make_letterbox_graph(detector_->kind->feed));
  std::unique_ptr<DeviceSession> model = device.create_session(*detector_->model, "the detector");
  if (model->assignment().on_device == 0) throw DeviceFailure("the device runs no part of the detector");
  layout_ = detector_->batch_is_free ? find_batch_layout(*model) : BatchLayout::one_by_one;
  letterbox_ = std::move(letterbox);
  model_ = std::move(model);
}

// A model whose batch was freed is trusted with several images once it gave for two what it gives for each.
BatchLayout DeviceDetector::find_batch_layout(const DeviceSession& model) const {
  const std::int64_t width = detector_->fixed_width.value_or(kProbeSide);
  const std::int64_t height = detector_->fixed_height.value_or(kProbeSide);
  const std::size_t floats = static_cast<std::size_t>(3 * width * height);
  std::mt19937 random(1);
  std::vector<float> planes(2 * floats);
  for (float& value : planes) {
    const float level = static_cast<float>(random() % 256);
    value = (level - detector_->kind->feed.mean) * detector_->kind->feed.scale;
  }
  const std::span<const float> both(planes);
  const auto first = run_down(model, both.first(floats), {1, 3, height, width});
  const auto second = run_down(model, both.last(floats), {1, 3, height, width});
  OutputValues pair;
  try {
    pair = run_down(model, both, {2, 3, height, width});
  } catch (const DeviceFailure&) {
    return BatchLayout::one_by_one;
  }
  return batch_layout_of(detector_->kind->outputs, first, second, pair);
}

DeviceDetector::Canvas& DeviceDetector::canvas(Accelerator& device, const CanvasKey& key,
                                               std::span<const DeviceOutput> outputs) {
  std::unique_ptr<Canvas>& canvas = canvases_[key];
  if (canvas) return *canvas;
  std::vector<Shape> shapes;
  for (const DeviceOutput& output : outputs) shapes.push_back(output.on_device.shape);
  CandidatePlan plan(detector_->kind->outputs, shapes, key.images, layout_ == BatchLayout::within_cells);
  const std::int64_t words = (plan.anchors() + kMaskBits - 1) / kMaskBits;
  canvas = std::make_unique<Canvas>(Canvas{plan, device.create_session(make_mask_graph(plan)),
                                           device.create_session(make_pick_graph(plan)), SparseOutputs(plan),
                                           static_cast<std::size_t>(key.images * words)});
  return *canvas;
}

std::vector<std::vector<Candidate>> DeviceDetector::run(Accelerator& device, DevicePixels& pixels,
                                                        std::span<const DevicePass> passes) {
  open(device);
  std::map<std::pair<int, int>, std::vector<std::size_t>> by_canvas;
  for (std::size_t i = 0; i < passes.size(); ++i) {
    by_canvas[{passes[i].pass.size.canvas_width, passes[i].pass.size.canvas_height}].push_back(i);
  }
  std::vector<std::vector<Candidate>> found(passes.size());
  const std::size_t batch_max = layout_ == BatchLayout::one_by_one ? 1 : passes.size();
  for (const auto& [size, chosen] : by_canvas) {
    for (std::size_t first = 0; first < chosen.size(); first += batch_max) {
      const std::size_t count = std::min(batch_max, chosen.size() - first);
      run_batch(device, pixels, passes, std::span(chosen).subspan(first, count), found);
    }
  }
  return found;
}

// Runs the detector over canvases of one size. The batch is filled up to a power of two with black images, so that
// providers that compile for each shape see few.
void DeviceDetector::run_batch(Accelerator& device, DevicePixels& pixels, std::span<const DevicePass> passes,
                               std::span<const std::size_t> chosen, std::vector<std::vector<Candidate>>& found) {
  const LetterboxSize& size = passes[chosen.front()].pass.size;
  LetterboxInputs letterbox(size.canvas_width, size.canvas_height);
  for (const std::size_t i : chosen) letterbox.add(passes[i].part, passes[i].pass.size, detector_->kind->feed);
  letterbox.fill_up(std::bit_ceil(chosen.size()));

  constexpr bool kOnDevice[] = {true};
  const DeviceInput planes =
      letterbox_->run(inputs_of(pixels.on(device), letterbox.tensors()), kOnDevice).front().on_device;
  const std::size_t output_count = model_->outputs().size();
  const auto all_on_device = std::make_unique<bool[]>(output_count);
  std::fill_n(all_on_device.get(), output_count, true);
  const std::vector<DeviceOutput> outputs = model_->run({&planes, 1}, {all_on_device.get(), output_count});
  const CanvasKey key{size.canvas_width, size.canvas_height, static_cast<std::int64_t>(letterbox.count())};
  Canvas& canvas = this->canvas(device, key, outputs);

  const std::vector<std::int32_t> anchors = choose_anchors(canvas, outputs, chosen.size());
  const std::vector<float> rows = pick_rows(canvas, outputs, anchors);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const DetectPass& pass = passes[chosen[i]].pass;
    canvas.sparse.fill(static_cast<std::int64_t>(i), anchors, rows);
    std::vector<Candidate>& faces = found[chosen[i]];
    detector_->kind->decode(canvas.sparse.outputs(),
                            {pass.size.canvas_width, pass.size.canvas_height, detector_->score_threshold}, faces);
    finish_pass(*detector_, pass, faces);
  }
}

// Anchors of the first `images` images whose score may be above the threshold.
std::vector<std::int32_t> DeviceDetector::choose_anchors(const Canvas& canvas, std::span<const DeviceOutput> outputs,
                                                         std::size_t images) const {
  const float threshold = mask_threshold(canvas.plan, detector_->score_threshold);
  std::vector<DeviceInput> inputs;
  for (std::size_t group = 0; group < canvas.plan.groups().size(); ++group) {
    if (!canvas.plan.groups()[group].is_score) continue;
    for (std::size_t level = 0; level < canvas.plan.levels().size(); ++level) {
      inputs.emplace_back(outputs[canvas.plan.output(group, level)].on_device);
    }
  }
  inputs.emplace_back(HostTensor{ElementType::f32, {1}, &threshold});
  const std::vector<DeviceOutput> mask = canvas.mask->run(inputs, {});
  throw_unless_count(mask.front().values.floats().size(), canvas.mask_floats, "the detector");
  throw_unless_finite(mask.front().values.floats(), "the detector");
  throw_unless_finite(mask.back().values.floats(), "the detector");
  std::vector<std::int32_t> anchors = read_mask(canvas.plan, mask.front().values.floats());
  const std::int64_t end = static_cast<std::int64_t>(images) * canvas.plan.anchors();
  std::erase_if(anchors, [&](std::int32_t anchor) { return anchor >= end; });
  return anchors;
}

std::vector<float> DeviceDetector::pick_rows(const Canvas& canvas, std::span<const DeviceOutput> outputs,
                                             std::span<const std::int32_t> anchors) const {
  std::vector<float> rows;
  for (std::size_t first = 0; first < anchors.size(); first += kPickMax) {
    const std::span<const std::int32_t> part = anchors.subspan(first, std::min(kPickMax, anchors.size() - first));
    std::vector<std::int32_t> wanted(part.begin(), part.end());
    wanted.resize(pick_bucket(part.size()), part.front());
    std::vector<DeviceInput> inputs;
    for (const DeviceOutput& output : outputs) inputs.emplace_back(output.on_device);
    inputs.emplace_back(host_tensor(wanted, {static_cast<std::int64_t>(wanted.size())}));
    const std::vector<DeviceOutput> picked = canvas.pick->run(inputs, {});
    const std::size_t floats = part.size() * static_cast<std::size_t>(canvas.plan.row_floats());
    const std::span<const float> values = picked.front().values.floats();
    throw_unless_count(values.size(), wanted.size() * static_cast<std::size_t>(canvas.plan.row_floats()),
                       "the detector");
    throw_unless_finite(values.first(floats), "the detector");
    rows.insert(rows.end(), values.begin(), values.begin() + static_cast<std::ptrdiff_t>(floats));
  }
  return rows;
}

}  // namespace mien
