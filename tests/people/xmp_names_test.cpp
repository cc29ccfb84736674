// Names that exiftool and Exiv2 wrote (tests/oracle/names_oracle.py), and packets that nobody should write.
#include "people/xmp_names.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "image/image_files.h"

namespace mien {
namespace {

using test::ByteVector;

Bytes bytes_of(const std::string& text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

DecodeOptions keeping_xmp(int scale_denominator) {
  DecodeOptions options;
  options.scale_denominator = scale_denominator;
  options.keep_xmp = true;
  return options;
}

bool has_expat() {
  const Result<XmpNames> names = read_xmp_names(bytes_of("<a/>"));
  return names || names.error().code != ErrorCode::unsupported;
}

std::string packet(const std::string& inside) {
  return "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' "
         "xmlns:mwg-rs='http://www.metadataworkinggroup.com/schemas/regions/' "
         "xmlns:stArea='http://ns.adobe.com/xmp/sType/Area#' "
         "xmlns:stDim='http://ns.adobe.com/xap/1.0/sType/Dimensions#'><rdf:Description>" +
         inside + "</rdf:Description></rdf:RDF></x:xmpmeta>";
}

std::string regions(const std::string& items, const std::string& before = "") {
  return packet("<mwg-rs:Regions rdf:parseType='Resource'>" + before + "<mwg-rs:RegionList><rdf:Bag>" + items +
                "</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>");
}

std::string region(const std::string& name, const std::string& area) {
  return "<rdf:li><rdf:Description mwg-rs:Name='" + name + "' mwg-rs:Type='Face'><mwg-rs:Area " + area +
         "/></rdf:Description></rdf:li>";
}

XmpNames names_of(const std::string& text) {
  Result<XmpNames> names = read_xmp_names(bytes_of(text));
  EXPECT_TRUE(names) << (names ? "" : names.error().message);
  return names ? std::move(*names) : XmpNames{};
}

class XmpNamesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_expat()) GTEST_SKIP() << "no libexpat";
  }
};

void expect_faces(const nlohmann::json& golden, const XmpNames& names, int orientation, const std::string& file) {
  std::map<std::string, Box> found;
  for (const NamedRegion& one : names.regions) {
    EXPECT_TRUE(
        found.emplace(one.name, region_in_picture(one, names, orientation, golden["size"][0], golden["size"][1]))
            .second)
        << file << ": " << one.name << " twice";
  }
  EXPECT_EQ(found.size(), golden["faces"].size()) << file;
  for (const auto& [name, box] : golden["faces"].items()) {
    ASSERT_TRUE(found.contains(name)) << file << ": " << name;
    EXPECT_NEAR(found[name].x1, box[0].get<double>(), 1) << file << ": " << name;
    EXPECT_NEAR(found[name].y1, box[1].get<double>(), 1) << file << ": " << name;
    EXPECT_NEAR(found[name].x2, box[2].get<double>(), 1) << file << ": " << name;
    EXPECT_NEAR(found[name].y2, box[3].get<double>(), 1) << file << ": " << name;
  }
}

TEST_F(XmpNamesTest, AreThoseThatOtherProgramsWrote) {
  std::ifstream file(test::image_path("names/goldens.json"));
  const nlohmann::json all = nlohmann::json::parse(file);
  int files = 0;
  for (const auto& [name, golden] : all.items()) {
    const ByteVector bytes = test::read_image("names/" + name);
    ++files;
    if (name.ends_with(".xmp")) {
      const Result<XmpNames> names = read_xmp_names(bytes);
      ASSERT_TRUE(names) << name << ": " << names.error().message;
      expect_faces(golden, *names, 1, name);
      continue;
    }
    DecodedImage image;
    ASSERT_TRUE(decode_image(bytes, keeping_xmp(8), image)) << name;
    ASSERT_EQ(image.xmp.size(), 1U) << name;
    const Result<XmpNames> names = read_xmp_names(image.xmp[0]);
    ASSERT_TRUE(names) << name << ": " << names.error().message;
    expect_faces(golden, *names, image.orientation, name);
  }
  EXPECT_EQ(files, 34);
}

