// Eight threads on one Engine, each with everything that it can be asked. Under ThreadSanitizer this is the test that
// counts; without it the results are compared.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "mien/engine.h"
#include "mien/log.h"
#include "support/photos.h"

namespace mien {
namespace {

using test::ByteVector;

void expect_same(const Analysis& a, const Analysis& b) {
  ASSERT_EQ(a.faces.size(), b.faces.size());
  for (std::size_t i = 0; i < a.faces.size(); ++i) {
    EXPECT_EQ(a.faces[i].det_score, b.faces[i].det_score);
    EXPECT_EQ(a.faces[i].bbox.x1, b.faces[i].bbox.x1);
    EXPECT_EQ(a.faces[i].embedding, b.faces[i].embedding);
  }
}

TEST(Threads, EightShareOneEngine) {
  EngineOptions options;
  options.settings = test::plain_settings();
  const Engine engine(options);
  const ByteVector photo = test::read_photo("astronaut.png");
  const Image pixels = test::load_photo("obama_partial_face.jpg");
  Workspace workspace;
  const Analysis expected = engine.analyze(photo, {}, workspace).take();
  const Analysis expected_pixels = engine.analyze_pixels(to_pixels(pixels), {}, workspace).take();
  ASSERT_EQ(expected.faces.size(), 1U);

  std::atomic<int> lines{0};
  set_log_sink([&](LogLevel, std::string_view) { ++lines; }, LogLevel::debug);
  constexpr int kThreads = 8;
  std::latch start(kThreads);
  std::vector<std::jthread> threads;
  for (int number = 0; number < kThreads; ++number) {
    threads.emplace_back([&, number] {
      Workspace own;
      std::stop_source source;
      start.arrive_and_wait();
      switch (number % 4) {
        case 0: expect_same(engine.analyze(photo, {}, own).take(), expected); break;
        case 1: expect_same(engine.analyze_pixels(to_pixels(pixels), {}, own).take(), expected_pixels); break;
        case 2:
          for (Result<Analysis>& result : engine.analyze_batch(std::vector<Bytes>(2, photo), {}, own)) {
            expect_same(std::move(result).take(), expected);
          }
          break;
        default: {
          std::jthread stopper([&] { source.request_stop(); });
          const Result<Analysis> result = engine.analyze(photo, {.stop = source.get_token()}, own);
          EXPECT_TRUE(result || result.error().code == ErrorCode::cancelled);
        }
      }
      EXPECT_EQ(engine.detector().name, "centerface");
      EXPECT_EQ(compute_phash(photo).take().size(), 16U);
      EXPECT_GT(assess_quality(Bytes(photo)).take().quality.overall_score, 0);
    });
  }
  threads.clear();
  set_log_sink({});
}

}  // namespace
}  // namespace mien
