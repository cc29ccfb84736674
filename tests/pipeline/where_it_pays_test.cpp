// --gpu (GpuMode::where_it_pays) on the test device: what the CPU keeps, why, and that nothing is opened for it.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "device/where_it_pays.h"
#include "mien/scan.h"
#include "pipeline/input.h"
#include "pipeline/state.h"
#include "support/device_scene.h"
#include "support/pictures.h"
#include "support/test_device.h"

namespace mien {
namespace {

using Modes = std::map<Operation, GpuMode>;

class WhereItPays : public testing::Test {
 protected:
  // All operations where it pays, but these.
  static Settings settings_of(const Modes& modes = {}) {
    Settings settings = test::device_settings(GpuMode::where_it_pays);
    for (const auto& [operation, mode] : modes) settings.operation_gpu[index_of(operation)] = mode;
    return settings;
  }
  EngineOptions options(const Modes& modes, bool many_images) const {
    EngineOptions result = files_.options(settings_of(modes));
    result.many_images = many_images;
    return result;
  }
  std::vector<Result<Analysis>> analyze(const EngineOptions& options, bool enhance = false) const {
    return test::analyze_all(Engine(options), pictures_, test::everything(enhance));
  }
  void expect_results_of_cpu(const std::vector<Result<Analysis>>& found, bool enhance = false) const {
    test::expect_equal(found, analyze(files_.options(test::plain_settings()), enhance), {});
  }
  ScanSummary scan_pictures(const EngineOptions& options) const {
    test::ScratchFolder folder;
    int number = 0;
    for (const test::ByteVector& picture : pictures_) folder.add(std::to_string(number++) + ".jpg", picture);
    ScanOptions scanned;
    scanned.sources = {folder.path()};
    scanned.threads = 2;
    return scan(Engine(options), scanned, {});
  }

