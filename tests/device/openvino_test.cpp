// OpenVINO and ONNX Runtime behind the same seam: equal numbers on the tiny models, and the choice between them.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <future>
#include <latch>
#include <thread>

#include "backends/backend.h"
#include "base/processor.h"
#include "device/choose_runtime.h"
#include "device/openvino_compiled.h"
#include "device/session.h"
#include "mien/engine.h"
#include "support/contains.h"
#include "support/photos.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

using test::contains;

// Kernels differ in the order of sums; values of the tiny models are below a hundred.
constexpr float kTolerance = 1e-4F;

std::vector<float> make_wave(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = std::sin(0.37F * static_cast<float>(i));
  return values;
}

template <typename Open>
Error error_of_opening(Open open) {
  try {
    open();
  } catch (const Exception& error) {
    return error.error();
  }
  ADD_FAILURE() << "it was opened";
  return {};
}

class OpenVinoTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!is_openvino_installed(settings)) GTEST_SKIP() << "OpenVINO is not installed: ./dev fetches it";
    openvino = open_openvino(settings, false);
    onnxruntime = open_onnxruntime(settings);
  }

  void expect_equal(const test::ByteVector& model, const std::vector<Shape>& shapes) {
    const std::unique_ptr<Session> one = onnxruntime->create_session(model, "tiny.onnx");
    const std::unique_ptr<Session> other = openvino->create_session(model, "tiny.onnx");
    ASSERT_EQ(one->inputs().size(), other->inputs().size());
    EXPECT_EQ(one->inputs()[0].name, other->inputs()[0].name);
    EXPECT_EQ(one->inputs()[0].shape, other->inputs()[0].shape);
    ASSERT_EQ(one->outputs().size(), other->outputs().size());
    for (std::size_t i = 0; i < one->outputs().size(); ++i) {
      EXPECT_EQ(one->outputs()[i].name, other->outputs()[i].name);
    }
    for (const Shape& shape : shapes) expect_equal_runs(*one, *other, shape);
  }

  std::vector<float> run_flat(const Session& session, const Shape& shape) {
    const std::vector<float> values = make_wave(TensorView{nullptr, shape}.count());
    const TensorView input{values.data(), shape};
    const Outputs outputs = session.run({&input, 1});
    std::vector<float> flat;
    for (const TensorView& output : outputs.tensors()) {
      flat.insert(flat.end(), output.data, output.data + output.count());
    }
    return flat;
  }

  Settings settings = test::plain_settings();
  std::unique_ptr<Runtime> openvino;
  std::unique_ptr<Runtime> onnxruntime;

 private:
  static void expect_equal_runs(const Session& one, const Session& other, const Shape& shape) {
    const std::vector<float> values = make_wave(TensorView{nullptr, shape}.count());
    const TensorView input{values.data(), shape};
    const Outputs expected = one.run({&input, 1});
    const Outputs found = other.run({&input, 1});
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(found[i].shape, expected[i].shape) << "output " << i;
      for (std::size_t k = 0; k < expected[i].count(); ++k) {
        ASSERT_NEAR(found[i].data[k], expected[i].data[k], kTolerance) << "output " << i << ", value " << k;
      }
    }
  }
};

TEST_F(OpenVinoTest, TellsWhatItIs) {
  EXPECT_TRUE(openvino->name().starts_with("openvino 20")) << openvino->name();
  EXPECT_EQ(openvino->kind(), RuntimeKind::openvino);
  EXPECT_FALSE(openvino->has_reduced_precision());
  EXPECT_TRUE(contains(openvino->path(), "libopenvino_c.so")) << openvino->path();
  EXPECT_FALSE(onnxruntime->has_reduced_precision());
}

TEST_F(OpenVinoTest, GivesTheNumbersOfOnnxRuntime) {
  expect_equal(test::make_tiny_scrfd({}), {{1, 3, 64, 64}});
  expect_equal(test::make_tiny_scrfd({.side = 0}), {{1, 3, 64, 64}, {1, 3, 96, 128}, {1, 3, 64, 64}});
  expect_equal(test::make_tiny_yunet(), {{1, 3, 64, 64}});
  expect_equal(test::make_tiny_embedder({}), {{1, 3, 112, 112}});
  expect_equal(test::make_tiny_embedder({.batch = 0}), {{1, 3, 112, 112}, {4, 3, 112, 112}});
}

