// What models are fed on a device against the CPU's planes, and masks against their definition.
#include "ops/canvas_graph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "ops/graph_cases.h"

namespace mien {
namespace {

using test::GraphRunner;

constexpr int kWidth = 96, kHeight = 64;
constexpr std::size_t kCanvasPlane = std::size_t{kWidth} * kHeight;
const std::vector<int> kStrides = {1, 2, 8, 32};
// Those of all models, and some that leave out one part of the arithmetic or the other.
constexpr std::array<Feed, 6> kFeeds = {{{.mean = 127.5F, .scale = 1.0F / 128.0F},
                                         {.mean = 0, .scale = 1, .bgr = true},
                                         {.mean = 0, .scale = 1.0F / 255.0F},
                                         {.mean = 104, .scale = 1},
                                         {.mean = 127.5F, .scale = 0.0078F, .bgr = true},
                                         {.mean = 127.5F, .scale = 1.0F / 127.5F}}};

// Photos that fill their canvas, a part of it, one cell; black below and beside the photo inside of the rectangle.
const std::vector<LetterboxSize> kSizes = {{90, 60, 96, 64}, {64, 20, 64, 32}, {20, 64, 32, 64}, {32, 32, 32, 32}};

struct Letterboxed {
  std::vector<std::uint8_t> bytes;
  std::vector<float> planes;
  LetterboxSize size;

  CanvasBytes view() const { return {bytes.data(), size.canvas_width, size.canvas_height}; }
};

Letterboxed letterbox(const LetterboxSize& size, const Feed& feed, int seed) {
  const Image photo = test::make_scene(test::Scene::noise, 131, 97, 3, seed);
  const std::size_t count = std::size_t{3} * static_cast<std::size_t>(size.canvas_width * size.canvas_height);
  Letterboxed made{std::vector<std::uint8_t>(count), std::vector<float>(count), size};
  ResizeScratch scratch;
  letterbox_bytes(photo, size, feed.bgr, scratch, made.bytes.data());
  letterbox_into(photo, size, feed, scratch, made.planes.data());
  return made;
}

// A device that is the test's own memory, and computes on a provider's session.
class HostAccelerator final : public Accelerator {
 public:
  explicit HostAccelerator(test::Provider provider) : provider_(provider) {}

  const Device& device() const override { return device_; }
  std::unique_ptr<DeviceSession> create_session(const Graph& graph) override {
    return std::make_unique<Session>(provider_, graph, counters_);
  }
  std::unique_ptr<DeviceSession> create_session(Bytes /*model*/, const std::string& what) override {
    throw DeviceFailure(what + " is no graph");
  }
  std::shared_ptr<void> set_aside(std::uint64_t /*bytes*/) override { return nullptr; }
  DeviceTensor allocate(ElementType type, const Shape& shape) override {
    ++allocations;
    return hold(type, shape, std::vector<std::uint8_t>(element_count(shape) * element_bytes(type), 77));
  }
  void upload(const HostTensor& values, const DeviceTensor& target) override {
    const std::size_t bytes = element_count(values.shape) * element_bytes(values.type);
    ASSERT_LE(bytes, target.memory->bytes);
    std::memcpy(static_cast<Memory&>(*target.memory).values.data(), values.data, bytes);
    counters_.up += bytes;
  }
  HostValues download(const DeviceTensor& values) override {
    return {values.type, values.shape, static_cast<Memory&>(*values.memory).values};
  }
  void shrink() override {}
  const TransferCounters& counters() const override { return counters_; }

  int allocations = 0;

 private:
  struct Memory final : DeviceTensor::Memory {
    std::vector<std::uint8_t> values;
  };

  static DeviceTensor hold(ElementType type, Shape shape, std::vector<std::uint8_t> values) {
    const auto memory = std::make_shared<Memory>();
    memory->bytes = values.size();
    memory->values = std::move(values);
    return {memory, type, std::move(shape)};
  }

