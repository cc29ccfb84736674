// Sidecars that are another file by the time they are to be written.
#include "people/sidecars.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/descriptor.h"
#include "base/file.h"
#include "support/photos.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

class SidecarsTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  void put(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }
  std::string get(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(path(name)).rdbuf();
    return text.str();
  }
  Result<Done> write(const std::string& name, const std::optional<ReadSidecar>& before) const {
    return write_sidecar(path(name), before, "mine", path("a.jpg"));
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_.path()), {}));
  }

  test::ScratchFolder folder_;
};

TEST_F(SidecarsTest, OneThatChangedSinceItWasReadIsLeftAlone) {
  put("a.jpg.xmp", "as it was");
  const Result<ReadSidecar> before = read_sidecar(path("a.jpg.xmp"));
  ASSERT_TRUE(before);
  // Of the same size; and then put in its place, of the same time too.
  put("a.jpg.xmp", "as it is!");
  const Result<Done> changed = write("a.jpg.xmp", *before);
  ASSERT_FALSE(changed);
  EXPECT_NE(changed.error().message.find("another program has changed it"), std::string::npos);
  EXPECT_EQ(get("a.jpg.xmp"), "as it is!");
  const Result<ReadSidecar> again = read_sidecar(path("a.jpg.xmp"));
  put("new", "as it is?");
  fs::last_write_time(path("new"), fs::last_write_time(path("a.jpg.xmp")));
  fs::rename(path("new"), path("a.jpg.xmp"));
  EXPECT_FALSE(write("a.jpg.xmp", *again));
  fs::remove(path("a.jpg.xmp"));
  EXPECT_FALSE(write("a.jpg.xmp", *again));
  EXPECT_EQ(files(), 0U);
}

TEST_F(SidecarsTest, OneThatAppearedMeanwhileIsLeftAlone) {
  put("a.jpg.xmp", "somebody else's");
  EXPECT_FALSE(write("a.jpg.xmp", std::nullopt));
  EXPECT_EQ(get("a.jpg.xmp"), "somebody else's");
  EXPECT_EQ(files(), 1U);
}

TEST_F(SidecarsTest, IsWrittenAndLeavesNothingBeside) {
  EXPECT_TRUE(write("a.jpg.xmp", std::nullopt));
  const Result<ReadSidecar> before = read_sidecar(path("a.jpg.xmp"));
  ASSERT_TRUE(before);
  EXPECT_EQ(before->text, "mine");
  EXPECT_TRUE(write("a.jpg.xmp", *before));
  EXPECT_EQ(files(), 1U);
}

TEST_F(SidecarsTest, WhatAKilledProgramLeftGoesAndWhatARunningOneWritesStays) {
  put(".mien-xmp-aaaaaa", "left");
  put(".mien-xmp-bbbbbb", "being written");
  put(".mien-xmp-longer-than-ours", "another's");
  const Descriptor running = open_to_read(path(".mien-xmp-bbbbbb"));
  ASSERT_EQ(::flock(running.get(), LOCK_EX), 0);
  const std::string folder = folder_.path() + "/";
  const FolderImages only_looks(folder, /*cleans=*/false);
  EXPECT_EQ(files(), 3U);
  const FolderImages cleans(folder, /*cleans=*/true);
  EXPECT_EQ(files(), 2U);
  EXPECT_FALSE(fs::exists(path(".mien-xmp-aaaaaa")));
}

// The group that may read it is not the one that the new file would have.
TEST_F(SidecarsTest, WhatItsGroupMayDoNoOtherGroupMay) {
  if (::geteuid() != 0) GTEST_SKIP() << "files of somebody else need root";
  put("a.jpg.xmp", "as it was");
  ASSERT_EQ(::chmod(path("a.jpg.xmp").c_str(), 0664), 0);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0777), 0);
  constexpr id_t kNobody = 65534;
  const pid_t child = ::fork();
  if (child == 0) {
    const bool is_nobody = ::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0 &&
                           ::setresuid(kNobody, kNobody, kNobody) == 0;
    const Result<ReadSidecar> before = read_sidecar(path("a.jpg.xmp"));
    ::_exit(is_nobody && before && write("a.jpg.xmp", *before) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  struct stat after {};
  ASSERT_EQ(::stat(path("a.jpg.xmp").c_str(), &after), 0);
  EXPECT_EQ(after.st_gid, kNobody);
  EXPECT_EQ(after.st_mode & 0777, 0604U);
  EXPECT_EQ(get("a.jpg.xmp"), "mine");
}

}  // namespace
}  // namespace mien