// The compiled model for one shape takes the place of the one for all in the middle of a run.
TEST_F(OpenVinoTest, NumbersStayTheSameFromRunToRun) {
  const std::unique_ptr<Session> session = openvino->create_session(test::make_tiny_scrfd({.side = 0}), "tiny.onnx");
  const std::vector<float> first = run_flat(*session, {1, 3, 64, 96});
  for (int i = 0; i < 2 * openvino::CompiledLimits{}.runs_before_own; ++i) {
    ASSERT_EQ(run_flat(*session, {1, 3, 64, 96}), first) << "run " << i;
  }
  EXPECT_NE(run_flat(*session, {1, 3, 96, 64}), first);
}

TEST_F(OpenVinoTest, ThreadsShareASession) {
  const std::unique_ptr<Session> session = openvino->create_session(test::make_tiny_scrfd({.side = 0}), "tiny.onnx");
  const std::vector<Shape> shapes = {{1, 3, 64, 64}, {1, 3, 64, 96}, {1, 3, 96, 64}};
  std::vector<std::vector<float>> expected;
  for (const Shape& shape : shapes) expected.push_back(run_flat(*session, shape));
  std::vector<std::jthread> threads;
  std::atomic<int> wrong = 0;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 40; ++i) {
        const std::size_t which = (i + t) % shapes.size();
        if (run_flat(*session, shapes[which]) != expected[which]) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

TEST_F(OpenVinoTest, OutputsKeepTheirValuesAndOutliveTheSession) {
  std::unique_ptr<Session> session = openvino->create_session(test::make_tiny_embedder({}), "tiny.onnx");
  const std::vector<float> ones(std::size_t{3} * 112 * 112, 1.0F);
  const std::vector<float> twos(std::size_t{3} * 112 * 112, 2.0F);
  const TensorView first{ones.data(), {1, 3, 112, 112}};
  const TensorView second{twos.data(), {1, 3, 112, 112}};
  const Outputs kept = session->run({&first, 1});
  const std::vector<float> before(kept[0].data, kept[0].data + kept[0].count());
  { const Outputs others = session->run({&second, 1}); }
  session.reset();
  EXPECT_EQ(std::vector<float>(kept[0].data, kept[0].data + kept[0].count()), before);
}

TEST_F(OpenVinoTest, RefusesWhatItCannotRun) {
  const test::ByteVector garbage(100, 0x5A);
  const Error bad = error_of_opening([&] { openvino->create_session(garbage, "garbage.onnx"); });
  EXPECT_EQ(bad.code, ErrorCode::bad_data);
  EXPECT_TRUE(contains(bad.message, "garbage.onnx")) << bad.message;
  EXPECT_FALSE(contains(bad.message, "\n")) << bad.message;

  const std::unique_ptr<Session> session = openvino->create_session(test::make_tiny_embedder({}), "tiny.onnx");
  for (const Shape& shape : {Shape{1, 3, 96, 96}, Shape{2, 3, 112, 112}, Shape{1, 3 * 112 * 112}}) {
    const Error error = error_of_opening([&] { run_flat(*session, shape); });
    EXPECT_EQ(error.code, ErrorCode::internal);
    EXPECT_TRUE(contains(error.message, "tiny.onnx") && contains(error.message, "1x3x112x112")) << error.message;
  }
  const std::unique_ptr<Session> integers = openvino->create_session(test::make_tiny_integer_model(), "tiny.onnx");
  EXPECT_EQ(error_of_opening([&] { run_flat(*integers, {1, 3, 112, 112}); }).code, ErrorCode::unsupported);
}

TEST_F(OpenVinoTest, AStopEndsARun) {
  const std::unique_ptr<Session> session = openvino->create_session(test::make_tiny_embedder({}), "tiny.onnx");
  const std::vector<float> values = make_wave(std::size_t{3} * 112 * 112);
  const TensorView input{values.data(), {1, 3, 112, 112}};
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(error_of_opening([&] { (void)session->run({&input, 1}, source.get_token()); }).code, ErrorCode::cancelled);
  EXPECT_EQ(session->run({&input, 1}).size(), 1U);
}

// The detector declares one size and takes no other, which is tried when it is opened.
TEST_F(OpenVinoTest, ARunThatFailsLeavesNothingBehind) {
  const test::ScratchFolder folder;
  EngineOptions options;
  options.settings = settings;
  options.settings.runtime = "openvino";
  options.detector = folder.add("tiny.onnx", test::make_tiny_scrfd({.side = 64, .fixed_reshape = true}));
  options.load_embedder = false;
  for (int i = 0; i < 3; ++i) {
    const Engine engine(options);
    EXPECT_TRUE(contains(engine.runtime(), "openvino"));
    EXPECT_TRUE(engine.analyze(test::read_photo("obama.jpg")).ok());
  }
}

// bf16 keeps eight bits of a number: the tiny embedder's sums agree to about a hundredth.
TEST_F(OpenVinoTest, CheapArithmeticIsThereOnlyWithBf16) {
  const std::unique_ptr<Runtime> cheap = open_openvino(settings, true);
  const bool has_bf16 = contains(read_cpu().features, "bf16");
  EXPECT_EQ(cheap->has_reduced_precision(), has_bf16);
  EXPECT_EQ(cheap->name().ends_with(" bf16"), has_bf16) << cheap->name();
}

TEST(OpenVinoLibrary, SaysWhatToDoWhenItIsMissing) {
  Settings settings = test::plain_settings();
  settings.openvino_library = "/nonexistent/libopenvino_c.so";
  const Error absent = error_of_opening([&] { open_openvino(settings, false); });
  EXPECT_EQ(absent.code, ErrorCode::not_found);
  EXPECT_TRUE(contains(absent.message, "mien backends install openvino")) << absent.message;
  EXPECT_TRUE(contains(absent.message, "/nonexistent/libopenvino_c.so")) << absent.message;

  settings.openvino_library = "libm.so.6";
  const Error other = error_of_opening([&] { open_openvino(settings, false); });
  EXPECT_EQ(other.code, ErrorCode::unsupported);
  EXPECT_TRUE(contains(other.message, "libm.so.6")) << other.message;

  settings.openvino_library.clear();
  settings.backend_dir = "/nonexistent";
  EXPECT_FALSE(is_openvino_installed(settings));
  EXPECT_TRUE(
      contains(error_of_opening([&] { open_openvino(settings, false); }).message, "mien backends install openvino"));
}

TEST(ChooseRuntime, WithoutOpenVinoItIsOnnxRuntimeAndSaysWhy) {
  Settings settings = test::plain_settings();
  settings.backend_dir = "/nonexistent";
  const ChosenRuntime chosen = choose_runtime(settings, {.many_images = true, .reduced_precision = true});
  EXPECT_TRUE(chosen.runtime->name().starts_with("onnxruntime ")) << chosen.runtime->name();
  EXPECT_EQ(chosen.runtime->kind(), RuntimeKind::onnxruntime);
  EXPECT_FALSE(chosen.why_not_reduced.empty());

  settings.runtime = "openvino";
  EXPECT_EQ(error_of_opening([&] { choose_runtime(settings, {}); }).code, ErrorCode::not_found);
  // One that does not open is no reason to do nothing, unless it is the one that was asked for.
  settings.openvino_library = "/nonexistent/libopenvino_c.so";
  EXPECT_EQ(error_of_opening([&] { choose_runtime(settings, {}); }).code, ErrorCode::not_found);
  settings.runtime = "auto";
  EXPECT_TRUE(choose_runtime(settings, {.many_images = true}).runtime->name().starts_with("onnxruntime "));
}

TEST_F(OpenVinoTest, IsChosenWhereItPays) {
  const auto name = [&](const RuntimeWish& wish) { return choose_runtime(settings, wish).runtime->name(); };
  EXPECT_TRUE(name({}).starts_with("onnxruntime "));
  EXPECT_TRUE(name({.many_images = true}).starts_with("openvino "));
  settings.all_gpu = true;  // GPUs are ONNX Runtime's, and what they leave is computed alike
  EXPECT_TRUE(name({.many_images = true}).starts_with("onnxruntime "));
  settings.all_gpu = false;
  settings.runtime = "onnxruntime";
  EXPECT_TRUE(name({.many_images = true}).starts_with("onnxruntime "));
  EXPECT_TRUE(
      contains(choose_runtime(settings, {.reduced_precision = true}).why_not_reduced, "MIEN_RUNTIME=onnxruntime"));
  settings.runtime = "openvino";
  EXPECT_TRUE(name({}).starts_with("openvino "));
  EXPECT_TRUE(choose_runtime(settings, {}).why_not_reduced.empty());
}

using openvino::InputShape;
using BorrowedRun = openvino::CompiledModels::BorrowedRun;

// Counts what it made and what of it is alive.
struct Counts {
  std::atomic<int> alive{0};
  std::atomic<int> runs{0};  // alive
  std::atomic<int> compiled{0};
  std::atomic<int> compiled_for_many{0};
};

struct CountedRun : openvino::CompiledRun {
  explicit CountedRun(Counts& of) : counts(of) { ++counts.runs; }
  ~CountedRun() override { --counts.runs; }
  Counts& counts;
};

struct CountedModel : openvino::CompiledModel {
  explicit CountedModel(Counts& of) : counts(of) { ++counts.alive; }
  ~CountedModel() override { --counts.alive; }
  std::unique_ptr<openvino::CompiledRun> make_run() override { return std::make_unique<CountedRun>(counts); }
  Counts& counts;
};

openvino::CompiledModels::Compile compile_counted(Counts& counts) {
  return [&counts](const InputShape&, bool for_many) {
    ++counts.compiled;
    if (for_many) ++counts.compiled_for_many;
    return std::make_shared<CountedModel>(counts);
  };
}

bool run_once(openvino::CompiledModels& compiled, const InputShape& shape) {
  BorrowedRun taken = compiled.take(shape);
  const bool is_own = taken.is_own;
  compiled.give_back(shape, std::move(taken));
  return is_own;
}

constexpr openvino::CompiledLimits kRoomForTwo = {
    .runs_before_own = 3, .floats_max = 2000, .floats_min = 1000, .stale_after = 10};

TEST(CompiledModels, AShapeThatComesOftenGetsItsOwn) {
  Counts counts;
  openvino::CompiledModels compiled(compile_counted(counts), false, kRoomForTwo);
  const auto run = [&](const InputShape& shape) { return run_once(compiled, shape); };
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(run({1}));
  EXPECT_TRUE(run({1}));
  for (int i = 0; i < 4; ++i) run({2});
  EXPECT_EQ(compiled.own_floats(), 2000);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(run({3}));  // no room, and both others were used lately
  for (int i = 0; i < 8; ++i) run({2});
  EXPECT_TRUE(run({3}));  // in the place of the first
  EXPECT_FALSE(run({1}));
  EXPECT_TRUE(run({2}));
  EXPECT_EQ(compiled.own_floats(), 2000);
  EXPECT_EQ(counts.alive, 3);
  for (std::int64_t shape = 10; shape < 1000; ++shape) run({shape});
  EXPECT_EQ(counts.alive, 3);
  EXPECT_EQ(counts.runs, 3);
  EXPECT_EQ(counts.compiled_for_many, 0);
}

// One after the other, runs need one compiled model each; two at once make it compile again, for as many as may come.
TEST(CompiledModels, OfLargeWeightsAreForManyThreads) {
  Counts counts;
  openvino::CompiledModels compiled(
      compile_counted(counts), false,
      {.shares_weights = true, .runs_before_own = 0, .floats_max = 8000, .floats_min = 1000});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(run_once(compiled, {1}));
  EXPECT_EQ(counts.compiled, 1);
  std::vector<BorrowedRun> held;
  for (int i = 0; i < 6; ++i) held.push_back(compiled.take({1}));
  EXPECT_EQ(counts.compiled, 2);
  EXPECT_EQ(counts.compiled_for_many, 1);
  EXPECT_EQ(counts.runs, 6);
  EXPECT_EQ(compiled.own_floats(), 6000);
  for (BorrowedRun& taken : held) compiled.give_back({1}, std::move(taken));
  EXPECT_EQ(counts.alive, 1);  // the first is gone with the run that had it
  EXPECT_EQ(counts.runs, 5);
  EXPECT_EQ(compiled.own_floats(), 5000);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(run_once(compiled, {1}));
  EXPECT_TRUE(run_once(compiled, {2}));
  EXPECT_EQ(counts.compiled, 3);
  EXPECT_EQ(counts.compiled_for_many, 2);
}

TEST(CompiledModels, ARunThatComesBackWhileTheModelForManyIsCompiledLeavesItsRoom) {
  Counts counts;
  const auto compile = compile_counted(counts);
  std::unique_ptr<openvino::CompiledModels> compiled;
  BorrowedRun held;
  compiled = std::make_unique<openvino::CompiledModels>(
      [&](const InputShape& shape, bool for_many) {
        if (for_many) compiled->give_back({1}, std::move(held));
        return compile(shape, for_many);
      },
      false,
      openvino::CompiledLimits{.shares_weights = true, .runs_before_own = 0, .floats_max = 8000, .floats_min = 1000});
  held = compiled->take({1});
  BorrowedRun second = compiled->take({1});
  EXPECT_EQ(counts.compiled_for_many, 1);
  EXPECT_EQ(counts.runs, 1);
  EXPECT_EQ(compiled->own_floats(), 1000);
  compiled->give_back({1}, std::move(second));
}

// A compiled model for each run at a time; another for a shape when as many runs missed it as the first had to wait
// for.
TEST(CompiledModels, OfSmallWeightsAreForOneThreadEach) {
  Counts counts;
  openvino::CompiledModels compiled(compile_counted(counts), false, kRoomForTwo);
  for (int i = 0; i < 4; ++i) run_once(compiled, {1});
  EXPECT_EQ(counts.compiled, 2);
  BorrowedRun held = compiled.take({1});
  EXPECT_TRUE(held.is_own);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(run_once(compiled, {1}));
    // That the first is used meanwhile is no reason to wait longer: two threads take turns.
    compiled.give_back({1}, std::move(held));
    held = compiled.take({1});
  }
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(run_once(compiled, {1}));
  EXPECT_EQ(compiled.own_floats(), 2000);
  BorrowedRun second = compiled.take({1});
  EXPECT_TRUE(second.is_own);
  EXPECT_NE(second.compiled, held.compiled);
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(run_once(compiled, {1}));  // no room for a third
  compiled.give_back({1}, std::move(held));
  compiled.give_back({1}, std::move(second));
  EXPECT_EQ(counts.compiled, 3);
  EXPECT_EQ(counts.compiled_for_many, 0);
  EXPECT_EQ(counts.alive, 3);
  EXPECT_EQ(counts.runs, 3);
}

