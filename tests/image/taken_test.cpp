// When a photo was taken, in every container that says it. exiftool wrote the files and read them
// (tests/oracle/taken_oracle.py).
#include "image/taken_time.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "image/image_files.h"
#include "image/tiny_dng.h"
#include "image/xmp.h"

namespace mien {
namespace {

nlohmann::json goldens() {
  std::ifstream file(test::image_path("taken/goldens.json"));
  return nlohmann::json::parse(file);
}

bool reads_xmp() {
  return read_xmp(test::ByteVector{'<', 'O', 'r', 'i', 'e', 'n', 't', 'a', 't', 'i', 'o', 'n'}).problem.empty();
}

TEST(Taken, IsWhatExiftoolReads) {
  if (!reads_xmp()) GTEST_SKIP() << "no libexpat";
  int files = 0;
  const nlohmann::json all = goldens();
  for (const auto& [name, golden] : all.items()) {
    DecodedImage image;
    const Result<Done> decoded = decode_image(test::read_image("taken/" + name), {}, image);
    if (!decoded && decoded.error().code == ErrorCode::unsupported) continue;  // no codec here
    ASSERT_TRUE(decoded) << name << ": " << decoded.error().message;
    EXPECT_EQ(image.taken, golden["taken"].get<std::string>()) << name;
    ++files;
  }
  EXPECT_GE(files, 15);
}

TEST(Taken, IsForgottenWithTheNextImage) {
  DecodedImage image;
  ASSERT_TRUE(decode_image(test::read_image("taken/exif.jpg"), {}, image));
  EXPECT_FALSE(image.taken.empty());
  ASSERT_TRUE(decode_image(test::read_image("jpeg_17x13.jpg"), {}, image));
  EXPECT_EQ(image.taken, "");
}

TEST(Taken, ComesWithTheXmpOfARawFile) {
  if (!reads_xmp() || !test::format_problem("raw").empty()) GTEST_SKIP() << "no libexpat or no LibRaw";
  test::TinyDng dng;
  dng.preview = test::read_image("jpeg_420.jpg");
  dng.xmp =
      "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
      "<rdf:Description xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/' "
      "photoshop:DateCreated='1987-06-05T04:03:02'/></rdf:RDF></x:xmpmeta>";
  DecodedImage image;
  const Result<Done> decoded = decode_image(test::make_dng(dng), {}, image);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(image.taken, "1987-06-05T04:03:02");
}

TEST(Taken, HasOneSpelling) {
  EXPECT_EQ(read_time("2019:07:04 12:30:05"), "2019-07-04T12:30:05");
  EXPECT_EQ(read_time("2019-07-04T12:30:05.25+02:00"), "2019-07-04T12:30:05+02:00");
  EXPECT_EQ(read_time(" 2019-07-04T12:30Z "), "2019-07-04T12:30:00+00:00");
  EXPECT_EQ(read_time("2019:07:04 12:30:05", "-03:30"), "2019-07-04T12:30:05-03:30");
  EXPECT_EQ(read_time("2019-07-04T12:30:05+01:00", "+02:00"), "2019-07-04T12:30:05+01:00");
  EXPECT_EQ(read_time("2019-07-04", "+02:00"), "2019-07-04");
  EXPECT_EQ(read_time("2019:07:04 12:30:05", "   :  "), "2019-07-04T12:30:05");
  for (const char* const kept : {"2019", "2019-07", "2019-07-04", "2019-07-04T12:30:05", "2020-02-29T00:00:00-05:00"}) {
    EXPECT_EQ(read_time(kept), kept);
  }
}

TEST(Taken, IsOnlyWhatACalendarHas) {
  EXPECT_EQ(read_time("0000:00:00 00:00:00"), "");
  EXPECT_EQ(read_time(""), "");
  EXPECT_EQ(read_time("yesterday"), "");
  EXPECT_EQ(read_time("201"), "");
  EXPECT_EQ(read_time("2019:00:00 00:00:00"), "2019");
  EXPECT_EQ(read_time("2019:13:01"), "2019");
  EXPECT_EQ(read_time("2019:02:29 10:00:00"), "2019-02");
  EXPECT_EQ(read_time("2019:04:31"), "2019-04");
  EXPECT_EQ(read_time("2019:07:04 24:00:00"), "2019-07-04");
  EXPECT_EQ(read_time("2019:07:04 12:61:00"), "2019-07-04");
  EXPECT_EQ(read_time("2019:07:04 12:30:99"), "2019-07-04");
}

}  // namespace
}  // namespace mien
