#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace mien {
namespace {

namespace fs = std::filesystem;

class FileTest : public ::testing::Test {
 protected:
  FileTest() {
    std::string pattern = (fs::temp_directory_path() / "mien_file_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FileTest() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  static void put(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }
  static std::string get(const std::string& path) {
    const std::vector<std::uint8_t> bytes = read_file(path, 1 << 24).take();
    return {bytes.begin(), bytes.end()};
  }
  std::size_t entry_count() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), {}));
  }
  fs::path folder_;
};

TEST_F(FileTest, ReadsUpToTheLimitAndNotBeyond) {
  put(path("empty"), "");
  put(path("ten"), "0123456789");
  EXPECT_EQ(get(path("empty")), "");
  EXPECT_EQ(read_file(path("ten"), 10).take().size(), 10U);
  const Result<std::vector<std::uint8_t>> nine = read_file(path("ten"), 9);
  ASSERT_FALSE(nine);
  EXPECT_EQ(nine.error().code, ErrorCode::limit_exceeded);
  EXPECT_NE(nine.error().message.find("ten"), std::string::npos);
}

TEST_F(FileTest, ReadsFilesThatStateNoSize) { EXPECT_FALSE(get("/proc/self/status").empty()); }

TEST_F(FileTest, SaysWhatCannotBeRead) {
  EXPECT_EQ(read_file(path("absent"), 10).error().code, ErrorCode::not_found);
  EXPECT_EQ(read_file(folder_.string(), 10).error().code, ErrorCode::io);
  EXPECT_EQ(read_file("/dev/zero", 10).error().code, ErrorCode::io);
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_file(path("pipe"), 10).error().code, ErrorCode::io);  // and does not wait
}

TEST_F(FileTest, WritesWithModeSixHundredAndLeavesNothingElse) {
  put(path("page"), "old");
  fs::permissions(path("page"), fs::perms::all);
  PrivateFile file(path("page"));
  const std::string large(3 << 20, 'x');
  file.write(large);
  file.write("end");
  EXPECT_EQ(get(path("page")), "old");
  file.commit();
  EXPECT_EQ(get(path("page")), large + "end");
  EXPECT_EQ(file.size_bytes(), large.size() + 3);
  EXPECT_EQ(fs::status(path("page")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(entry_count(), 1U);
}

TEST_F(FileTest, WithoutCommitNothingChanges) {
  { PrivateFile(path("page")).write("half"); }
  EXPECT_EQ(entry_count(), 0U);
}

TEST_F(FileTest, KeepsLinksAndRefusesFoldersAndDevices) {
  put(path("target"), "old");
  fs::create_symlink("target", path("link"));
  const std::string text = "new";
  write_private_file(path("link"), {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(get(path("target")), "new");
  for (const std::string& bad : {folder_.string(), std::string("/dev/null"), path("no/folder")}) {
    EXPECT_THROW(PrivateFile{bad}, Exception) << bad;
  }
}

TEST_F(FileTest, SaysBeforehandWhatCannotBeWritten) {
  put(path("old"), "old");
  require_writable(path("old"));
  require_writable(path("new"));
  EXPECT_EQ(get(path("old")), "old");
  EXPECT_EQ(entry_count(), 1U);
  for (const std::string& bad : {folder_.string(), std::string("/dev/null"), path("no/folder")}) {
    EXPECT_THROW(require_writable(bad), Exception) << bad;
  }
}

TEST_F(FileTest, KnowsOneFileByAllItsNames) {
  put(path("target"), "");
  put(path("other"), "");
  fs::create_symlink("target", path("link"));
  fs::create_hard_link(path("target"), path("second"));
  for (const char* name : {"target", "link", "second", "./target", "no/../target"}) {
    EXPECT_TRUE(is_one_file(path("target"), path(name))) << name;
  }
  EXPECT_FALSE(is_one_file(path("target"), path("other")));
  EXPECT_FALSE(is_one_file(path("target"), path("absent")));
  EXPECT_TRUE(is_one_file(path("absent"), path("./absent")));
  EXPECT_FALSE(is_one_file(path("absent"), path("absent too")));
}

// A process limit on file sizes plays the full disk: the write fails in the middle of a buffer.
[[noreturn]] void write_beyond_the_disk(const std::string& path) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1 << 20, 1 << 20};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  try {
    PrivateFile file(path);
    file.write(std::string(3 << 20, 'x'));
    file.commit();
  } catch (const Exception& exception) {
    ::_exit(exception.error().code == ErrorCode::io ? 7 : 8);
  }
  ::_exit(9);
}

TEST_F(FileTest, AFullDiskIsAnException) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(write_beyond_the_disk(path("page")), ::testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace mien
