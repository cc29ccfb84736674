// Tests the choice from measurements, and that a device which is slower or faster is chosen accordingly.
#include "mien/tools/tune.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "measure/tune_choice.h"
#include "measure/tune_drift.h"
#include "support/device_scene.h"
#include "support/test_device.h"

namespace mien {
namespace {

struct Times {
  double cpu;
  double gpu;
};

// Rows of an operation at one size, in batches of 1 and 8; a batch of 8 takes `batch_gain` of the time on the GPU.
std::vector<BenchRow> make_rows(const std::string& operation, const Times& times, double batch_gain = 1) {
  std::vector<BenchRow> rows;
  for (const bool gpu : {true, false}) {
    for (const int batch : {1, 8}) {
      BenchRow row;
      row.operation = operation;
      row.size = "medium";
      row.gpu = gpu;
      row.batch = batch;
      row.ms.median = gpu ? times.gpu * (batch == 8 ? batch_gain : 1) : times.cpu;
      row.images_per_second = 1e3 / row.ms.median;
      row.placement.ran = gpu ? "cuda" : "cpu";
      rows.push_back(row);
    }
  }
  return rows;
}

void add(std::vector<BenchRow>& rows, std::vector<BenchRow> more) { rows.insert(rows.end(), more.begin(), more.end()); }

std::string value_of(const std::vector<TunedSetting>& settings, const std::string& name) {
  for (const TunedSetting& one : settings) {
    if (one.name == name) return one.value;
  }
  return "absent";
}

// Scans that take so much less time with the GPU, in percent.
ScansMeasured make_scans(double gain_percent) {
  return {.cpu_images_per_second = 20,
          .together_images_per_second = 20 / (1 - gain_percent / 100),
          .gain_percent = gain_percent,
          .backend = "cuda"};
}

TEST(ChooseSettings, SendsModelsToTheGpuWhereWholeScansGain) {
  std::vector<BenchRow> rows = make_rows("face_detection", {.cpu = 20, .gpu = 4});
  add(rows, make_rows("quality_checks", {.cpu = 3, .gpu = 1}));
  const std::vector<TunedSetting> chosen = choose_settings(rows, make_scans(50), {}, {});
  EXPECT_EQ(value_of(chosen, "FACE_DETECTION_GPU"), "auto");
  EXPECT_EQ(value_of(chosen, "QUALITY_CHECKS_GPU"), "false") << "faster by itself; a scan has its pixels elsewhere";
  EXPECT_EQ(value_of(chosen, "FACE_EMBEDDING_GPU"), "absent") << "it was not measured";
  EXPECT_EQ(value_of(chosen, "GPU_BATCH_SIZE"), "1") << "the smallest of equal ones";
  EXPECT_EQ(chosen.front().why,
            "whole scans with cuda take 50 % less time: 40.0 images a second against 20.0 by the CPU alone");
  EXPECT_NE(chosen[1].why.find("cuda takes 1.00 ms against 3.00 on the CPU"), std::string::npos) << chosen[1].why;
}

// An operation may be slower on the GPU, and a scan faster with both; or the other way round.
TEST(ChooseSettings, SingleOperationsDoNotDecide) {
  const std::vector<BenchRow> slow = make_rows("face_detection", {.cpu = 10, .gpu = 15});
  EXPECT_EQ(value_of(choose_settings(slow, make_scans(30), {}, {}), "FACE_DETECTION_GPU"), "auto");
  const std::vector<BenchRow> fast = make_rows("face_detection", {.cpu = 20, .gpu = 1});
  for (const double gain : {-50.0, 0.0, 10.0}) {
    const std::vector<TunedSetting> chosen = choose_settings(fast, make_scans(gain), {}, {});
    EXPECT_EQ(value_of(chosen, "FACE_DETECTION_GPU"), "false") << gain;
    EXPECT_EQ(value_of(chosen, "GPU_BATCH_SIZE"), "absent") << gain;
    EXPECT_NE(chosen.front().why.find("no gain of 10 %"), std::string::npos) << chosen.front().why;
  }
  EXPECT_EQ(value_of(choose_settings(fast, make_scans(10.5), {}, {}), "FACE_DETECTION_GPU"), "auto");
  const std::vector<TunedSetting> unknown = choose_settings(fast, {}, {}, {});
  EXPECT_EQ(value_of(unknown, "FACE_DETECTION_GPU"), "false");
  EXPECT_NE(unknown.front().why.find("not measured"), std::string::npos) << unknown.front().why;
}

TEST(ChooseSettings, TakesTheBatchThatPays) {
  std::vector<BenchRow> rows = make_rows("face_detection", {.cpu = 10, .gpu = 12}, 0.25);
  EXPECT_EQ(value_of(choose_settings(rows, make_scans(20), {}, {}), "GPU_BATCH_SIZE"), "8");
  add(rows, make_rows("face_embedding", {.cpu = 10, .gpu = 1}, 20));
  EXPECT_EQ(value_of(choose_settings(rows, make_scans(20), {}, {}), "GPU_BATCH_SIZE"), "1") << "13 ms against 23";
  rows = make_rows("face_detection", {.cpu = 10, .gpu = 2}, 0.97);
  EXPECT_EQ(value_of(choose_settings(rows, make_scans(20), {}, {}), "GPU_BATCH_SIZE"), "1") << "within 5 %";
}

TEST(ChooseSettings, CandidatesAreModelsThatTheGpuDid) {
  std::vector<BenchRow> rows = make_rows("face_detection", {.cpu = 10, .gpu = 12});
  add(rows, make_rows("face_embedding", {.cpu = 10, .gpu = 1}));
  add(rows, make_rows("image_enhancement", {.cpu = 10, .gpu = 1}));
  EXPECT_EQ(find_gpu_candidates(rows).operations, (std::vector{Operation::face_detection, Operation::face_embedding}));
  for (BenchRow& row : rows) {
    if (row.gpu && row.operation == "face_embedding") row.placement.ran = "mixed";
  }
  EXPECT_EQ(find_gpu_candidates(rows).operations, std::vector{Operation::face_detection});
}

TEST(ChooseSettings, WhatFellBackIsNeverChosen) {
  for (const char* ran : {"cpu", "mixed"}) {
    std::vector<BenchRow> rows = make_rows("face_detection", {.cpu = 20, .gpu = 1});
    for (BenchRow& row : rows) {
      if (!row.gpu) continue;
      row.placement.ran = ran;
      row.placement.reason = "the fan is broken";
    }
    const std::vector<TunedSetting> chosen = choose_settings(rows, make_scans(50), {}, {});
    EXPECT_EQ(value_of(chosen, "FACE_DETECTION_GPU"), "false");
    EXPECT_EQ(value_of(chosen, "GPU_BATCH_SIZE"), "absent");
    EXPECT_NE(chosen.front().why.find("the fan is broken"), std::string::npos);
    EXPECT_FALSE(compare_rows(rows).front().use_gpu);
    EXPECT_EQ(compare_rows(rows).front().time_improvement_percent, 0);
  }
  std::vector<BenchRow> rows = make_rows("face_detection", {.cpu = 20, .gpu = 1});
  for (BenchRow& row : rows) row.error_rate = row.gpu ? 0.5 : 0;
  EXPECT_EQ(value_of(choose_settings(rows, make_scans(50), {}, {}), "FACE_DETECTION_GPU"), "false");
}

TEST(ChooseSettings, AllCasesOfAnOperationCountTogether) {
  std::vector<BenchRow> rows = make_rows("image_processing", {.cpu = 1, .gpu = 0.5});
  add(rows, make_rows("thumbnail_creation", {.cpu = 1, .gpu = 9}));
  const std::vector<TunedSetting> chosen = choose_settings(rows, make_scans(50), {}, {});
  EXPECT_EQ(value_of(chosen, "IMAGE_PROCESSING_GPU"), "false");
  EXPECT_NE(chosen.front().why.find("9.50 ms against 2.00"), std::string::npos) << chosen.front().why;
}

TEST(ChooseSettings, ThreadsAndPrecision) {
  const std::vector<ThreadsMeasured> threads = {{1, 10}, {2, 19}, {4, 19.5}};
  std::vector<PrecisionMeasured> precisions = {{"default", 10, ""}, {"fast", 5, ""}};
  EXPECT_EQ(value_of(choose_settings({}, {}, threads, precisions), "MIEN_PRECISION"), "default") << "no face was seen";
  precisions[1].faces = 30;
  std::vector<TunedSetting> chosen = choose_settings({}, {}, threads, precisions);
  EXPECT_EQ(value_of(chosen, "MIEN_THREADS"), "2") << "the fewest within 5 %";
  EXPECT_EQ(value_of(chosen, "MIEN_PRECISION"), "fast");
  precisions[1].cosine_mean = 0.9935;
  chosen = choose_settings({}, {}, threads, precisions);
  EXPECT_EQ(value_of(chosen, "MIEN_PRECISION"), "default") << "it drifts too far";
  EXPECT_NE(chosen.back().why.find("0.9935"), std::string::npos) << chosen.back().why;
  precisions[1].cosine_mean = 0.999;
  precisions[1].missed = 1;
  EXPECT_EQ(value_of(choose_settings({}, {}, threads, precisions), "MIEN_PRECISION"), "default") << "it misses a face";
  precisions[1].missed = 0;
  precisions[1].detection_ms = 9.5;
  EXPECT_EQ(value_of(choose_settings({}, {}, threads, precisions), "MIEN_PRECISION"), "default");
  precisions[1] = {"fast", 0, "not built in"};
  chosen = choose_settings({}, {}, threads, precisions);
  EXPECT_EQ(value_of(chosen, "MIEN_PRECISION"), "default");
  EXPECT_NE(chosen.back().why.find("not built in"), std::string::npos);
}

TEST(Drift, IsOfTheSameFaces) {
  const auto face = [](float x, float score, std::vector<float> embedding) {
    Face made;
    made.bbox = {x, 0, x + 10, 10};
    made.det_score = score;
    made.embedding = std::move(embedding);
    return made;
  };
  const FacesOfPhotos standard = {{face(0, 0.9F, {1, 0}), face(50, 0.9F, {1, 0}), face(90, 0.5F, {1, 0})}};
  const FacesOfPhotos other = {{face(51, 0.9F, {1, 1}), face(1, 0.9F, {2, 0})}};
  PrecisionMeasured measured;
  measure_drift(standard, other, measured);
  EXPECT_EQ(measured.faces, 2);
  EXPECT_EQ(measured.missed, 0) << "the detector was not sure of that one";
  EXPECT_NEAR(measured.cosine_mean, (1 + std::sqrt(0.5)) / 2, 1e-6);
  EXPECT_NEAR(measured.cosine_low, std::sqrt(0.5), 1e-6);
  measure_drift(standard, {{}}, measured);
  EXPECT_EQ(measured.missed, 2);
}

TEST(UpdateEnv, SaysWhatStays) {
  std::vector<TunedSetting> settings = {{"FACE_DETECTION_GPU", "true", "", "", ""},
                                        {"GPU_BATCH_SIZE", "8", "", "", ""},
                                        {"MIEN_THREADS", "2", "", "environment MIEN_THREADS", "1"}};
  const EnvUpdate update = update_env_text("GPU_BATCH_SIZE=4\n", settings, ".env");
  EXPECT_EQ(update.text, "GPU_BATCH_SIZE=4\nFACE_DETECTION_GPU=true  # mien tune: true\n");
  EXPECT_EQ(update.changed, std::vector<std::string>{"FACE_DETECTION_GPU"});
  ASSERT_EQ(update.kept.size(), 2U);
  EXPECT_EQ(update.kept[0].second, "environment MIEN_THREADS");
  EXPECT_EQ(update.kept[1].second, ".env line 1");
}

TEST(UpdateEnv, TheFileKeepsItsRights) {
  const test::ScratchFolder folder;
  const std::string path = folder.add(".env", {'A', '=', '1', '\n'});
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  (void)update_env_file(path, {{"MIEN_THREADS", "2", "", "", ""}});
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0644));
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "A=1\nMIEN_THREADS=2  # mien tune: 2\n");
}

