// The fate of images when the device fails: every fault, in every operation, with fallback and without. Each image
// has exactly one result, equal to the CPU's, in order, and says why the device did not give it.
#include <gtest/gtest.h>

#include <chrono>
#include <ostream>
#include <thread>

#include "support/device_scene.h"
#include "support/test_device.h"

namespace mien {
namespace {

using namespace std::chrono_literals;

struct Fault {
  const char* name;
  const char* control;  // of the test device; empty: it is the settings that are wrong
  std::int64_t count;
  const char* reason;  // part of what placement says
  bool at_opening = false;
};

// For the names of tests.
void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

constexpr Fault kFaults[] = {
    {"no_device", "devices", 0, "finds no device", true},
    {"library_missing", "", 0, "nonexistent", true},
    {"init_error", "init_error", 1, "initialisation failed", true},
    {"out_of_memory", "oom", 1000, "out of memory"},
    {"error_at_call", "fail", 1000, "call failed"},
    {"hang", "hang", 1, "no answer from the device"},
    {"device_lost", "lost", 1000, "device lost"},
    {"not_a_number", "nan", 1000, "no numbers"},
    {"wrong_shape", "wrong_shape", 1000, ""},
};

// One case: what an operation gives for all pictures.
struct Output {
  std::vector<Result<Analysis>> analyses;
  std::vector<Result<std::vector<std::uint8_t>>> thumbnails;
  std::vector<Placement> placement;  // of the operation, one an image
};

class Faults : public testing::TestWithParam<std::tuple<Operation, Fault, GpuMode>> {
 protected:
  Operation operation() const { return std::get<0>(GetParam()); }
  const Fault& fault() const { return std::get<1>(GetParam()); }
  GpuMode mode() const { return std::get<2>(GetParam()); }

  Settings settings() const {
    Settings settings = test::device_settings(GpuMode::off);
    settings.operation_gpu[index_of(operation())] = mode();
    settings.gpu_batch_size = 2;
    if (std::string(fault().name) == "hang") settings.gpu_time_limit_s = 1;
    if (*fault().control == '\0') settings.test_device = "/nonexistent/libdevice.so";
    return settings;
  }

  Output run(const Engine& engine) const {
    Output output;
    if (operation() == Operation::image_processing) {
      for (const test::ByteVector& picture : pictures_) {
        output.thumbnails.push_back(create_thumbnail(picture, 60, 60, engine.input()));
      }
      output.placement = input_placement(engine.input());
      return output;
    }
    output.analyses =
        test::analyze_all(engine, pictures_, test::everything(operation() == Operation::image_enhancement));
    for (const Result<Analysis>& analysis : output.analyses) {
      if (!analysis) continue;
      const Placement* const placement = test::find_placement(*analysis, operation_name(operation()));
      if (placement != nullptr) output.placement.push_back(*placement);
    }
    return output;
  }

  void expect_as_the_processor(const Output& found) const {
    const Engine engine(files_.options(test::plain_settings()));
    const Output expected = run(engine);
    test::expect_equal(found.analyses, expected.analyses, {});
    ASSERT_EQ(found.thumbnails.size(), expected.thumbnails.size());
    for (std::size_t i = 0; i < found.thumbnails.size(); ++i) {
      ASSERT_TRUE(found.thumbnails[i]) << found.thumbnails[i].error().message;
      EXPECT_EQ(*found.thumbnails[i], *expected.thumbnails[i]) << "thumbnail " << i;
    }
  }

  // Thumbnails are whole numbers on their whole way.
  bool does_nothing() const {
    return operation() == Operation::image_processing && std::string(fault().name) == "not_a_number";
  }

  void set_fault() {
    if (fault().at_opening) {
      if (*fault().control != '\0') device_.set(fault().control, fault().count);
      return;
    }
    device_.set(std::string(fault().control) + "_count", fault().count);
    device_.set(std::string(fault().control) + "_at", 1);
  }

  void expect_fallback();
  void expect_errors();