TEST(CompiledModels, OfSmallWeightsAreCompiledAtOnceByAllThreads) {
  constexpr int kThreads = 4;
  Counts counts;
  std::latch all_compile(kThreads);
  const auto compile = compile_counted(counts);
  openvino::CompiledModels compiled(
      [&](const InputShape& shape, bool for_many) {
        all_compile.arrive_and_wait();
        return compile(shape, for_many);
      },
      true, kRoomForTwo);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int run = 0; run < 500; ++run) run_once(compiled, {1});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counts.compiled, kThreads);
  EXPECT_EQ(counts.alive, kThreads);  // none is lost
  EXPECT_EQ(counts.runs, kThreads);
}

TEST(CompiledModels, WhoAsksWhileTheModelForManyIsCompiledWaitsForIt) {
  Counts counts;
  openvino::CompiledLimits limits = kRoomForTwo;
  limits.shares_weights = true;
  openvino::CompiledModels compiled(compile_counted(counts), true, limits);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int run = 0; run < 500; ++run) run_once(compiled, {1});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(counts.compiled, 2);
  EXPECT_EQ(counts.alive, 1);
  EXPECT_LE(counts.runs, 8);
}

TEST(CompiledModels, AShapeInUseIsRemembered) {
  Counts counts;
  openvino::CompiledModels compiled(
      compile_counted(counts), false,
      {.shares_weights = true, .runs_before_own = 1, .floats_max = 2000, .floats_min = 1000, .stale_after = 10});
  run_once(compiled, {1});
  BorrowedRun held = compiled.take({1});
  ASSERT_TRUE(held.is_own);
  for (std::int64_t shape = 10; shape < 1000; ++shape) run_once(compiled, {shape});
  EXPECT_FALSE(run_once(compiled, {1}));
  BorrowedRun second = compiled.take({1});
  EXPECT_TRUE(second.is_own);
  EXPECT_EQ(compiled.own_floats(), 2000);
  compiled.give_back({1}, std::move(held));
  compiled.give_back({1}, std::move(second));
  EXPECT_TRUE(compiled.take({1}).is_own);
}

