#include "base/utf8.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace mien {
namespace {

constexpr const char* kReplacement = "\xef\xbf\xbd";

TEST(Utf8, AcceptsEveryLengthAtItsBounds) {
  for (const char* text : {"", "plain", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_valid_utf8(text)) << text;
    EXPECT_EQ(replace_invalid_utf8(text), text);
  }
  EXPECT_TRUE(is_valid_utf8(std::string_view("a\0b", 3)));
}

TEST(Utf8, RefusesOverlongFormsSurrogatesAndWhatIsTooLarge) {
  for (const char* text :
       {"\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "a\xe9z"}) {
    EXPECT_FALSE(is_valid_utf8(text)) << text;
    EXPECT_TRUE(is_valid_utf8(replace_invalid_utf8(text)));
  }
}

// The counts are those of the Unicode standard, chapter 3.9, "U+FFFD substitution of maximal
// subparts".
TEST(Utf8, ReplacesEachMaximalPartOnce) {
  const std::string r = kReplacement;
  EXPECT_EQ(replace_invalid_utf8("caf\xe9.jpg"), "caf" + r + ".jpg");
  EXPECT_EQ(replace_invalid_utf8("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(replace_invalid_utf8("\xed\xa0\x80\x41"), r + r + r + "A");
  EXPECT_EQ(replace_invalid_utf8("\xf1\x80\x80\xe1\x80\xc2\x41"), r + r + r + "A");
}

TEST(Utf8, ReplacementOfRandomBytesIsValidAndStable) {
  std::mt19937 random(2);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 40, '\0');
    for (char& byte : text) byte = static_cast<char>(random() % 3 == 0 ? 'a' : random() % 256);
    const std::string replaced = replace_invalid_utf8(text);
    EXPECT_TRUE(is_valid_utf8(replaced));
    EXPECT_EQ(replace_invalid_utf8(replaced), replaced);
    EXPECT_EQ(is_valid_utf8(text), replaced == text);
  }
}

}  // namespace
}  // namespace mien
