#include "image/sandbox.h"
#include "image/colour.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "image/colour.h"
#include "image/image_files.h"
#include "support/photos.h"

namespace mien {
namespace {

using test::ByteVector;

ByteVector bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

class Sandbox : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string_view(MIEN_TEST_DECODER).empty()) GTEST_SKIP() << "mien-decoder is not part of this build";
    real_.decoder_program = MIEN_TEST_DECODER;
    options_.decoder_program = MIEN_TEST_OBEYING_DECODER;
  }
  Error error_of(std::string_view order) {
    DecodedImage image;
    const Result<Done> done = decode_image(bytes_of(order), options_, image);
    return done ? Error{ErrorCode::unavailable, "it was decoded"} : done.error();
  }
  // Whatever happened to one file, the next one is decoded.
  void expect_works() {
    DecodedImage image;
    EXPECT_TRUE(decode_image(bytes_of("nothing"), options_, image));
  }

  DecodeOptions real_;
  DecodeOptions options_;
};

TEST_F(Sandbox, DecodesAsThisProcessDoes) {
  int decoded = 0;
  int failed = 0;
  int both = 0;
  // The options of a scan in `exact`, and its options otherwise.
  const DecodeOptions as_stored{.limits = {}, .convert_colours = false, .converted_too = true, .hash = true};
  const auto compare_as = [&](const DecodeOptions& options, const ByteVector& bytes, const std::string& name) {
    DecodedImage here;
    DecodedImage there;
    DecodeOptions boxed = options;
    boxed.decoder_program = real_.decoder_program;
    const Result<Done> done_here = decode_image(bytes, options, here);
    const Result<Done> done_there = decode_image(bytes, boxed, there);
    ASSERT_EQ(done_here.ok(), done_there.ok()) << name << (done_there ? "" : done_there.error().message);
    if (!done_here) {
      ++failed;
      EXPECT_EQ(done_here.error().code, done_there.error().code) << name;
      EXPECT_EQ(done_here.error().message, done_there.error().message) << name;
      return;
    }
    ++decoded;
    EXPECT_EQ(here.format, there.format) << name;
    EXPECT_EQ(here.orientation, there.orientation) << name;
    EXPECT_EQ(here.warnings, there.warnings) << name;
    EXPECT_EQ(here.stored_width, there.stored_width) << name;
    EXPECT_EQ(here.hash, there.hash) << name;
    ASSERT_EQ(here.pixels.size_bytes(), there.pixels.size_bytes()) << name;
    EXPECT_TRUE(std::equal(here.pixels.data(), here.pixels.data() + here.pixels.size_bytes(), there.pixels.data()))
        << name;
    ASSERT_EQ(here.converted.size_bytes(), there.converted.size_bytes()) << name;
    EXPECT_TRUE(
        std::equal(here.converted.data(), here.converted.data() + here.converted.size_bytes(), there.converted.data()))
        << name;
    both += here.converted.empty() ? 0 : 1;
  };
  const auto compare = [&](const ByteVector& bytes, const std::string& name) {
    compare_as({.limits = {}, .hash = true}, bytes, name);
    compare_as(as_stored, bytes, name);
  };
  for (const auto& entry : std::filesystem::recursive_directory_iterator(MIEN_TEST_DATA "/images")) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    compare(ByteVector(std::istreambuf_iterator<char>(file), {}), entry.path().filename());
  }
  const ByteVector photo = test::read_photo("obama2.jpg");
  compare(photo, "a photo");
  compare({photo.begin(), photo.begin() + static_cast<std::ptrdiff_t>(photo.size() / 2)}, "half a photo");
  compare({}, "nothing");
  compare({photo.begin(), photo.begin() + 40}, "forty bytes");
  EXPECT_GT(decoded, 100);
  EXPECT_GE(failed, 6);
  EXPECT_GE(both, make_icc_profile({.name = "any", .gamma = 1.8}) ? 5 : 0);
}

TEST_F(Sandbox, DecodesAtAFraction) {
  const ByteVector photo = test::read_photo("obama2.jpg");
  DecodedImage here;
  DecodedImage there;
  real_.scale_denominator = 4;
  DecodeOptions quarter;
  quarter.scale_denominator = 4;
  ASSERT_TRUE(decode_image(photo, quarter, here));
  ASSERT_TRUE(decode_image(photo, real_, there));
  EXPECT_EQ(here.pixels.width(), there.pixels.width());
  EXPECT_LT(there.pixels.width(), there.stored_width);
}

