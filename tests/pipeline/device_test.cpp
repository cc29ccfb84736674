// The whole pipeline on the test device: every mix of flags, bytes that travel, memory, and what becomes of images when
// the device fails.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <thread>

#include "device/gpu.h"
#include "image/encode.h"
#include "image/image_files.h"
#include "ops/compare.h"
#include "pipeline/analyze.h"
#include "support/device_scene.h"
#include "support/pictures.h"
#include "support/test_device.h"

namespace mien {
namespace {

using namespace std::chrono_literals;
using test::Tolerance;

Image red(ImageView pixels) {
  Image image = test::copy_pixels(pixels);
  for (int y = 0; y < image.height(); ++y) {
    for (int x = 0; x < image.width(); ++x) image.row(y)[3 * x] = static_cast<std::uint8_t>(250 - (x + y) % 9);
  }
  return image;
}

class DeviceTest : public testing::Test {
 protected:
  // Each operation's flag from the bits of `flags`.
  static Settings settings_of(unsigned flags, GpuMode mode = GpuMode::on) {
    Settings settings = test::device_settings(GpuMode::off);
    for (std::size_t i = 0; i < kOperationCount; ++i) {
      if ((flags >> i & 1U) != 0) settings.operation_gpu[i] = mode;
    }
    return settings;
  }
  const std::vector<Result<Analysis>>& expected(bool enhance) {
    std::vector<Result<Analysis>>& results = enhance ? enhanced_ : plain_;
    if (results.empty()) {
      const Engine engine(files_.options(test::plain_settings()));
      results = test::analyze_all(engine, pictures_, test::everything(enhance));
    }
    return results;
  }