  test::TestDevice device_;
  test::TinyEngineFiles files_;
  std::vector<test::ByteVector> pictures_ = test::make_device_pictures(4);
};

void Faults::expect_fallback() {
  if (fault().at_opening) set_fault();
  const Engine engine(files_.options(settings()));
  if (!fault().at_opening) {
    (void)run(engine);  // what is compiled by then has the short limit
    test::wait_until_prepared(engine);
    set_fault();
  }
  // The CPU does not wait for a device that fails: the reason is known an image later, or once the time limit is over.
  constexpr auto kPatience = 20s;
  const auto begin = std::chrono::steady_clock::now();
  bool is_told = false;
  std::string instead;
  while (!is_told && std::chrono::steady_clock::now() - begin < kPatience) {
    const Output found = run(engine);
    expect_as_the_processor(found);
    ASSERT_FALSE(found.placement.empty());
    if (does_nothing()) return;
    for (const Placement& placement : found.placement) {
      EXPECT_NE(placement.ran, "test") << fault().name;
      is_told = is_told || (placement.reason && placement.reason->find(fault().reason) != std::string::npos);
      instead = placement.reason.value_or("nothing");
    }
  }
  EXPECT_TRUE(is_told) << "instead: " << instead;
}

void Faults::expect_errors() {
  if (fault().at_opening) {
    set_fault();
    try {
      const Engine engine(files_.options(settings()));
      FAIL() << "opened without its GPU";
    } catch (const Exception& error) {
      EXPECT_EQ(error.error().code, ErrorCode::unavailable);
      EXPECT_NE(std::string(error.what()).find(fault().reason), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(operation_name(operation())), std::string::npos) << error.what();
    }
    return;
  }
  const Engine engine(files_.options(settings()));
  (void)run(engine);
  test::wait_until_prepared(engine);
  set_fault();
  const Output found = run(engine);
  if (does_nothing()) return;
  std::size_t failed = 0;
  const auto expect_unavailable = [&](const Error& error) {
    ++failed;
    EXPECT_EQ(error.code, ErrorCode::unavailable) << error.message;
    EXPECT_NE(error.message.find(operation_name(operation())), std::string::npos) << error.message;
  };
  for (const Result<Analysis>& one : found.analyses) {
    if (!one) expect_unavailable(one.error());
  }
  for (const auto& one : found.thumbnails) {
    if (!one) expect_unavailable(one.error());
  }
  EXPECT_EQ(found.analyses.size() + found.thumbnails.size(), pictures_.size());
  EXPECT_GT(failed, 0U);
}

TEST_P(Faults, LoseNothing) {
  if (mode() == GpuMode::require) {
    expect_errors();
  } else {
    expect_fallback();
  }
}

std::vector<Operation> all_operations() {
  std::vector<Operation> operations;
  for (const OperationRow& row : kOperations) operations.push_back(row.operation);
  return operations;
}

INSTANTIATE_TEST_SUITE_P(Of, Faults,
                         testing::Combine(testing::ValuesIn(all_operations()), testing::ValuesIn(kFaults),
                                          testing::Values(GpuMode::on, GpuMode::require)),
                         [](const auto& test) {
                           return std::string(operation_name(std::get<0>(test.param))) + "_" +
                                  std::get<1>(test.param).name +
                                  (std::get<2>(test.param) == GpuMode::require ? "_require" : "_true");
                         });

// The device's bytes of a run that fails in the middle are given back.
TEST(FaultsInARow, NothingIsLostOrGrows) {
  test::TestDevice device;
  const test::TinyEngineFiles files;
  const std::vector<test::ByteVector> pictures = test::make_device_pictures(4);
  const Engine processor(files.options(test::plain_settings()));
  AnalyzeOptions options;
  const std::vector<Result<Analysis>> expected = test::analyze_all(processor, pictures, options);
  const Engine engine(files.options(test::device_settings()));
  (void)test::analyze_all(engine, pictures, options);
  test::wait_until_prepared(engine);
  device.set("random_seed", 3);
  device.set("random_fault_permille", 60);
  std::int64_t held_early = 0;
  for (int i = 0; i < 30; ++i) {
    test::expect_equal(test::analyze_all(engine, pictures, options), expected, {});
    if (i == 9) held_early = device.get("held_bytes");
  }
  EXPECT_LE(device.get("held_bytes"), held_early + (std::int64_t{4} << 20));
}

TEST(DeviceLost, IsUsedAgainWhenItIsBack) {
  test::TestDevice device;
  const test::TinyEngineFiles files;
  const std::vector<test::ByteVector> pictures = test::make_device_pictures(2);
  const Engine engine(files.options(test::device_settings()));
  // Quality has no model, whose work the CPU might take back.
  const auto where = [&] {
    const std::vector<Result<Analysis>> found = test::analyze_all(engine, pictures, {});
    return test::find_placement(*found[0], "quality_checks")->ran;
  };
  EXPECT_EQ(where(), "test");
  device.set("lost_count", 1'000'000);
  device.set("lost_at", 1);
  std::chrono::steady_clock::time_point last;
  for (int i = 0; i < 4; ++i) {
    last = std::chrono::steady_clock::now();
    EXPECT_EQ(where(), "cpu");
  }
  device.set("lost_at", 0);
  const std::string ran = where();
  if (std::chrono::steady_clock::now() - last < 1s) {
    EXPECT_EQ(ran, "cpu") << "it is left alone for a second";
  }
  std::this_thread::sleep_for(1100ms);
  EXPECT_EQ(where(), "test");
}

}  // namespace
}  // namespace mien
