// Slow, broken and hanging storage, by a function that reads in the place of the file system.
#include "scan/intake.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "mien/file.h"
#include "scan/loop.h"
#include "scan/scan_files.h"

namespace mien {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// Lets threads wait that come through, until it is opened; shared with threads that may outlive the test.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    opened_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool is_open_ = false;
};

class IntakeTest : public ScanFilesTest {
 protected:
  void put_images(int count, std::size_t bytes = 100) {
    for (int i = 0; i < count; ++i) {
      std::string content = std::to_string(i);
      content.resize(bytes, '.');
      put("d/" + std::to_string(i + 10'000) + ".jpg", content);
    }
  }

  std::shared_ptr<Source> source_read_by(ReadItem read) const {
    return std::make_shared<SourceReadBy>(open_sources({.paths = {path("d")}}), std::move(read));
  }

  // Runs the loop; analysing takes so long on each thread.
  ScanSummary run(ReadItem read, milliseconds analysis, const std::stop_token& stop = {}) {
    RecordFile file({"", false, false});
    const std::unique_ptr<Sink> sink = file_sink(file, EmbeddingFormat::none);
    KnownContents contents;
    ScanSummary summary;
    LoopParts parts{.sources = source_read_by(std::move(read)),
                    .sink = *sink,
                    .paths = std::make_shared<KnownPaths>(),
                    .contents = contents,
                    .analyze = one_by_one([&](Bytes, Workspace&) -> Result<Analysis> {
                      ++at_work_;
                      std::this_thread::sleep_for(analysis);
                      --at_work_;
                      return Analysis();
                    }),
                    .terms = "",
                    .threads = kThreads};
    ScanCallbacks callbacks;
    callbacks.on_record = [&](const Record& record, const std::string&) { records_.push_back(record); };
    run_loop(parts, callbacks, stop, summary);
    return summary;
  }

  static constexpr int kThreads = 2;
  std::atomic<int> at_work_{0};
  std::vector<Record> records_;
};

// Reading takes six times as long as analysing. Read by the threads that analyse, this would take 14 times as long.
TEST_F(IntakeTest, SlowStorageDoesNotStarveTheThreadsThatAnalyse) {
  constexpr int kImages = 600;
  put_images(kImages);
  const ReadItem slow = [](const std::string& path, std::size_t bytes_max) {
    std::this_thread::sleep_for(milliseconds(30));
    return read_file(path, bytes_max);
  };
  const Clock::time_point begin = Clock::now();
  EXPECT_EQ(run(slow, milliseconds(5)).images, kImages);
  const double best_seconds = kImages * 0.005 / kThreads;
  // The threads sleep for what they compute: far from both, so that it holds on a machine that is busy otherwise too.
  EXPECT_LT(seconds_since(begin), 6 * best_seconds);
  EXPECT_TRUE(std::is_sorted(records_.begin(), records_.end(),
                             [](const Record& a, const Record& b) { return a.source < b.source; }));
}

TEST_F(IntakeTest, ReadsAheadNoMoreThanItsBytes) {
  constexpr std::size_t kImageBytes = 1'000'000;
  constexpr int kImages = 60;
  put_images(kImages, kImageBytes);
  std::mutex mutex;
  std::set<std::string> alive;  // read or being read, and not yet handed out
  std::size_t most = 0;
  const auto queue = std::make_shared<ImageQueue>(kImagesInFlightMin);
  IntakeParts parts;
  parts.sources = source_read_by([&](const std::string& name, std::size_t bytes_max) {
    {
      const std::lock_guard lock(mutex);
      alive.insert(name);
      most = std::max(most, alive.size());
    }
    std::this_thread::sleep_for(milliseconds(5));
    return read_file(name, bytes_max);
  });
  parts.paths = std::make_shared<KnownPaths>();
  parts.queue = queue;
  parts.image_bytes_max = 2 * kImageBytes;
  parts.read_ahead_bytes_max = 10 * kImageBytes;
  Intake intake(std::move(parts));
  int images = 0;
  for (std::uint64_t ticket = 0; const std::optional<ReadImage> image = intake.next(); ++ticket) {
    ++images;
    EXPECT_EQ(image->bytes.size(), kImageBytes);
    {
      const std::lock_guard lock(mutex);
      alive.erase(image->name);
    }
    std::this_thread::sleep_for(milliseconds(1));
    queue->complete(image->ticket, Outcome{});
    Outcome outcome;
    while (queue->take(outcome, milliseconds(0)) == ImageQueue::Taken::outcome) {
    }
  }
  EXPECT_EQ(images, kImages);
  EXPECT_GE(most, 5U);
  EXPECT_LE(most, 11U) << "one is handed out before this test knows of it";
}

TEST_F(IntakeTest, AFileOverTheLimitOfReadAheadIsReadAlone) {
  put_images(3, kReadAheadBytesMin + 1);
  EXPECT_EQ(run(read_file, milliseconds(1)).images, 3);
  for (const Record& record : records_) EXPECT_FALSE(record.error);
}

TEST_F(IntakeTest, FastStorageNeedsFewReaders) {
  put_images(300);
  const auto queue = std::make_shared<ImageQueue>(kImagesInFlightMin);
  IntakeParts parts;
  parts.sources = open_sources({.paths = {path("d")}});
  parts.paths = std::make_shared<KnownPaths>();
  parts.queue = queue;
  parts.image_bytes_max = 1000;
  Intake intake(std::move(parts));
  while (const std::optional<ReadImage> image = intake.next()) {
    std::this_thread::sleep_for(milliseconds(1));
    queue->complete(image->ticket, Outcome{});
    Outcome outcome;
    while (queue->take(outcome, milliseconds(0)) == ImageQueue::Taken::outcome) {
    }
  }
  EXPECT_LE(intake.readers_started(), 16U);
}

TEST_F(IntakeTest, AReadErrorOfOneFileIsARecord) {
  put_images(100);
  const ReadItem broken = [this](const std::string& path, std::size_t bytes_max) -> Result<std::vector<std::uint8_t>> {
    if (path.ends_with("10050.jpg")) return Error{ErrorCode::io, "cannot read " + path + ": Input/output error"};
    if (path.ends_with("10060.jpg")) std::filesystem::remove(path);  // between listing and reading
    return read_file(path, bytes_max);
  };
  const ScanSummary summary = run(broken, milliseconds(0));
  EXPECT_EQ(summary.images, 100);
  EXPECT_EQ(summary.failed, 2);
  EXPECT_EQ(records_[50].error->code, ErrorCode::io);
  EXPECT_EQ(records_[50].source_size, 100);
  EXPECT_EQ(records_[60].error->code, ErrorCode::not_found);
}

TEST_F(IntakeTest, AStopWaitsForNoReadThatHangs) {
  put_images(200);
  const auto gate = std::make_shared<Gate>();
  const ReadItem hanging = [gate](const std::string& path, std::size_t bytes_max) {
    if (path.ends_with("10010.jpg")) gate->pass();
    return read_file(path, bytes_max);
  };
  std::stop_source stop;
  std::atomic<std::int64_t> stopped_at_ns{0};
  std::jthread stopper([&] {
    std::this_thread::sleep_for(milliseconds(300));
    stopped_at_ns = Clock::now().time_since_epoch().count();
    stop.request_stop();
  });
  const ScanSummary summary = run(hanging, milliseconds(1), stop.get_token());
  const auto waited = Clock::now().time_since_epoch() - Clock::duration(stopped_at_ns.load());
  EXPECT_LT(std::chrono::duration<double>(waited).count(), 5) << "the read hangs until this test has ended";
  EXPECT_TRUE(summary.interrupted);
  EXPECT_EQ(summary.images, 10) << "those before the one that hangs";
  gate->open();
}

TEST_F(IntakeTest, OneHangingReadHoldsUpNobodyElseBeforeTheWindowIsFull) {
  put_images(200);
  const auto gate = std::make_shared<Gate>();
  std::atomic<int> read_files{0};
  const ReadItem hanging = [&read_files, gate](const std::string& path, std::size_t bytes_max) {
    if (path.ends_with("10000.jpg")) gate->pass();
    if (++read_files == 199) gate->open();
    return read_file(path, bytes_max);
  };
  EXPECT_EQ(run(hanging, milliseconds(0)).images, 200);
}

TEST_F(IntakeTest, PassesOnWhatReadingThrows) {
  put_images(50);
  const ReadItem broken = [](const std::string& path, std::size_t bytes_max) -> Result<std::vector<std::uint8_t>> {
    if (path.ends_with("10030.jpg")) throw std::bad_alloc();
    return read_file(path, bytes_max);
  };
  EXPECT_THROW(run(broken, milliseconds(0)), std::bad_alloc);
}

TEST_F(IntakeTest, WhatIsCancelledInTheMiddleIsNotWritten) {
  put_images(50);
  std::stop_source stop;
  RecordFile file({"", false, false});
  const std::unique_ptr<Sink> sink = file_sink(file, EmbeddingFormat::none);
  KnownContents contents;
  ScanSummary summary;
  // Two threads read: each image waits for the one before, so that the twentieth to begin is the twentieth in order.
  const auto begun = std::make_shared<std::atomic<int>>(0);
  const ReadItem in_order = [begun, token = stop.get_token()](const std::string& name, std::size_t bytes_max) {
    const Result<std::vector<std::uint8_t>> bytes = read_file(name, bytes_max);
    const int number = std::atoi(std::string(bytes->begin(), bytes->end()).c_str());
    while (*begun < number && !token.stop_requested()) std::this_thread::sleep_for(milliseconds(1));
    return bytes;
  };
  const LoopParts parts{.sources = source_read_by(in_order),
                        .sink = *sink,
                        .paths = std::make_shared<KnownPaths>(),
                        .contents = contents,
                        .analyze = one_by_one([&](Bytes, Workspace&) -> Result<Analysis> {
                          if (++*begun == 20) stop.request_stop();
                          if (stop.stop_requested()) return Error{ErrorCode::cancelled, "stopped"};
                          return Analysis();
                        }),
                        .terms = "",
                        .threads = 1};
  ScanCallbacks callbacks;
  callbacks.on_record = [](const Record& record, const std::string&) { EXPECT_FALSE(record.error); };
  run_loop(parts, callbacks, stop.get_token(), summary);
  EXPECT_TRUE(summary.interrupted);
  EXPECT_EQ(summary.images, 19);
}

}  // namespace
}  // namespace mien
