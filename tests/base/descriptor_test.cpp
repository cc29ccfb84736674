#include "base/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

namespace mien {
namespace {

bool is_open(int number) { return ::fcntl(number, F_GETFD) != -1; }

int open_null() { return ::open("/dev/null", O_RDWR | O_CLOEXEC); }

TEST(Descriptor, ClosesItself) {
  const int number = open_null();
  {
    const Descriptor file(number);
    EXPECT_TRUE(file);
    EXPECT_EQ(file.get(), number);
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Descriptor, IsClosedOnceWhoeverHasIt) {
  const int number = open_null();
  Descriptor first(number);
  Descriptor second(std::move(first));
  EXPECT_EQ(second.get(), number);
  EXPECT_TRUE(is_open(number));
  second = Descriptor();
  EXPECT_FALSE(second);
  EXPECT_FALSE(is_open(number));
  EXPECT_TRUE(second.close());  // nothing is left to lose
}

TEST(Descriptor, SaysWhenClosingFails) {
  Descriptor file(open_null());
  ::close(file.get());
  EXPECT_FALSE(file.close());
  EXPECT_EQ(errno, EBADF);
}

TEST(WriteAll, WritesAllOrSaysHowMuch) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  const Descriptor output(ends[0]);
  const Descriptor input(ends[1]);
  EXPECT_EQ(write_all(input.get(), "faces"), 5U);
  const std::string more(std::size_t{1} << 20, 'x');  // more than a pipe holds
  const std::size_t written = write_all(input.get(), more);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_GT(written, 0U);
  EXPECT_LT(written, more.size());
}

TEST(WriteAll, SaysThatADeviceIsFull) {
  const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  if (!full) GTEST_SKIP() << "this system has no /dev/full";
  EXPECT_EQ(write_all(full.get(), "faces"), 0U);
  EXPECT_EQ(errno, ENOSPC);
}

}  // namespace
}  // namespace mien