TEST_F(XmpNamesTest, PacketsAreKeptOnlyWhereTheyAreAskedFor) {
  DecodedImage image;
  const ByteVector bytes = test::read_image("names/by_exiv2_orientation_6.jpg");
  ASSERT_TRUE(decode_image(bytes, keeping_xmp(1), image));
  EXPECT_EQ(image.xmp.size(), 1U);
  ASSERT_TRUE(decode_image(bytes, {}, image));
  EXPECT_TRUE(image.xmp.empty());
}

TEST_F(XmpNamesTest, WereDrawnOnTheUprightPictureWhereItsSidesSaySo) {
  const NamedRegion one{"Anna", {0.1F, 0.2F, 0.3F, 0.4F}};
  XmpNames names;
  names.width = 300;  // stored lying, shown standing
  names.height = 400;
  const Box upright = region_in_picture(one, names, 6, 300, 400);
  EXPECT_NEAR(upright.x1, 30, 1e-3);
  EXPECT_NEAR(upright.y2, 160, 1e-3);
  std::swap(names.width, names.height);
  const Box turned = region_in_picture(one, names, 6, 300, 400);
  EXPECT_NEAR(turned.x1, 0.6 * 300, 1e-3);
  EXPECT_NEAR(turned.y1, 0.1 * 400, 1e-3);
}

TEST(RegionForFile, IsWhereRegionInPictureFindsIt) {
  const Box box = {30, 40, 120, 190};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const double turned : {0.0, 1.0}) {
      XmpNames names;
      names.width = 200 + 100 * turned;  // as the upright picture, and not
      names.height = 300 - 100 * turned;
      const Box region = region_for_file(box, names, orientation, 300, 200);
      const Box back = region_in_picture({"Anna", region}, names, orientation, 300, 200);
      EXPECT_NEAR(back.x1, box.x1, 1e-3) << orientation;
      EXPECT_NEAR(back.y1, box.y1, 1e-3) << orientation;
      EXPECT_NEAR(back.x2, box.x2, 1e-3) << orientation;
      EXPECT_NEAR(back.y2, box.y2, 1e-3) << orientation;
    }
  }
  const Box region = region_for_file({-50, 100, 400, 300}, {}, 6, 300, 200);
  EXPECT_EQ(region.x1, 0.5F);
  EXPECT_EQ(region.y1, 0);
  EXPECT_EQ(region.x2, 1);
  EXPECT_EQ(region.y2, 1);
}

TEST_F(XmpNamesTest, KnowsTheMarksOfMien) {
  const std::string area = "<mwg-rs:Area stArea:x='0.5' stArea:y='0.5' stArea:w='0.2' stArea:h='0.2'/>";
  const auto marked = [&](const std::string& name, const std::string& as_written) {
    return "<rdf:li><rdf:Description mwg-rs:Name='" + name + "' mwg-rs:Type='Face'>" + area +
           "<mwg-rs:Extensions xmlns:o='urn:mien:regions:1.0/' o:person='0123' o:name='" + as_written +
           "'/></rdf:Description></rdf:li>";
  };
  const XmpNames names =
      names_of(regions(region("Anna", "stArea:x='0.5' stArea:y='0.5' stArea:w='0.2' stArea:h='0.2'") +
                       marked("Anna", "Anna") + marked("Ann", "Anna")));
  // That of another program beside that of mien, although both are one name at one place.
  ASSERT_EQ(names.regions.size(), 3U);
  EXPECT_EQ(names.regions[0].person, "");
  EXPECT_EQ(names.regions[1].person, "0123");
  EXPECT_EQ(names.regions[2].person, "");
  ASSERT_EQ(names.marks.size(), 2U);
  EXPECT_EQ(names.marks[0].place, 1U);
  EXPECT_TRUE(names.marks[0].is_as_written);
  EXPECT_EQ(names.marks[1].place, 2U);
  EXPECT_FALSE(names.marks[1].is_as_written);
  EXPECT_EQ(names.marks[1].name, "Ann");
}