TEST_F(Sandbox, NamesTheSignalThatEndedTheDecoder) {
  const Error crash = error_of("crash");
  EXPECT_EQ(crash.code, ErrorCode::bad_data);
  EXPECT_EQ(crash.message, "the decoder ended by signal 11 on this file");
  expect_works();
  EXPECT_EQ(error_of("abort").message, "the decoder ended by signal 6 on this file");
  expect_works();
  EXPECT_EQ(error_of("leave").message, "the decoder ended with status 7 on this file");
  expect_works();
}

TEST_F(Sandbox, StopsWhoHangs) {
  options_.limits.seconds_max = 0.3;
  const auto begin = std::chrono::steady_clock::now();
  const Error hang = error_of("hang");
  EXPECT_EQ(hang.code, ErrorCode::limit_exceeded);
  EXPECT_NE(hang.message.find("seconds_max"), std::string::npos) << hang.message;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
  expect_works();
}

TEST_F(Sandbox, StopsWhenTheCallerCancels) {
  std::stop_source stop;
  options_.stop = stop.get_token();
  std::jthread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  EXPECT_EQ(error_of("hang").code, ErrorCode::cancelled);
  options_.stop = {};
  expect_works();
}

TEST_F(Sandbox, BoundsMemory) {
  options_.limits.memory_bytes_max = std::size_t{256} << 20;
  const Error eat = error_of("eat");
  EXPECT_EQ(eat.code, ErrorCode::limit_exceeded) << eat.message;
  expect_works();
}

TEST_F(Sandbox, HasNoRights) {
  for (const char* const order : {"socket", "exec", "ptrace"}) {
    const Error error = error_of(order);
    EXPECT_EQ(error.code, ErrorCode::bad_data) << order;
    EXPECT_NE(error.message.find("no right"), std::string::npos) << order << ": " << error.message;
    expect_works();
  }
  DecodedImage image;
  ASSERT_TRUE(decode_image(bytes_of("try"), options_, image));
  ASSERT_EQ(image.warnings.size(), 1U);
  EXPECT_EQ(image.warnings[0],
            "open fails, create fails, unlink fails, kill fails, fork fails, memfd fails, setrlimit fails, code fails, "
            "thread works, ");
}

TEST_F(Sandbox, InheritsNoFile) {
  // Not closed on exec, as files of a program around the library may be.
  const int file = ::dup(STDIN_FILENO);
  ASSERT_GE(file, 0);
  DecodedImage image;
  ASSERT_TRUE(decode_image(bytes_of("descriptors"), options_, image));
  ::close(file);
  // The first is the image itself.
  EXPECT_LE(image.warnings.size(), 1U);
}

TEST_F(Sandbox, BelievesNothingThatCannotBe) {
  for (const char* const order : {"large", "wide", "sideways", "strange"}) {
    const Error error = error_of(order);
    EXPECT_EQ(error.code, ErrorCode::bad_data) << order;
    EXPECT_EQ(error.message, "the decoder answered what cannot be on this file") << order;
    expect_works();
  }
  EXPECT_EQ(error_of("code").code, ErrorCode::bad_data);
}

TEST_F(Sandbox, CleansText) {
  DecodedImage image;
  ASSERT_TRUE(decode_image(bytes_of("text"), options_, image));
  ASSERT_EQ(image.warnings.size(), 1U);
  EXPECT_EQ(image.warnings[0].find('\x1B'), std::string::npos);
  EXPECT_EQ(image.warnings[0].find('\n'), std::string::npos);
  EXPECT_EQ(image.warnings[0].find('\xFF'), std::string::npos);
  EXPECT_LE(image.warnings[0].size(), 20'000U);
}

TEST_F(Sandbox, KeepsItsChildAndReplacesIt) {
  DecodedImage image;
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(decode_image(bytes_of("nothing"), options_, image)) << i;
}

TEST_F(Sandbox, WorksInManyThreads) {
  const ByteVector photo = test::read_image("jpeg_420.jpg");
  std::vector<std::jthread> threads;
  std::atomic<int> decoded = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      DecodedImage image;
      for (int i = 0; i < 20; ++i) decoded += decode_image(photo, real_, image) ? 1 : 0;
    });
  }
  threads.clear();
  EXPECT_EQ(decoded, 80);
}

TEST(SandboxMissing, SaysWhatIsMissing) {
  const Result<std::string> found = find_decoder_program("/nonexistent/mien-decoder");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::unsupported);
  EXPECT_NE(found.error().message.find("MIEN_DECODER=/nonexistent/mien-decoder"), std::string::npos);
  DecodeOptions options;
  DecodedImage image;
  // A program that is none of ours.
  options.decoder_program = "/bin/true";
  const Result<Done> done = decode_image(test::read_image("jpeg_420.jpg"), options, image);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::unsupported);
  EXPECT_NE(done.error().message.find("/bin/true does not start"), std::string::npos) << done.error().message;
}

}  // namespace
}  // namespace mien
