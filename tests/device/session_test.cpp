#include "device/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "backends/backend.h"
#include "support/contains.h"
#include "support/fake_root.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

using test::contains;

Error open_error(const std::string& library) {
  Settings settings;
  settings.ort_library = library;
  try {
    open_onnxruntime(settings);
  } catch (const Exception& error) {
    return error.error();
  }
  ADD_FAILURE() << library << " was opened";
  return {};
}

TEST(Runtime, TellsItsVersion) {
  const std::unique_ptr<Runtime> runtime = open_onnxruntime(test::plain_settings());
  // API 27 is the oldest that is called, so 1.27 the oldest release.
  int minor = 0;
  ASSERT_EQ(std::sscanf(runtime->name().c_str(), "onnxruntime 1.%d.", &minor), 1) << runtime->name();
  EXPECT_GE(minor, 27);
  EXPECT_TRUE(std::filesystem::exists(runtime->path())) << runtime->path();
}

// A process has one runtime, so that this needs one of its own: ctest gives each test a process.
TEST(Runtime, OneBinaryServesTheOldestReleaseToo) {
  Settings settings = test::plain_settings();
  settings.ort_library = test::deps_path("onnxruntime-1.27/libonnxruntime.so.1.27.0");
  const std::unique_ptr<Runtime> runtime = open_onnxruntime(settings);
  EXPECT_EQ(runtime->name(), "onnxruntime 1.27.0");
  const std::unique_ptr<Session> session = runtime->create_session(test::make_tiny_embedder({}), "tiny.onnx");
  const std::vector<float> face(std::size_t{3} * 112 * 112, 0.5F);
  const TensorView input{face.data(), {1, 3, 112, 112}};
  EXPECT_EQ(session->run({&input, 1})[0].count(), static_cast<std::size_t>(test::kTinyDimension));
}

// A process has one runtime: a GPU may be asked for after the first work on the CPU.
TEST(Runtime, IsThatOfAnInstalledBackendForTheProcessorToo) {
  const test::FakeRoot backends;
  backends.write("/cuda/libonnxruntime_providers_cuda.so", "");
  std::filesystem::create_symlink(test::deps_path("onnxruntime-1.27/libonnxruntime.so.1.27.0"),
                                  backends.path() + "/cuda/libonnxruntime.so.1.27.0");
  Settings settings = test::plain_settings();
  settings.backend_dir = backends.path();
  settings.gpu_backend = "cuda";
  ASSERT_FALSE(settings.wants_gpu());
  EXPECT_EQ(open_onnxruntime(settings)->name(), "onnxruntime 1.27.0");
  EXPECT_TRUE(open_onnxruntime(settings)->path().starts_with(backends.path()));
}

TEST(Runtime, IsTheProcessorsWhereNoBackendMayBeUsed) {
  const test::FakeRoot backends;
  backends.write("/cuda/libonnxruntime_providers_cuda.so", "");
  backends.write("/cuda/libonnxruntime.so.1.27.0", "no library");
  Settings settings = test::plain_settings();
  settings.backend_dir = backends.path();
  settings.gpu_backend = "cpu";
  EXPECT_FALSE(open_onnxruntime(settings)->path().starts_with(backends.path()));
}

TEST(Runtime, SaysWhatToDoWhenItIsMissing) {
  const Error absent = open_error("/nonexistent/libonnxruntime.so");
  EXPECT_EQ(absent.code, ErrorCode::not_found);
  EXPECT_TRUE(contains(absent.message, "MIEN_ORT_LIBRARY")) << absent.message;
  EXPECT_TRUE(contains(absent.message, "./dev build")) << absent.message;
  EXPECT_TRUE(contains(absent.message, "/nonexistent/libonnxruntime.so")) << absent.message;
}

TEST(Runtime, SaysWhenALibraryIsAnotherOne) {
  const Error other = open_error("libm.so.6");
  EXPECT_EQ(other.code, ErrorCode::unsupported);
  EXPECT_TRUE(contains(other.message, "libm.so.6")) << other.message;
  EXPECT_TRUE(contains(other.message, "MIEN_ORT_LIBRARY")) << other.message;
}

TEST(Runtime, RefusesBytesThatAreNoModel) {
  const std::unique_ptr<Runtime> runtime = open_onnxruntime(test::plain_settings());
  const test::ByteVector garbage(100, 0x5A);
  try {
    runtime->create_session(garbage, "garbage.onnx");
    FAIL() << "garbage was loaded";
  } catch (const Exception& error) {
    EXPECT_EQ(error.error().code, ErrorCode::bad_data);
    EXPECT_TRUE(contains(error.error().message, "garbage.onnx")) << error.error().message;
  }
}

