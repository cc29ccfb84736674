#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "base/file.h"

namespace mien {
namespace {

TEST(NamedFile, KnowsStandardInputByEachOfItsNames) {
  for (const char* name : {"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
    EXPECT_TRUE(is_standard_input(name)) << name;
  for (const char* name : {"./-", "", "stdin", "/dev/fd/01x", "/dev/fd/", "/dev/null"}) {
    EXPECT_FALSE(is_standard_input(name)) << name;
  }
}

TEST(NamedFile, KnowsAddresses) {
  for (const char* name : {"http:"
                           "//a/b.jpg",
                           "HTTPS:"
                           "//a",
                           "file:"
                           "///a.jpg",
                           "s3:"
                           "//bucket/a.jpg"}) {
    EXPECT_TRUE(is_address(name)) << name;
    const Result<std::vector<std::uint8_t>> bytes = read_named_file(name, 100);
    ASSERT_FALSE(bytes) << name;
    EXPECT_EQ(bytes.error().code, ErrorCode::not_found);
  }
  for (const char* name : {"a.jpg", "/a/b.jpg", "C:/a.jpg",
                           ":"
                           "//a",
                           "a b:"
                           "//c"})
    EXPECT_FALSE(is_address(name)) << name;
}

TEST(NamedFile, ReadsAPipeAmongTheDescriptors) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "bytes", 5), 5);
  ::close(ends[1]);
  const std::string name = "/dev/fd/" + std::to_string(ends[0]);
  const Result<std::vector<std::uint8_t>> bytes = read_named_file(name, 5);
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(std::string(bytes->begin(), bytes->end()), "bytes");
  ::close(ends[0]);
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "bytes", 5), 5);
  ::close(ends[1]);
  EXPECT_EQ(read_named_file("/dev/fd/" + std::to_string(ends[0]), 4).error().code, ErrorCode::limit_exceeded);
  ::close(ends[0]);
}

TEST(OptionalFile, IsNoErrorWhateverIsWrongWithIt) {
  const OptionalFile absent = read_optional_file("/nonexistent/file", 100, "nothing is taken from it");
  EXPECT_FALSE(absent.is_read);
  EXPECT_TRUE(absent.warning.empty());
  const OptionalFile folder = read_optional_file("/", 100, "nothing is taken from it");
  EXPECT_FALSE(folder.is_read);
  EXPECT_TRUE(folder.warning.ends_with(": nothing is taken from it")) << folder.warning;
}

}  // namespace
}  // namespace mien