  test::TestDevice device_;
  test::TinyEngineFiles files_;
  std::vector<test::ByteVector> pictures_ = test::make_device_pictures(4);
};

const Placement& placement_of(const Analysis& analysis, std::string_view operation) {
  static const Placement kNone;
  const Placement* const found = test::find_placement(analysis, operation);
  EXPECT_NE(found, nullptr) << operation;
  return found != nullptr ? *found : kNone;
}

void expect_kept(const Analysis& analysis, std::string_view operation, const char* why) {
  const Placement& placement = placement_of(analysis, operation);
  EXPECT_EQ(placement.requested, "gpu") << operation;
  EXPECT_EQ(placement.ran, "cpu") << operation;
  EXPECT_EQ(placement.reason, why) << operation;
}

TEST_F(WhereItPays, TheRulesByThemselves) {
  Settings settings;
  EXPECT_EQ(kept_by_cpu(settings, Operation::face_detection, false), "") << "it asks for nothing";
  settings.all_gpu_where_it_pays = true;
  EXPECT_EQ(kept_by_cpu(settings, Operation::face_detection, true), "");
  EXPECT_EQ(kept_by_cpu(settings, Operation::face_embedding, false), kFewImages);
  EXPECT_EQ(kept_by_cpu(settings, Operation::quality_checks, true), kPixelsAreHere);
  EXPECT_TRUE(without_kept(settings, true).wants_gpu());
  EXPECT_FALSE(without_kept(settings, false).wants_gpu());
  for (const GpuMode mode : {GpuMode::on, GpuMode::require}) {
    settings.operation_gpu[index_of(Operation::image_enhancement)] = mode;
    EXPECT_EQ(kept_by_cpu(settings, Operation::image_enhancement, false), "");
    EXPECT_EQ(kept_by_cpu(settings, Operation::quality_checks, false), "") << "the pixels may be there";
  }
  const Settings left = without_kept(settings, false);
  EXPECT_EQ(left.gpu_mode(Operation::face_detection), GpuMode::off);
  EXPECT_EQ(left.gpu_mode(Operation::image_enhancement), GpuMode::require);
  EXPECT_EQ(left.gpu_mode(Operation::quality_checks), GpuMode::where_it_pays);
}

TEST_F(WhereItPays, QualityAndEnhancementStayWhereThePixelsAre) {
  const std::vector<Result<Analysis>> found = analyze(options({}, true), true);
  EXPECT_GT(device_.get("compute_calls"), 0) << "the models may use the device";
  std::size_t enhanced = 0;
  for (const Result<Analysis>& result : found) {
    ASSERT_TRUE(result);
    expect_kept(*result, "quality_checks", kPixelsAreHere);
    if (test::find_placement(*result, "image_enhancement") != nullptr) {
      expect_kept(*result, "image_enhancement", kPixelsAreHere);
      ++enhanced;
    }
    EXPECT_NE(placement_of(*result, "face_detection").reason, kFewImages);
  }
  EXPECT_GT(enhanced, 0U) << "no picture is small enough";
  expect_results_of_cpu(found, true);
}

// What enhancement took there is measured there; other photos' pixels do not go up for that.
TEST_F(WhereItPays, QualityFollowsPixelsThatAreOnTheDevice) {
  const std::vector<Result<Analysis>> found =
      analyze(options({{Operation::image_enhancement, GpuMode::require}}, false), true);
  std::size_t there = 0, here = 0;
  for (const Result<Analysis>& result : found) {
    ASSERT_TRUE(result);
    if (test::find_placement(*result, "image_enhancement") != nullptr) {
      EXPECT_EQ(placement_of(*result, "image_enhancement").ran, "test");
      EXPECT_EQ(placement_of(*result, "quality_checks").ran, "test");
      ++there;
    } else {
      expect_kept(*result, "quality_checks", kPixelsAreHere);
      ++here;
    }
    expect_kept(*result, "face_detection", kFewImages);
  }
  EXPECT_GT(there, 0U);
  EXPECT_GT(here, 0U);
  expect_results_of_cpu(found, true);
}

TEST_F(WhereItPays, TrueAndRequireTakePixelsUp) {
  for (const GpuMode mode : {GpuMode::on, GpuMode::require}) {
    for (const Result<Analysis>& result : analyze(options({{Operation::quality_checks, mode}}, false))) {
      EXPECT_EQ(placement_of(*result, "quality_checks").ran, "test");
    }
  }
}

TEST_F(WhereItPays, FewImagesOpenNoDevice) {
  const Engine engine(options({}, false));
  const std::vector<Result<Analysis>> found = test::analyze_all(engine, pictures_, test::everything(false));
  EXPECT_EQ(device_.get("compute_calls"), 0) << "the graph by which a device proves itself is one";
  EXPECT_EQ(device_.get("sessions_opened"), 0);
  EXPECT_EQ(engine.batch_max(), 1);
  for (const Result<Analysis>& result : found) {
    ASSERT_TRUE(result);
    expect_kept(*result, "face_detection", kFewImages);
    if (!result->faces.empty()) expect_kept(*result, "face_embedding", kFewImages);
  }
  expect_results_of_cpu(found);
}

TEST_F(WhereItPays, FewImagesOfAFlagAreOfferedAllTheSame) {
  const auto sessions_opened = [&](const Modes& modes) {
    device_.set("sessions_opened", 0);
    const Engine engine(options(modes, false));
    (void)test::analyze_all(engine, pictures_, test::everything(false));
    test::wait_until_prepared(engine);
    return device_.get("sessions_opened");
  };
  const std::int64_t of_embedder = sessions_opened({{Operation::face_embedding, GpuMode::on}});
  const std::int64_t of_both =
      sessions_opened({{Operation::face_embedding, GpuMode::on}, {Operation::face_detection, GpuMode::on}});
  EXPECT_GT(of_embedder, 1) << "more than the graph by which a device proves itself";
  EXPECT_GE(of_both, of_embedder + 5) << "no canvas is planned for a detector that the CPU keeps";
  for (const Result<Analysis>& result : analyze(options({{Operation::face_detection, GpuMode::require}}, false))) {
    ASSERT_TRUE(result);
    EXPECT_EQ(placement_of(*result, "face_detection").ran, "test");
    if (!result->faces.empty()) expect_kept(*result, "face_embedding", kFewImages);
  }
}

TEST_F(WhereItPays, PicturesByThemselvesOpenNoDevice) {
  const InputOptions input = open_input({}, false, settings_of());
  const Image picture = test::make_slope(100, 80);
  EXPECT_TRUE(assess_quality(to_pixels(picture), nullptr, nullptr, input));
  EXPECT_TRUE(enhance_image(pictures_[2], input));
  EXPECT_TRUE(create_thumbnail(pictures_[0], 50, 50, input));
  EXPECT_EQ(device_.get("compute_calls"), 0);
  const std::vector<Placement> placements = input_placement(input);
  EXPECT_EQ(placements.size(), 3U);
  for (const Placement& placement : placements) {
    EXPECT_EQ(placement.ran, "cpu") << placement.operation;
    EXPECT_EQ(placement.reason, kPixelsAreHere) << placement.operation;
  }
}

TEST_F(WhereItPays, AScanSaysInALineWhatTheCpuKept) {
  const std::string quality = "quality_checks (the CPU is quicker where the pixels are)";
  EXPECT_EQ(scan_pictures(options({{Operation::face_detection, GpuMode::require}}, true)).gpu_choice,
            "GPU: face_detection; CPU: " + quality);
  EXPECT_EQ(scan_pictures(options({}, false)).gpu_choice,
            "GPU: nothing; CPU: face_detection (few images: planning for the GPU takes longer); " + quality);
  EXPECT_EQ(scan_pictures(files_.options(test::device_settings())).gpu_choice, "") << "nothing was kept";
  EXPECT_EQ(scan_pictures(files_.options(test::plain_settings())).gpu_choice, "");
  device_.set("init_error", 1);
  EXPECT_EQ(scan_pictures(options({}, true)).gpu_choice, "") << "a GPU that fails is no choice";
}

}  // namespace
}  // namespace mien