  test::TestDevice device_;
  test::TinyEngineFiles files_;
  std::vector<test::ByteVector> pictures_ = test::make_device_pictures(4);
  std::vector<Result<Analysis>> plain_;
  std::vector<Result<Analysis>> enhanced_;
};

TEST_F(DeviceTest, AllMixesOfFlagsGiveEqualResults) {
  std::size_t faces = 0;
  for (const Result<Analysis>& result : expected(false)) faces += result->faces.size();
  ASSERT_GE(faces, 6U) << "the pictures show too little";
  for (unsigned flags = 0; flags < 32; ++flags) {
    SCOPED_TRACE("flags " + std::to_string(flags));
    // What is not required may be the CPU's at any time.
    const Engine engine(files_.options(settings_of(flags, GpuMode::require)));
    const std::vector<Result<Analysis>> found = test::analyze_all(engine, pictures_, test::everything(false));
    // Letterbox and detector are equal to the last bit, and so are boxes.
    test::expect_equal(found, expected(false), {});
    for (const Result<Analysis>& result : found) {
      for (const Placement& placement : result->placement) {
        const bool on_device = (flags >> index_of(*find_operation(placement.operation)) & 1U) != 0;
        EXPECT_EQ(placement.ran, on_device ? "test" : "cpu")
            << placement.operation << ": " << placement.reason.value_or("");
        EXPECT_EQ(placement.reason, std::nullopt) << placement.operation;
      }
    }
  }
}

// Tiles of closer looks are asked for by what the first look found: the plan is the same wherever it runs.
TEST_F(DeviceTest, CloserLooksAreTheSameOnTheDevice) {
  const Image large = test::scale_pixels(test::make_noise(300, 200, 3, 5), 1500, 1000);
  std::vector<test::ByteVector> pictures = {pictures_[3]};
  Image with_faces = test::copy_pixels(large);
  const Image face = test::make_flat(30, 30, 3, 0);
  for (int i = 0; i < 3; ++i) test::paste(red(face), 150 + 550 * i, 100 + 330 * i, with_faces);
  pictures.push_back(encode_jpeg(with_faces, 95));
  const Engine cpu(files_.options(test::plain_settings()));
  const Engine engine(files_.options(settings_of(1, GpuMode::require)));
  for (const Detail detail : {Detail::automatic, Detail::full}) {
    for (const bool rotations : {false, true}) {
      SCOPED_TRACE(std::string(detail == Detail::full ? "full" : "auto") + (rotations ? ", rotations" : ""));
      const AnalyzeOptions options{.embed = false, .rotations = rotations, .detail = detail};
      const std::vector<Result<Analysis>> of_cpu = test::analyze_all(cpu, pictures, options);
      test::expect_equal(test::analyze_all(engine, pictures, options), of_cpu, {});
    }
  }
}

// Eight photos of a kind: their first looks are one run, and what these call for is shared by all.
TEST_F(DeviceTest, CloserLooksOfSeveralPhotosShareTheDevicesRuns) {
  const Engine engine(files_.options(settings_of(1, GpuMode::require)));
  const AnalyzeOptions options{.embed = false, .face_quality = false, .detail = Detail::full};
  const Image large = test::scale_pixels(test::make_noise(300, 200, 3, 5), 1500, 1000);
  const std::vector<test::ByteVector> one = {encode_jpeg(large, 95)};
  const std::vector<test::ByteVector> eight(8, one.front());
  const auto counts_of = [&](const std::vector<test::ByteVector>& pictures) {
    const BatcherCounts before = engine.state().device->counts();
    (void)test::analyze_all(engine, pictures, options);
    const BatcherCounts after = engine.state().device->counts();
    return std::pair(after.runs - before.runs, after.items - before.items);
  };
  (void)counts_of(one);  // plans
  const auto [runs_of_one, items_of_one] = counts_of(one);
  const auto [runs, items] = counts_of(eight);
  EXPECT_EQ(items, 8 * items_of_one);
  EXPECT_GE(runs_of_one, 2U) << "a first look and tiles";
  EXPECT_LE(runs, 3 * runs_of_one) << "photo by photo they are eight times as many";
}

// What the last plan needs is there until it is made.
TEST_F(DeviceTest, AnEngineMayEndBeforeItsPlansAreMade) {
  device_.set("plan_ms", 300);
  for (int i = 0; i < 4; ++i) {
    const Engine engine(files_.options(settings_of(31)));
    test::expect_equal(test::analyze_all(engine, {pictures_[0]}, test::everything(false)), {expected(false)[0]}, {});
  }
  std::this_thread::sleep_for(2s);  // plans of engines that have ended
}

// A scan cuts its crops from them, whatever the device holds of the image.
TEST_F(DeviceTest, FacesAreShownWithThePixelsOfTheirImage) {
  const std::vector<Bytes> images(pictures_.begin(), pictures_.end());
  const Engine engine(files_.options(settings_of(31)));
  Workspace workspace;
  std::vector<std::size_t> shown(images.size());  // faces of each
  const std::vector<Result<Analysis>> found =
      analyze_images(engine.state(), images, test::everything(true), workspace.state(), {},
                     [&](std::size_t image, ImageView upright, std::span<const Face> faces) {
                       shown[image] = faces.size();
                       DecodedImage alone;
                       ASSERT_TRUE(decode_image(images[image], {}, alone));
                       EXPECT_EQ(test::pixel_sha256(test::copy_pixels(upright)), test::pixel_sha256(alone.pixels));
                     });
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(shown[i], found[i]->faces.size());
  EXPECT_GE(std::count_if(shown.begin(), shown.end(), [](std::size_t faces) { return faces > 0; }), 2);
}

// Pixels and aligned faces are the device's too, or "require" would mean nothing for them.
TEST_F(DeviceTest, AlignedFacesAndPixelsGoToTheDevice) {
  const Image picture = test::make_slope(300, 200);
  std::vector<Image> crops;
  for (int side : {112, 112, 90, 200, 112}) crops.push_back(test::make_slope(side, side + crops.size() % 2));
  std::vector<PixelView> views;
  for (const Image& crop : crops) views.push_back(to_pixels(crop));
  const Engine cpu(files_.options(test::plain_settings()));
  const std::vector<std::vector<float>> expected_embeddings = cpu.embed_aligned(views).take();
  const Box box{20, 30, 150, 170};
  const Quality expected_quality = assess_quality(to_pixels(picture), &box).take().quality;
  EXPECT_EQ(device_.get("compute_calls"), 0);
  {
    const Engine engine(files_.options(settings_of(31, GpuMode::require)));
    const std::vector<std::vector<float>> found = engine.embed_aligned(views).take();
    EXPECT_GT(device_.get("compute_calls"), 0);
    ASSERT_EQ(found.size(), expected_embeddings.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_GE(cosine_similarity(found[i], expected_embeddings[i]), 0.9999F) << i;
    }
  }
  const std::int64_t before = device_.get("compute_calls");
  const InputOptions input = open_input({}, false, settings_of(31, GpuMode::require));
  const Quality measured = assess_quality(to_pixels(picture), &box, nullptr, input).take().quality;
  EXPECT_GT(device_.get("compute_calls"), before);
  EXPECT_NEAR(measured.overall_score, expected_quality.overall_score, 1e-3);
  EXPECT_EQ(input_placement(input).front().ran, "test");
}

// Each is a stage of an analysis, with no engine around it.
TEST_F(DeviceTest, PicturesByThemselvesGoToTheDeviceAndAreCounted) {
  const Image picture = test::make_slope(100, 80);
  const std::vector<std::uint8_t> small = encode_jpeg(picture, 95);
  const PixelView view = to_pixels(picture);
  const Landmarks points = {{{20, 30}, {60, 30}, {40, 45}, {25, 60}, {55, 60}}};
  const Box outside{500, 500, 600, 600};
  const EnhancedImage enhanced = enhance_image(small).take();
  const Quality whole = assess_quality(view, nullptr, &points).take().quality;
  for (const bool fails : {false, true}) {
    SCOPED_TRACE(fails ? "fails" : "works");
    const InputOptions input = open_input({}, false, settings_of(31));
    if (fails) {
      device_.set("fail_at", 1);
      device_.set("fail_count", 100'000);
    }
    const EnhancedImage found = enhance_image(small, input).take();
    EXPECT_EQ(found.bytes, enhanced.bytes);
    EXPECT_EQ(found.scale, enhanced.scale);
    const Quality measured = assess_quality(view, nullptr, &points, input).take().quality;
    EXPECT_NEAR(measured.overall_score, whole.overall_score, 1e-3);
    ASSERT_TRUE(measured.pose_angles);
    EXPECT_EQ(measured.pose_angles->roll, whole.pose_angles->roll);
    const Quality nothing = assess_quality(view, &outside, &points, input).take().quality;
    EXPECT_EQ(nothing.overall_score, 0);
    EXPECT_FALSE(nothing.pose_angles);
    std::map<std::string, std::string> ran;
    for (const Placement& placement : input_placement(input)) ran[placement.operation] = placement.ran;
    EXPECT_EQ(ran["image_enhancement"], fails ? "cpu" : "test");
    EXPECT_EQ(ran["quality_checks"], fails ? "cpu" : "mixed") << "the box outside is nobody's work but the CPU's";
  }
}

TEST_F(DeviceTest, AlignedFacesOfADeviceThatFailsAreTheCpusOrAnError) {
  const Image crop = test::make_slope(112, 112);
  const PixelView view = to_pixels(crop);
  const Engine wanted(files_.options(settings_of(31, GpuMode::on)));
  const Engine required(files_.options(settings_of(31, GpuMode::require)));
  device_.set("fail_at", 1);
  device_.set("fail_count", 100'000);
  EXPECT_TRUE(wanted.embed_aligned({&view, 1}));
  const Result<std::vector<std::vector<float>>> none = required.embed_aligned({&view, 1});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::unavailable);
}

TEST_F(DeviceTest, BatchesOfAnySizeGiveEqualResults) {
  for (const int batch : {1, 3, 8}) {
    SCOPED_TRACE("batch " + std::to_string(batch));
    Settings settings = settings_of(31);
    settings.gpu_batch_size = batch;
    const Engine engine(files_.options(settings));
    test::expect_equal(test::analyze_all(engine, pictures_, test::everything(false)), expected(false), {});
  }
}

// The models get canvases and aligned faces, whatever the image's size; the other operations its pixels, once.
TEST_F(DeviceTest, CanvasesGoUpAndLittleComesDown) {
  constexpr unsigned kModels = 0b00011, kAll = 0b11111;
  for (const unsigned flags : {kModels, kAll}) {
    SCOPED_TRACE("flags " + std::to_string(flags));
    const Engine engine(files_.options(settings_of(flags, GpuMode::require)));
    for (std::size_t i = 0; i < pictures_.size(); ++i) {
      const std::vector<test::ByteVector> one = {pictures_[i]};
      (void)test::analyze_all(engine, one, test::everything(false));  // weights go up with the sessions
      test::wait_until_prepared(engine);
      device_.set("up_bytes", 0);
      device_.set("down_bytes", 0);
      const std::vector<Result<Analysis>> found = test::analyze_all(engine, one, test::everything(false));
      const double pixels = flags == kAll ? static_cast<double>(found[0]->width) * found[0]->height * 3 : 0;
      const double canvases = 3.0 * (640 * 640 + 128 * 128);
      const double faces = 3.0 * 112 * 112 * static_cast<double>(found[0]->faces.size());
      const double up = static_cast<double>(device_.get("up_bytes"));
      constexpr double kNumbers = 100'000;  // where pixels lie, and the threshold of a small group of values
      const bool is_panorama = found[0]->width > 2 * found[0]->height;  // which is cut into tiles
      EXPECT_GE(up, pixels + faces) << "image " << i;
      if (is_panorama) continue;
      EXPECT_LE(up, pixels + canvases + faces + kNumbers) << "image " << i;
      // A bit for each anchor of the batches' 16 and 32 places.
      EXPECT_LE(device_.get("down_bytes"), 128 << 10) << "image " << i;
    }
  }
}

// The memory that is held and set aside stays below any ceiling; the CPU does what does not fit.
TEST_F(DeviceTest, StaysBelowTheCeiling) {
  for (const double limit : {0.05, 0.5, 8.0}) {
    SCOPED_TRACE("GPU_MEMORY_LIMIT_GB=" + std::to_string(limit));
    Settings settings = settings_of(31);
    settings.gpu_memory_limit_gb = limit;
    const Engine engine(files_.options(settings));
    device_.set("peak_bytes", 0);
    test::expect_equal(test::analyze_all(engine, pictures_, test::everything(false)), expected(false), {});
    const double ceiling = limit * (1 << 30);
    const TransferCounters& counters = *engine.state().device->gpu().counters();
    EXPECT_LE(static_cast<double>(counters.peak), ceiling);
    EXPECT_LE(static_cast<double>(device_.get("peak_bytes")), ceiling);
    EXPECT_GT(counters.peak, 0U);
  }
}

TEST_F(DeviceTest, UploadsOneGroupWhileItComputesAnother) {
  // Quality is what works on the pixels themselves.
  const Engine engine(files_.options(settings_of(1U << index_of(Operation::quality_checks))));
  const std::vector<test::ByteVector> first = {pictures_[0]}, second = {pictures_[1]};
  const std::vector<Result<Analysis>> warm = test::analyze_all(engine, second, test::everything(false));
  const std::int64_t pixels = std::int64_t{warm[0]->width} * warm[0]->height * 3;
  (void)test::analyze_all(engine, first, test::everything(false));

  device_.set("hang_at", 1);
  device_.set("compute_calls", 0);
  std::thread computing([&] { (void)test::analyze_all(engine, first, test::everything(false)); });
  const auto wait_for = [&](const char* counter, std::int64_t value) {
    for (int i = 0; i < 2000 && device_.get(counter) < value; ++i) std::this_thread::sleep_for(10ms);
    return device_.get(counter) >= value;
  };
  EXPECT_TRUE(wait_for("compute_calls", 1));
  device_.set("up_bytes", 0);
  std::vector<Result<Analysis>> found;
  std::thread copying([&] { found = test::analyze_all(engine, second, test::everything(false)); });
  EXPECT_TRUE(wait_for("up_bytes", pixels));
  EXPECT_EQ(device_.get("compute_calls"), 1) << "the first group was to be in work still";
  device_.set("release", 1);
  computing.join();
  copying.join();
  test::expect_equal(found, warm, {});
}

// The CPU works while sessions are planned; nothing is lost or done twice, and then the device does it all.
TEST_F(DeviceTest, WorksOnTheProcessorWhileTheDeviceCompiles) {
  setenv("MIEN_TEST_DEVICE_COMPILES_SLOWLY", "1", 1);
  device_.set("compile_ms", 200);
  const Engine engine(files_.options(settings_of(31)));
  unsetenv("MIEN_TEST_DEVICE_COMPILES_SLOWLY");
  const auto placement_of = [](const std::vector<Result<Analysis>>& found, std::string_view operation) {
    std::vector<Placement> placements;
    for (const Result<Analysis>& result : found) {
      if (const Placement* one = test::find_placement(*result, operation)) placements.push_back(*one);
    }
    return placements;
  };
  const std::vector<Result<Analysis>> first = test::analyze_all(engine, pictures_, test::everything(false));
  test::expect_equal(first, expected(false), {});
  bool was_planning = false;
  for (const Placement& placement : placement_of(first, "face_detection")) {
    was_planning = was_planning || placement.reason.value_or("").find("test is compiling") != std::string::npos;
  }
  EXPECT_TRUE(was_planning);
  bool is_done = false;
  for (int i = 0; i < 200 && !is_done; ++i) {
    const std::vector<Result<Analysis>> found = test::analyze_all(engine, pictures_, test::everything(false));
    test::expect_equal(found, expected(false), {});
    is_done = true;
    for (const Placement& placement : placement_of(found, "quality_checks")) is_done &= placement.ran == "test";
    // The CPU may be faster with a model of three nodes: that the device takes part is enough.
    std::size_t on_device = 0;
    for (const char* operation : {"face_detection", "face_embedding"}) {
      for (const Placement& placement : placement_of(found, operation)) on_device += placement.ran != "cpu" ? 1 : 0;
    }
    is_done = is_done && on_device > 0;
  }
  EXPECT_TRUE(is_done);
}

}  // namespace
}  // namespace mien
