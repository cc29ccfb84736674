#include "base/sha256.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace mien {
namespace {

std::string hex_of(const std::string& text) {
  return sha256_hex(sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

// The examples of FIPS 180-4 as NIST publishes them, and the empty message.
TEST(Sha256, EqualsThePublishedExamples) {
  EXPECT_EQ(hex_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const std::string path = (std::filesystem::temp_directory_path() / "mien_sha256_test").string();
  const std::string text(1'000'003, 'a');  // several pieces, the last one short
  std::ofstream(path, std::ios::binary) << text;
  EXPECT_EQ(sha256_hex(sha256_file(path).take()), hex_of(text));
  std::filesystem::remove(path);
  EXPECT_EQ(sha256_file(path).error().code, ErrorCode::not_found);
  EXPECT_EQ(sha256_file("/").error().code, ErrorCode::io);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(sha256_file("/dev/zero", stop.get_token()).error().code, ErrorCode::cancelled);
}

}  // namespace
}  // namespace mien
