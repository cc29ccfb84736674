// A stop ends an analysis soon, at whatever point it is.
#include <gtest/gtest.h>
#include <pthread.h>
#include <time.h>

#include <chrono>
#include <thread>

#include "base/stopwatch.h"
#include "image/encode.h"
#include "mien/engine.h"
#include "support/photos.h"

namespace mien {
namespace {

using namespace std::chrono_literals;
using test::ByteVector;
using Clock = std::chrono::steady_clock;

double cpu_ms(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// A picture that takes seconds: 24 megapixels full of faces.
const Image& crowd() {
  static const Image picture = [] {
    const Image group = test::load_photo("solvay_conference_1927.jpg");
    Image wall(6000, 4000, 3);
    for (int y = 0; y < wall.height(); ++y) std::fill_n(wall.row(y), wall.stride(), std::uint8_t{90});
    for (int y = 0; y + group.height() <= wall.height(); y += group.height()) {
      for (int x = 0; x + group.width() <= wall.width(); x += group.width()) test::paste(group, x, y, wall);
    }
    return wall;
  }();
  return picture;
}

class CancelTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    EngineOptions options;
    options.settings = test::plain_settings();
    options.precision = Precision::exact;
    engine = std::make_unique<Engine>(options);
  }
  static void TearDownTestSuite() { engine.reset(); }

  struct Outcome {
    bool ok = false;
    ErrorCode code = ErrorCode::internal;
    double cpu_after_ms = 0;   // CPU time that the call took after the request
    double wall_after_ms = 0;  // of the clock on the wall, which other programs slow down
  };
  // Runs `call` on another thread and stops it after the delay.
  template <typename Call>
  static Outcome stop_after(std::chrono::milliseconds delay, Call call) {
    std::stop_source source;
    Outcome outcome;
    double cpu_end = 0;
    Clock::time_point end;
    std::jthread worker([&] {
      const Result<Analysis> result = call(source.get_token());
      cpu_end = cpu_ms(CLOCK_THREAD_CPUTIME_ID);
      end = Clock::now();
      outcome.ok = result.ok();
      if (!result) outcome.code = result.error().code;
      // The thread must live until its clock was read.
      while (!source.stop_requested()) std::this_thread::sleep_for(1ms);
    });
    clockid_t clock{};
    pthread_getcpuclockid(worker.native_handle(), &clock);
    std::this_thread::sleep_for(delay);
    const double cpu_begin = cpu_ms(clock);
    const Clock::time_point begin = Clock::now();
    source.request_stop();
    worker.join();
    outcome.cpu_after_ms = cpu_end - cpu_begin;
    outcome.wall_after_ms = std::chrono::duration<double, std::milli>(end - begin).count();
    return outcome;
  }
  static inline std::unique_ptr<Engine> engine;
};

// The bound is on CPU time, so that a busy machine does not decide it.
// Sanitizers make our own code several times slower.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr double kStopMsMax = 1000;
#else
constexpr double kStopMsMax = 100;
#endif

TEST_F(CancelTest, EndsALongAnalysisWithin100Ms) {
  const AnalyzeOptions options{.image_quality = true, .phash = true, .rotations = true};
  const PixelView pixels = to_pixels(crowd());
  const Clock::time_point begin = Clock::now();
  Workspace workspace;
  ASSERT_TRUE(engine->analyze_pixels(pixels, options, workspace));
  const double whole_ms = ms_since(begin);
  double slowest = 0;
  constexpr int kSteps = 12;
  for (int step = 0; step < kSteps; ++step) {
    const auto delay = std::chrono::milliseconds(static_cast<int>(whole_ms * step / kSteps));
    const Outcome outcome = stop_after(delay, [&](const std::stop_token& stop) {
      AnalyzeOptions stoppable = options;
      stoppable.stop = stop;
      return engine->analyze_pixels(pixels, stoppable, workspace);
    });
    if (outcome.ok) continue;  // the machine was faster this time
    EXPECT_EQ(outcome.code, ErrorCode::cancelled);
    EXPECT_LE(outcome.cpu_after_ms, kStopMsMax) << "stopped after " << delay.count() << " of " << whole_ms << " ms";
    slowest = std::max(slowest, outcome.wall_after_ms);
  }
  RecordProperty("slowest_wall_ms", static_cast<int>(slowest));
  EXPECT_TRUE(engine->analyze_pixels(pixels, options, workspace));  // the engine and the workspace are as before
}

TEST_F(CancelTest, EndsTheDecodeOfALargePhoto) {
  const ByteVector photo = encode_jpeg(crowd(), 90);
  const Clock::time_point begin = Clock::now();
  ASSERT_TRUE(engine->analyze(photo, {.embed = false}));
  const double whole_ms = ms_since(begin);
  for (int step = 0; step < 4; ++step) {
    const auto delay = std::chrono::milliseconds(static_cast<int>(whole_ms * step / 6));
    const Outcome outcome = stop_after(
        delay, [&](const std::stop_token& stop) { return engine->analyze(photo, {.embed = false, .stop = stop}); });
    if (outcome.ok) continue;
    EXPECT_EQ(outcome.code, ErrorCode::cancelled);
    EXPECT_LE(outcome.cpu_after_ms, kStopMsMax) << "stopped after " << delay.count() << " of " << whole_ms << " ms";
  }
}

TEST_F(CancelTest, ABatchKeepsWhatIsComplete) {
  const ByteVector cat = test::read_photo("chelsea.png");
  const ByteVector face = test::read_photo("astronaut.png");
  std::stop_source source;
  Workspace workspace;
  const std::vector<Bytes> images = {cat, face, cat};
  // Stopped after the second image: the first, without a face, is complete; the second waits for its embedding.
  const std::vector<Result<Analysis>> results =
      engine->analyze_batch(images, {.stop = source.get_token()}, workspace, [&](std::size_t done, std::size_t) {
        if (done == 2) source.request_stop();
      });
  ASSERT_EQ(results.size(), 3U);
  EXPECT_TRUE(results[0]);
  ASSERT_FALSE(results[1]);
  EXPECT_EQ(results[1].error().code, ErrorCode::cancelled);
  ASSERT_FALSE(results[2]);
  EXPECT_EQ(results[2].error().code, ErrorCode::cancelled);
}

TEST_F(CancelTest, AStopThatCameBeforeEndsItAtOnce) {
  std::stop_source source;
  source.request_stop();
  const Result<Analysis> result = engine->analyze(test::read_photo("astronaut.png"), {.stop = source.get_token()});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::cancelled);
}

}  // namespace
}  // namespace mien
