#include "base/glob.h"

#include <gtest/gtest.h>

namespace mien {
namespace {

struct GlobCase {
  const char* pattern;
  const char* path;
  bool matches;
};

constexpr GlobCase kCases[] = {
    {"*.png", "a.png", true},
    {"*.png", "2019/may/a.png", true},
    {"*.png", "a.png.jpg", false},
    {"thumbs", "2019/thumbs", true},
    {"thumbs", "2019/thumbs2", false},
    {"2019/private", "2019/private", true},
    {"2019/private/", "2019/private", true},
    {"2019/private", "2018/private", false},
    {"old/*", "old/2001/a.jpg", true},
    {"IMG_000[12].jpg", "IMG_0002.jpg", true},
    {"IMG_????.jpg", "IMG_00002.jpg", false},
    {"\\*.jpg", "*.jpg", true},
    {"\\*.jpg", "a.jpg", false},
    {"*\xff*", "bytes\xff.jpg", true},  // no UTF-8
};

TEST(GlobList, MatchesThePathBelowAFolderOrTheName) {
  for (const GlobCase& one : kCases) {
    EXPECT_EQ(GlobList({one.pattern}).matches(one.path), one.matches) << one.pattern << " " << one.path;
  }
}

TEST(GlobList, MatchesWhenOneOfItsPatternsDoes) {
  const GlobList globs({"*.gif", "*.png"});
  EXPECT_TRUE(globs.matches("a.png"));
  EXPECT_FALSE(globs.matches("a.jpg"));
  EXPECT_FALSE(GlobList().matches("a.jpg"));
  EXPECT_TRUE(GlobList().empty());
}

}  // namespace
}  // namespace mien
