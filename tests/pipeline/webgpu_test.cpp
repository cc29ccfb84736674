// All five operations of a scan on the WebGPU provider over software Vulkan: the real thing, but for the GPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "mien/scan.h"
#include "support/device_scene.h"
#include "support/software_vulkan.h"

namespace mien {
namespace {

// Models and pictures small enough for a GPU that is emulated.
TEST(WebGpu, RunsAllFiveOperationsOfAScan) {
  if (std::getenv("MIEN_TEST_NO_WEBGPU") != nullptr) GTEST_SKIP() << "MIEN_TEST_NO_WEBGPU is set";
  test::prepare_software_vulkan();
  Settings settings = test::plain_settings();
  settings.all_gpu = true;
  settings.gpu_backend = "webgpu";
  settings.allow_software_gpu = true;
  settings.backend_dir = test::deps_path("backends");
  settings.gpu_time_limit_s = 600;
  const test::TinyEngineFiles files;
  const Engine engine(files.options(settings));
  if (engine.batch_max() == 1) {
    const std::vector<Result<Analysis>> one = test::analyze_all(engine, test::make_device_pictures(1), {});
    GTEST_SKIP() << "no Vulkan: " << one[0]->placement.front().reason.value_or("");
  }

  const test::ScratchFolder folder;
  const std::vector<test::ByteVector> pictures = test::make_device_pictures(3);
  ScanOptions options;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    options.sources.push_back(folder.add(std::to_string(i) + ".jpg", pictures[i]));
  }
  options.analyze = test::everything(true);
  options.embeddings = EmbeddingFormat::json;
  options.out_path = folder.path() + "/out.jsonl";
  options.report_path = folder.path() + "/report.html";
  std::vector<Result<Analysis>> found;
  ScanCallbacks callbacks;
  callbacks.on_record = [&](const Record& record, const std::string& /*line*/) { found.emplace_back(record.analysis); };
  const ScanSummary summary = scan(engine, options, callbacks);
  EXPECT_EQ(summary.failed, 0);

  for (std::size_t i = 0; i < kOperationCount; ++i) {
    const auto placement = std::find_if(summary.placement.begin(), summary.placement.end(),
                                        [&](const Placement& one) { return one.operation == operation_name(i); });
    ASSERT_NE(placement, summary.placement.end()) << operation_name(i);
    EXPECT_EQ(placement->ran, "webgpu") << operation_name(i) << ": " << placement->reason.value_or("");
    EXPECT_EQ(placement->reason, std::nullopt) << operation_name(i);
  }
  const Engine processor(files.options(test::plain_settings()));
  // Whole numbers up to the detector's input, so that only the sigmoid of its scores differs, by a rounding.
  test::expect_equal(found, test::analyze_all(processor, pictures, options.analyze), {.box = 1e-3F, .score = 1e-5F});
}

}  // namespace
}  // namespace mien
