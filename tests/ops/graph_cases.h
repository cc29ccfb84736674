// The parts that the tests of device graphs share: where the graphs run, and the pictures.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ops/device_image.h"
#include "ops/scene.h"
#include "support/graph_runner.h"
#include "support/photos.h"
#include "support/real_gpu.h"

namespace mien::test {

class GraphTest : public ::testing::TestWithParam<Provider> {
 protected:
  void SetUp() override {
    const std::string reason = missing(GetParam());
    if (reason.empty()) return;
    if (!is_real_gpu_software()) FAIL() << reason;  // asked for by name
    GTEST_SKIP() << reason;
  }

  // Opens the graph where this test runs; no node may run elsewhere.
  std::unique_ptr<GraphRunner> open(const Graph& graph) {
    auto runner = std::make_unique<GraphRunner>(GetParam(), graph);
    EXPECT_TRUE(runner->assignment().is_complete()) << graph.name << " also runs " << [&] {
      std::string all;
      for (const std::string& op : runner->assignment().elsewhere) all += op + " ";
      return all;
    }() << "elsewhere";
    return runner;
  }
};

inline std::string provider_name(const ::testing::TestParamInfo<Provider>& test) {
  return test.param == Provider::cpu ? "Cpu" : "Gpu";
}

#define MIEN_TEST_ON_ALL_PROVIDERS(suite) \
  INSTANTIATE_TEST_SUITE_P(On, suite, ::testing::Values(test::Provider::cpu, test::Provider::gpu), test::provider_name)

inline std::vector<HostTensor> with_pixels(PackedPixels& pixels, std::vector<HostTensor> others) {
  others.insert(others.begin(), pixels.bytes());
  return others;
}

inline Image as_bgr(ImageView rgb) {
  Image out(rgb.width, rgb.height, 3);
  out.reset(rgb.width, rgb.height, 3, true);
  for (int y = 0; y < rgb.height; ++y) {
    for (int x = 0; x < rgb.width; ++x) {
      for (int c = 0; c < 3; ++c) out.row(y)[3 * x + c] = rgb.row(y)[3 * x + 2 - c];
    }
  }
  return out;
}

// Pictures of all kinds: photos, one channel, blue first, tiny, tall and wide.
inline std::vector<Image> make_pictures() {
  std::vector<Image> pictures;
  pictures.push_back(load_photo("astronaut.png"));
  pictures.push_back(as_bgr(scale_pixels(load_photo("obama.jpg"), 320, 240)));
  pictures.push_back(to_gray(load_photo("chelsea.png")));
  pictures.push_back(make_scene(Scene::noise, 1, 1, 3));
  pictures.push_back(make_scene(Scene::noise, 5, 2, 1));
  pictures.push_back(make_scene(Scene::smooth, 61, 333, 3));
  pictures.push_back(make_scene(Scene::edges, 700, 41, 3));
  return pictures;
}

}  // namespace mien::test