TEST_F(XmpNamesTest, TakesCirclesPixelsAndNestedElements) {
  const XmpNames names = names_of(
      regions(region("Circle", "stArea:x='0.5' stArea:y='0.5' stArea:d='0.2' stArea:unit='normalized'") +
                  region("Pixels", "stArea:x='100' stArea:y='50' stArea:w='20' stArea:h='10' stArea:unit='pixel'") +
                  "<rdf:li rdf:parseType='Resource'><mwg-rs:Name> Nested </mwg-rs:Name><mwg-rs:Area "
                  "rdf:parseType='Resource'><stArea:x>0.5</stArea:x><stArea:y>0.25</stArea:y><stArea:w>0.1</stArea:w>"
                  "<stArea:h>0.1</stArea:h></mwg-rs:Area></rdf:li>",
              "<mwg-rs:AppliedToDimensions stDim:w='200' stDim:h='100' stDim:unit='pixel'/>"));
  ASSERT_EQ(names.regions.size(), 3U);
  EXPECT_NEAR(names.regions[0].box.x1, 0.4, 1e-6);
  EXPECT_NEAR(names.regions[1].box.x1, 0.45, 1e-6);
  EXPECT_NEAR(names.regions[1].box.y2, 0.55, 1e-6);
  EXPECT_EQ(names.regions[2].name, "Nested");
  EXPECT_NEAR(names.regions[2].box.y1, 0.2, 1e-6);
}

TEST_F(XmpNamesTest, CountsWhatHasNoPlace) {
  const std::string good = "stArea:x='0.5' stArea:y='0.5' stArea:w='0.2' stArea:h='0.2'";
  const XmpNames names = names_of(regions(
      region("outside", "stArea:x='1.5' stArea:y='0.5' stArea:w='0.2' stArea:h='0.2'") +
      region("no number", "stArea:x='left' stArea:y='0.5' stArea:w='0.2' stArea:h='0.2'") +
      region("not finite", "stArea:x='inf' stArea:y='nan' stArea:w='0.2' stArea:h='0.2'") +
      region("no size", "stArea:x='0.5' stArea:y='0.5' stArea:w='0' stArea:h='0.2'") +
      region("as large as a wall", "stArea:x='0.5' stArea:y='0.5' stArea:w='100' stArea:h='100'") + region("", good) +
      region("good", good) + "<rdf:li rdf:parseType='Resource'><mwg-rs:Name>no area</mwg-rs:Name></rdf:li>"));
  ASSERT_EQ(names.regions.size(), 1U);
  EXPECT_EQ(names.regions[0].name, "good");
  EXPECT_EQ(names.unusable, 6);
}

TEST_F(XmpNamesTest, RefusesWhatIsNoXmlTooDeepTooLargeOrHasEntities) {
  const auto code_of = [](const std::string& text) {
    const Result<XmpNames> names = read_xmp_names(bytes_of(text));
    return names ? std::string("read") : std::string(error_code_name(names.error().code));
  };
  EXPECT_EQ(code_of("no xml"), "bad_data");
  EXPECT_EQ(code_of(""), "bad_data");
  EXPECT_EQ(code_of("<a><b></a>"), "bad_data");
  EXPECT_EQ(code_of("<!DOCTYPE a [<!ENTITY b 'bbbbbbbb'>]><a>&b;</a>"), "bad_data");
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "<a>";
  EXPECT_EQ(code_of(deep), "limit_exceeded");
  EXPECT_EQ(code_of("<a>" + std::string(std::size_t{10} << 20, ' ') + "</a>"), "limit_exceeded");
  EXPECT_EQ(code_of("<a/>"), "read");
}

TEST(RegionMatch, IsOneToOneTheBestOverlapFirst) {
  const std::vector<Box> faces = {{0, 0, 10, 10}, {20, 0, 30, 10}, {5, 0, 15, 10}};
  const std::vector<Box> drawn = {{1, 0, 11, 10}, {4, 0, 14, 10}, {50, 50, 60, 60}};
  const std::vector<std::optional<std::size_t>> matches = match_regions(drawn, faces);
  EXPECT_EQ(matches[0], std::optional<std::size_t>(0));
  EXPECT_EQ(matches[1], std::optional<std::size_t>(2));
  EXPECT_EQ(matches[2], std::nullopt);
}

}  // namespace
}  // namespace mien