class SessionTest : public ::testing::Test {
 protected:
  std::unique_ptr<Session> open(const test::ByteVector& model) { return runtime->create_session(model, "tiny.onnx"); }
  Error run_error(const Session& session, const Shape& shape) {
    const std::vector<float> values(TensorView{nullptr, shape}.count());
    const TensorView input{values.data(), shape};
    try {
      (void)session.run({&input, 1});
    } catch (const Exception& error) {
      EXPECT_TRUE(contains(error.error().message, "tiny.onnx")) << error.error().message;
      return error.error();
    }
    ADD_FAILURE() << "the run went well";
    return {};
  }

  std::unique_ptr<Runtime> runtime = open_onnxruntime(test::plain_settings());
};

TEST_F(SessionTest, DescribesTheModel) {
  const std::unique_ptr<Session> session = open(test::make_tiny_scrfd({}));
  ASSERT_EQ(session->inputs().size(), 1U);
  EXPECT_EQ(session->inputs()[0].name, "image");
  EXPECT_EQ(session->inputs()[0].shape, (Shape{1, 3, 64, 64}));
  ASSERT_EQ(session->outputs().size(), 9U);
  EXPECT_EQ(session->outputs()[0].name, "score_8");
  EXPECT_EQ(session->outputs()[8].name, "kps_32");
  EXPECT_EQ(open(test::make_tiny_scrfd({.side = 0}))->inputs()[0].shape, (Shape{1, 3, -1, -1}));
}

TEST_F(SessionTest, AWrongShapeNamesTheModel) {
  const std::unique_ptr<Session> session = open(test::make_tiny_embedder({}));
  EXPECT_EQ(run_error(*session, {1, 3, 96, 96}).code, ErrorCode::internal);
  EXPECT_EQ(run_error(*session, {2, 3, 112, 112}).code, ErrorCode::internal);
  EXPECT_EQ(run_error(*session, {1, 3 * 112 * 112}).code, ErrorCode::internal);
}

TEST_F(SessionTest, RefusesOutputsThatAreNoFloats) {
  EXPECT_EQ(run_error(*open(test::make_tiny_integer_model()), {1, 3, 112, 112}).code, ErrorCode::unsupported);
}

// Outputs live as long as their object, also when the session runs again or is moved to another thread.
TEST_F(SessionTest, OutputsKeepTheirValues) {
  const std::unique_ptr<Session> session = open(test::make_tiny_embedder({}));
  const std::vector<float> ones(std::size_t{3} * 112 * 112, 1.0F);
  const std::vector<float> twos(std::size_t{3} * 112 * 112, 2.0F);
  const TensorView first{ones.data(), {1, 3, 112, 112}};
  const TensorView second{twos.data(), {1, 3, 112, 112}};
  const Outputs kept = session->run({&first, 1});
  const std::vector<float> before(kept[0].data, kept[0].data + kept[0].count());
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) {
        const Outputs others = session->run({&second, 1});
        for (std::size_t k = 0; k < others[0].count(); ++k) ASSERT_NEAR(others[0].data[k], 2 * before[k], 1e-4);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(std::vector<float>(kept[0].data, kept[0].data + kept[0].count()), before);
}

TEST(Backends, TheCpuIsAlwaysLast) {
  ASSERT_FALSE(backends().empty());
  EXPECT_EQ(backends().back().name, "cpu");
  const std::vector<BackendInfo> infos = list_backends(test::plain_settings());
  ASSERT_EQ(infos.size(), backends().size());
  EXPECT_TRUE(contains(infos.back().status, "ready: onnxruntime 1.")) << infos.back().status;
  EXPECT_TRUE(infos.back().usable);
  ASSERT_EQ(infos.back().devices.size(), 1U);
  EXPECT_GE(infos.back().devices[0].cores, 1);
  EXPECT_GT(infos.back().devices[0].memory_total_mb, 0);
}

TEST(Backends, SayWhyTheyAreNotReady) {
  Settings settings;
  settings.ort_library = "/nonexistent/libonnxruntime.so";
  const BackendInfo processor = list_backends(settings).back();
  EXPECT_TRUE(contains(processor.status, "MIEN_ORT_LIBRARY"));
  EXPECT_FALSE(processor.usable);
  const VersionInfo version = version_info(settings);
  EXPECT_TRUE(contains(version.runtime, "MIEN_ORT_LIBRARY")) << version.runtime;
  EXPECT_EQ(version.backends.back(), "cpu");
}

TEST(Backends, WithoutALibraryAreTheCpu) {
  for (const Backend& backend : backends()) EXPECT_EQ(backend.is_cpu(), backend.name == "cpu") << backend.name;
  EXPECT_FALSE(list_backends(test::plain_settings()).back().chosen) << "it is no GPU";
}

TEST(Version, NamesWhatIsBuiltIn) {
  const VersionInfo version = version_info(test::plain_settings());
  EXPECT_EQ(std::count(version.version.begin(), version.version.end(), '.'), 2) << version.version;
  EXPECT_FALSE(version.commit.empty());
  EXPECT_TRUE(contains(version.runtime, "onnxruntime 1.")) << version.runtime;
  EXPECT_NE(std::find(version.formats.begin(), version.formats.end(), "jpeg"), version.formats.end());
}

}  // namespace
}  // namespace mien