// Frees as slowly as it takes another thread to ask for the lock.
struct AskingForm : openvino::CompiledModel {
  explicit AskingForm(Counts& of, std::function<void()> when_freed) : counts(of), ask(std::move(when_freed)) {}
  ~AskingForm() override { ask(); }
  std::unique_ptr<openvino::CompiledRun> make_run() override { return std::make_unique<CountedRun>(counts); }
  Counts& counts;
  std::function<void()> ask;
};

TEST(CompiledModels, AreFreedWithoutTheLock) {
  bool asks = true;
  int answers = 0, freed = 0;
  std::vector<std::thread> askers;  // joined at the end: with the lock held none would come back before
  Counts counts;
  std::unique_ptr<openvino::CompiledModels> compiled;
  const auto ask = [&] {
    if (!asks) return;
    ++freed;
    const auto answered = std::make_shared<std::promise<void>>();
    askers.emplace_back([&compiled, answered] {
      (void)compiled->own_floats();
      answered->set_value();
    });
    if (answered->get_future().wait_for(std::chrono::seconds(5)) == std::future_status::ready) ++answers;
  };
  compiled = std::make_unique<openvino::CompiledModels>(
      [&](const InputShape&, bool) { return std::make_shared<AskingForm>(counts, ask); }, false,
      openvino::CompiledLimits{.runs_before_own = 1, .floats_max = 1000, .floats_min = 1000, .stale_after = 10});
  for (int i = 0; i < 2; ++i) run_once(*compiled, {1});
  for (int i = 0; i < 20; ++i) run_once(*compiled, {2});
  EXPECT_EQ(freed, 1);  // that of the first, whose place the second took
  EXPECT_EQ(answers, freed);
  for (std::thread& asker : askers) asker.join();
  asks = false;
}

TEST(CompiledModels, WhatCannotBeCompiledForOneShapeRunsAllTheSame) {
  Counts counts;
  int attempts = 0;
  openvino::CompiledModels compiled(
      [&](const InputShape& shape, bool) -> std::shared_ptr<openvino::CompiledModel> {
        if (!shape.empty()) {
          ++attempts;
          throw Exception(ErrorCode::internal, "no");
        }
        return std::make_shared<CountedModel>(counts);
      },
      false, {.runs_before_own = 1, .floats_max = 2000, .floats_min = 1000, .stale_after = 10});
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(run_once(compiled, {7}));
  EXPECT_EQ(attempts, 1);
  EXPECT_EQ(compiled.own_floats(), 0);
}

// Nobody waits for ever for what failed.
TEST(CompiledModels, WhatCannotBeCompiledAtAllIsSaidEachTime) {
  openvino::CompiledModels compiled(
      [](const InputShape&, bool) -> std::shared_ptr<openvino::CompiledModel> {
        throw Exception(ErrorCode::internal, "no");
      },
      false, kRoomForTwo);
  for (int i = 0; i < 3; ++i) EXPECT_THROW(compiled.take({7}), Exception);
}

}  // namespace
}  // namespace mien