  class Session final : public DeviceSession {
   public:
    Session(test::Provider provider, const Graph& graph, TransferCounters& counters)
        : runner_(provider, graph), counters_(counters) {}
    const std::vector<TensorInfo>& inputs() const override { return none_; }
    const std::vector<TensorInfo>& outputs() const override { return none_; }
    const NodeAssignment& assignment() const override { return runner_.assignment(); }
    std::vector<DeviceOutput> run(std::span<const DeviceInput> inputs,
                                  std::span<const bool> /*on_device*/) const override {
      std::vector<HostTensor> tensors;
      for (const DeviceInput& input : inputs) {
        if (const auto* host = std::get_if<HostTensor>(&input)) {
          tensors.push_back(*host);
          counters_.up += element_count(host->shape) * element_bytes(host->type);
        } else {
          const DeviceTensor& tensor = std::get<DeviceTensor>(input);
          tensors.push_back({tensor.type, tensor.shape, static_cast<Memory&>(*tensor.memory).values.data()});
        }
      }
      std::vector<DeviceOutput> outputs;
      for (HostValues& values : runner_.run(tensors)) {
        outputs.push_back({hold(values.type, values.shape, std::move(values.bytes)), {}});
      }
      return outputs;
    }

   private:
    GraphRunner runner_;
    TransferCounters& counters_;
    std::vector<TensorInfo> none_;
  };

  test::Provider provider_;
  Device device_;
  TransferCounters counters_;
};

class CanvasGraphs : public test::GraphTest {
 protected:
  // The model's inputs for some photos, brought down.
  std::vector<HostValues> run(CanvasFeed& feed, std::span<const Letterboxed> photos, std::size_t batch) {
    std::vector<CanvasBytes> images;
    for (const Letterboxed& photo : photos) images.push_back(photo.view());
    std::vector<HostValues> values;
    for (const DeviceInput& input : feed.run(device_, images, kWidth, kHeight, batch)) {
      values.push_back(device_.download(std::get<DeviceTensor>(input)));
    }
    return values;
  }

