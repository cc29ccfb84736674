#include "scan/known.h"

#include <gtest/gtest.h>

#include <string>

namespace mien {
namespace {

Sha256Digest digest_of(int number) {
  const std::string text = std::to_string(number);
  return sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

TEST(KnownPaths, KnowsEveryPathOnceAcrossGrowth) {
  constexpr int kPaths = 300'000;
  KnownPaths paths;
  for (int i = 0; i < kPaths; ++i) ASSERT_TRUE(paths.insert("photos/" + std::to_string(i)));
  for (int i = 0; i < kPaths; ++i) ASSERT_FALSE(paths.insert("photos/" + std::to_string(i)));
  EXPECT_FALSE(paths.contains("photos/x"));
  EXPECT_TRUE(paths.contains("photos/0"));
}

TEST(KnownContents, KeepsOwnersAndOffsetsAcrossGrowth) {
  constexpr int kContents = 300'000;
  KnownContents contents;
  for (int i = 0; i < kContents; ++i) ASSERT_FALSE(contents.claim(digest_of(i), static_cast<std::uint64_t>(i)));
  for (int i = 0; i < kContents; i += 2) contents.set_place(digest_of(i), std::int64_t{i} * 1'000'000);
  for (int i = 0; i < kContents; ++i) {
    const bool is_written = i % 2 == 0;
    ASSERT_EQ(contents.claim(digest_of(i), 7), is_written ? KnownContents::kWritten : static_cast<std::uint64_t>(i));
    ASSERT_EQ(contents.place(digest_of(i)).has_value(), is_written);
    ASSERT_EQ(contents.place(digest_of(i)).value_or(-1), is_written ? std::int64_t{i} * 1'000'000 : -1);
  }
  EXPECT_FALSE(contents.place(digest_of(-1)));
}

TEST(FingerprintTable, HasRoomFor100000ImagesFromTheStart) {
  FingerprintTable table(true);
  const std::size_t bytes = table.memory_bytes();
  EXPECT_LE(bytes, std::size_t{2} << 20);
  for (std::uint64_t key = 1; key <= 100'000; ++key) table.insert(key * 0x9E3779B97F4A7C15ULL);
  EXPECT_EQ(table.memory_bytes(), bytes);
  EXPECT_EQ(table.size(), 100'000U);
}

TEST(Fingerprinter, DiffersFromProcessToProcess) {
  const std::vector<std::uint8_t> text = {1, 2, 3};
  const Fingerprinter first;
  const Fingerprinter second;
  EXPECT_EQ(first(text), first(text));
  EXPECT_NE(first(text), second(text));
}

}  // namespace
}  // namespace mien