// Runs on the test device, which computes what the CPU computes, later or, where it remembers, at once.
class TuneTest : public testing::Test {
 protected:
  TuneTest() {
    int number = 0;
    for (const test::ByteVector& picture : test::make_device_pictures(3)) {
      photos_.add(std::to_string(number++) + ".jpg", picture);
    }
  }
  TuneResult run() {
    TuneOptions options;
    // Enhancement is left out: its graph is slow on a CPU.
    options.operations = {"face_detection", "face_embedding", "image_processing", "quality_checks"};
    options.sizes = {"small"};
    options.batches = {2};
    options.iterations = 1;
    options.images_dir = photos_.path();
    options.engine = files_.options(test::device_settings());
    return tune(options);
  }

  test::TestDevice device_;
  test::TinyEngineFiles files_;
  test::ScratchFolder photos_;
};

TEST_F(TuneTest, LeavesEverythingToTheProcessorWhenTheDeviceIsSlow) {
  device_.set("slow_us", 50'000);
  const TuneResult result = run();
  // The processor takes everything back, so that two scans by it are compared: a busy machine can make them differ.
  ScansMeasured none = result.scans;
  none.gain_percent = std::min(none.gain_percent, 0.0);
  std::size_t flags = 0;
  for (const TunedSetting& one : choose_settings(result.bench.rows, none, result.threads, result.precisions)) {
    if (!one.name.ends_with("_GPU")) continue;
    ++flags;
    EXPECT_EQ(one.value, "false") << one.name << ": " << one.why;
  }
  EXPECT_EQ(flags, kOperationCount - 1);
  EXPECT_GT(result.scans.cpu_images_per_second, 0);
  EXPECT_EQ(result.scans.backend, "test");
  for (const BenchRow& row : result.bench.rows) {
    EXPECT_FALSE(row.fell_back()) << row.operation << " " << row.size << ": " << row.placement.reason.value_or("");
  }
  ASSERT_FALSE(result.threads.empty());
}

// The choice is what the table says.
TEST_F(TuneTest, FollowsItsTable) {
  device_.set("remember", 1);
  const TuneResult result = run();
  const std::vector<TunedSetting> again =
      choose_settings(result.bench.rows, result.scans, result.threads, result.precisions);
  ASSERT_EQ(again.size(), result.settings.size());
  for (std::size_t i = 0; i < again.size(); ++i) EXPECT_EQ(again[i].value, result.settings[i].value) << again[i].name;
}

}  // namespace
}  // namespace mien