  HostAccelerator device_{GetParam()};
};

MIEN_TEST_ON_ALL_PROVIDERS(CanvasGraphs);

// How many planes' values are not the CPU's to the last bit inside of an image's rectangle, or not 0 outside of it.
std::size_t count_wrong(std::span<const float> planes, const Letterboxed& photo) {
  std::size_t wrong = 0;
  const auto width = static_cast<std::size_t>(photo.size.canvas_width);
  const auto height = static_cast<std::size_t>(photo.size.canvas_height);
  for (std::size_t at = 0; at < 3 * kCanvasPlane; ++at) {
    const std::size_t channel = at / kCanvasPlane, y = at % kCanvasPlane / kWidth, x = at % kWidth;
    if (x < width && y < height) {
      wrong += std::memcmp(&planes[at], &photo.planes[(channel * height + y) * width + x], sizeof(float)) != 0;
    } else {
      wrong += planes[at] != 0;
    }
  }
  return wrong;
}

std::size_t count_wrong_cells(std::span<const float> mask, int stride, int width, int height) {
  std::size_t wrong = 0, at = 0;
  for (int y = 0; y < kHeight; y += stride) {
    for (int x = 0; x < kWidth; x += stride) wrong += mask[at++] != (x < width && y < height ? 1.0F : 0.0F);
  }
  return wrong;
}

TEST_P(CanvasGraphs, PlanesAreTheCpusToTheLastBitAndMasksSayWhere) {
  for (const Feed& feed : kFeeds) {
    SCOPED_TRACE(testing::Message() << "mean " << feed.mean << ", scale " << feed.scale);
    CanvasFeed canvases(feed, true, kStrides);
    std::vector<Letterboxed> photos;
    for (const LetterboxSize& size : kSizes) photos.push_back(letterbox(size, feed, static_cast<int>(photos.size())));
    // A second run finds what the first one left; its photos are others at other places, and two are missing.
    for (const std::size_t count : {kSizes.size(), kSizes.size() - 2}) {
      const std::vector<HostValues> inputs = run(canvases, std::span(photos).first(count), kSizes.size());
      ASSERT_EQ(inputs.size(), 1 + kStrides.size());
      EXPECT_EQ(inputs[0].shape, (Shape{static_cast<std::int64_t>(kSizes.size()), 3, kHeight, kWidth}));
      for (std::size_t i = 0; i < count; ++i) {
        EXPECT_EQ(count_wrong(inputs[0].floats().subspan(3 * i * kCanvasPlane, 3 * kCanvasPlane), photos[i]), 0U) << i;
      }
      for (std::size_t s = 0; s < kStrides.size(); ++s) {
        const int stride = kStrides[s];
        const std::size_t cells = kCanvasPlane / static_cast<std::size_t>(stride * stride);
        ASSERT_EQ(inputs[1 + s].shape,
                  (Shape{static_cast<std::int64_t>(kSizes.size()), 1, kHeight / stride, kWidth / stride}));
        for (std::size_t i = 0; i < kSizes.size(); ++i) {
          const LetterboxSize size = i < count ? photos[i].size : LetterboxSize();
          EXPECT_EQ(count_wrong_cells(inputs[1 + s].floats().subspan(i * cells, cells), stride, size.canvas_width,
                                      size.canvas_height),
                    0U)
              << i << ", stride " << stride;
        }
      }
      std::reverse(photos.begin(), photos.end());
    }
  }
}

TEST_P(CanvasGraphs, ImagesThatFillTheirCanvasNeedNoMasks) {
  for (const Feed& feed : kFeeds) {
    CanvasFeed canvases(feed, false);
    const std::array<Letterboxed, 2> photos = {letterbox(kSizes[0], feed, 1), letterbox(kSizes[0], feed, 2)};
    const std::vector<HostValues> inputs = run(canvases, photos, 3);
    ASSERT_EQ(inputs.size(), 1U);
    EXPECT_EQ(inputs[0].shape, (Shape{3, 3, kHeight, kWidth}));
    for (std::size_t i = 0; i < photos.size(); ++i) {
      EXPECT_EQ(count_wrong(inputs[0].floats().subspan(3 * i * kCanvasPlane, 3 * kCanvasPlane), photos[i]), 0U)
          << feed.mean;
    }
    const std::span<const float> missing = inputs[0].floats().subspan(6 * kCanvasPlane);
    EXPECT_TRUE(std::ranges::all_of(missing, [](float value) { return std::isfinite(value); }));
  }
}

// A batch that is not full costs no bytes for its missing places, and the device's memory is taken once.
TEST_P(CanvasGraphs, OnlyImagesGoUp) {
  const Letterboxed photo = letterbox(kSizes[1], kFeeds[0], 1);
  CanvasFeed masked(kFeeds[0], true, kStrides), whole(kFeeds[0], false);
  (void)run(masked, {&photo, 1}, 16);
  EXPECT_EQ(device_.counters().up, 3 * kCanvasPlane + 4 * (2 * 16 + kWidth + kHeight));
  const std::array<Letterboxed, 2> two = {letterbox(kSizes[0], kFeeds[0], 1), letterbox(kSizes[0], kFeeds[0], 2)};
  std::uint64_t before = device_.counters().up;
  (void)run(whole, two, 8);
  EXPECT_EQ(device_.counters().up - before, 2 * 3 * kCanvasPlane);
  before = device_.counters().up;
  (void)run(whole, {two.data(), 1}, 4);
  EXPECT_EQ(device_.counters().up - before, 3 * kCanvasPlane);
  EXPECT_EQ(device_.allocations, 2);
}

// Each node reads and writes all values of a batch.
TEST(CanvasGraph, LeavesOutWhatChangesNoValue) {
  const auto nodes = [](const Feed& feed, bool is_masked) {
    std::size_t of_all = 0;
    const Graph graph = make_canvas_graph(feed, is_masked, kStrides);
    std::string value = "pixels";
    for (const GraphNode& node : graph.nodes) {
      if (node.op == "Identity" || std::ranges::find(node.inputs, value) == node.inputs.end()) continue;
      ++of_all;
      value = node.outputs.front();
    }
    return of_all;
  };
  EXPECT_EQ(nodes({.mean = 0, .scale = 1}, true), 1U);
  EXPECT_EQ(nodes({.mean = 0, .scale = 0.5F}, true), 2U);
  EXPECT_EQ(nodes({.mean = 104, .scale = 1}, false), 2U);
  EXPECT_EQ(nodes({.mean = 127.5F, .scale = 1.0F / 128.0F}, true), 3U);
}

}  // namespace
}  // namespace mien
