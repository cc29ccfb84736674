// All five operations of a scan on a real backend: WebGPU over software Vulkan, or what MIEN_TEST_BACKEND names.
#include <gtest/gtest.h>

#include <algorithm>

#include "mien/scan.h"
#include "support/device_scene.h"
#include "support/real_gpu.h"

namespace mien {
namespace {

// Models and pictures small enough for a GPU that is emulated.
TEST(RealGpu, RunsAllFiveOperationsOfAScan) {
  if (const std::string missing = test::real_gpu_missing(); !missing.empty()) GTEST_SKIP() << missing;
  Settings settings = test::real_gpu_settings();
  const test::TinyEngineFiles files;
  if (const Engine offered(files.options(settings)); offered.batch_max() == 1) {
    const std::vector<Result<Analysis>> one = test::analyze_all(offered, test::make_device_pictures(1), {});
    if (!test::is_real_gpu_software()) FAIL() << one[0]->placement.front().reason.value_or("");
    GTEST_SKIP() << "no GPU: " << one[0]->placement.front().reason.value_or("");
  }

  // An emulated GPU is so slow that the CPU would take everything back.
  settings.operation_gpu.fill(GpuMode::require);
  const Engine engine(files.options(settings));
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

  for (const OperationRow& row : kOperations) {
    const auto placement = std::find_if(summary.placement.begin(), summary.placement.end(),
                                        [&](const Placement& one) { return one.operation == row.name; });
    ASSERT_NE(placement, summary.placement.end()) << row.name;
    EXPECT_EQ(placement->ran, settings.gpu_backend) << row.name << ": " << placement->reason.value_or("");
    EXPECT_EQ(placement->reason, std::nullopt) << row.name;
  }
  const Engine processor(files.options(test::plain_settings()));
  // Whole numbers up to the detector's input, so that only the sigmoid of its scores differs, by a rounding.
  test::expect_equal(found, test::analyze_all(processor, pictures, options.analyze), {.box = 1e-3F, .score = 1e-5F});
}

}  // namespace
}  // namespace mien
