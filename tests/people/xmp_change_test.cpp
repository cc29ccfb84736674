// Sidecars with other regions: what comes and goes, in the spellings that RDF has, and that nothing else does.
#include "people/xmp_change.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "image/xmp.h"
#include "people/xmp_names.h"
#include "people/xmp_toolkit.h"

namespace mien {
namespace {

const std::string kToken = "00112233445566778899aabbccddeeff";

class XmpChangeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const Result<Done> toolkit = open_xmp_toolkit(); !toolkit) GTEST_SKIP() << toolkit.error().message;
    if (!read_xml({reinterpret_cast<const std::uint8_t*>("<a/>"), 4})) GTEST_SKIP() << "no libexpat";
  }
};

RegionChange adding(const std::string& name) {
  RegionChange change;
  change.added = {{name, kToken, {0.25F, 0.5F, 0.75F, 0.875F}}};
  change.width = 400;
  change.height = 300;
  return change;
}

XmpNames names_in(const std::string& text) {
  Result<XmpNames> names = read_xmp_names({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  EXPECT_TRUE(names) << text;
  return names ? std::move(*names) : XmpNames{};
}

std::string changed(const std::string& text, const RegionChange& change) {
  Result<std::string> result = change_regions(text, change);
  EXPECT_TRUE(result) << (result ? "" : result.error().message) << "\n" << text;
  return result ? *result : std::string();
}

std::string error_of(const std::string& text, const RegionChange& change) {
  const Result<std::string> result = change_regions(text, change);
  return result ? "none: " + *result : result.error().message;
}

std::string sidecar_of(const std::string& inside) {
  return "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>" +
         inside + "</rdf:RDF></x:xmpmeta>";
}

std::string many_properties() {
  std::ifstream file(std::string(MIEN_TEST_DATA) + "/xmp/many_properties.xmp");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_F(XmpChangeTest, ANewSidecarHasTheRegionItsSidesAndItsMark) {
  const XmpNames names = names_in(changed("", adding("Anna")));
  EXPECT_EQ(names.width, 400);
  EXPECT_EQ(names.height, 300);
  ASSERT_EQ(names.regions.size(), 1U);
  EXPECT_EQ(names.regions[0].name, "Anna");
  EXPECT_EQ(names.regions[0].person, kToken);
  EXPECT_NEAR(names.regions[0].box.x1, 0.25, 1e-6);
  EXPECT_NEAR(names.regions[0].box.y2, 0.875, 1e-6);
  ASSERT_EQ(names.marks.size(), 1U);
  EXPECT_TRUE(names.marks[0].is_as_written);
}

TEST_F(XmpChangeTest, FitsIntoEverySpelling) {
  const std::string regions = "xmlns:mwg-rs='http://www.metadataworkinggroup.com/schemas/regions/'";
  const std::string own = "xmlns:o='http://example.org/o/'";
  for (const std::string& text : {
           sidecar_of(""),
           sidecar_of("<rdf:Description/>"),
           sidecar_of("<rdf:Description rdf:about='uuid:1' " + own + " o:a='1'/><rdf:Description rdf:about='uuid:1' " +
                      own + " o:b='2'/>"),
           sidecar_of("<rdf:Description " + own + "><o:a>1</o:a></rdf:Description>"),
           sidecar_of("<rdf:Description " + regions + "><mwg-rs:Regions rdf:parseType='Resource'/></rdf:Description>"),
           sidecar_of("<rdf:Description " + regions +
                      "><mwg-rs:Regions><rdf:Description><mwg-rs:AppliedToDimensions rdf:parseType='Resource'/>"
                      "</rdf:Description></mwg-rs:Regions></rdf:Description>"),
           sidecar_of(
               "<rdf:Description " + regions +
               "><mwg-rs:Regions rdf:parseType='Resource'><mwg-rs:RegionList/></mwg-rs:Regions></rdf:Description>"),
           sidecar_of("<rdf:Description " + regions +
                      "><mwg-rs:Regions rdf:parseType='Resource'><mwg-rs:RegionList><rdf:Bag/></mwg-rs:RegionList>"
                      "</mwg-rs:Regions></rdf:Description>"),
           sidecar_of("<rdf:Description " + regions +
                      "><mwg-rs:Regions><rdf:Description><mwg-rs:RegionList><rdf:Seq></rdf:Seq></mwg-rs:RegionList>"
                      "</rdf:Description></mwg-rs:Regions></rdf:Description>"),
           std::string("<?xml version='1.0' encoding='UTF-8'?>\n") + sidecar_of("<!-- nothing -->"),
           std::string("\xef\xbb\xbf") + sidecar_of("<rdf:Description/>"),
           std::string("<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>"),
           // Prefixes that mean something else here.
           std::string("<RDF xmlns='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><Description xmlns:rdf='http://o/' "
                       "xmlns:mien='http://p/' xmlns:stArea='http://q/' rdf:a='1' mien:b='2'/></RDF>"),
       }) {
    const std::string once = changed(text, adding("Anna"));
    const XmpNames names = names_in(once);
    ASSERT_EQ(names.regions.size(), 1U) << once;
    EXPECT_EQ(names.regions[0].person, kToken) << once;
    const XmpNames both = names_in(changed(once, adding("Ben & <Co>")));
    ASSERT_EQ(both.regions.size(), 2U) << once;
    EXPECT_EQ(both.regions[1].name, "Ben & <Co>");
    RegionChange removing;
    removing.removed = {0};
    EXPECT_TRUE(names_in(changed(once, removing)).regions.empty()) << once;
  }
}

TEST_F(XmpChangeTest, WhatWasPutInAndTakenOutLeavesNoTrace) {
  const std::string before = many_properties();
  ASSERT_GT(before.size(), 5000U);
  const std::string once = changed(before, adding("Anna"));
  // All that was there is there, in its order, and what came is one piece.
  const std::size_t same_begin =
      static_cast<std::size_t>(std::mismatch(before.begin(), before.end(), once.begin()).first - before.begin());
  EXPECT_EQ(before.substr(same_begin), once.substr(once.size() - (before.size() - same_begin)));
  RegionChange removing;
  removing.removed = {2};
  EXPECT_EQ(changed(once, removing), before);
  RegionChange both = adding("Ben");
  both.removed = {2};
  const std::string other = changed(once, both);
  EXPECT_EQ(other.find("Anna"), std::string::npos);
  EXPECT_EQ(changed(other, removing), before);
}

TEST_F(XmpChangeTest, RegionsGoWithTheirStructureWhereNothingElseIsInIt) {
  const std::string before =
      sidecar_of("<rdf:Description xmlns:o='http://example.org/o/'><o:a>1</o:a></rdf:Description>");
  RegionChange removing;
  removing.removed = {0};
  EXPECT_EQ(changed(changed(before, adding("Anna")), removing), before);
}

TEST_F(XmpChangeTest, WhatCannotBeChangedIsAnError) {
  const RegionChange change = adding("Anna");
  EXPECT_NE(error_of("no XML", change).find("no XML"), std::string::npos);
  EXPECT_NE(error_of("<svg/>", change).find("rdf:RDF"), std::string::npos);
  EXPECT_NE(error_of("<a>" + sidecar_of("") + sidecar_of("") + "</a>", change).find("several"), std::string::npos);
  EXPECT_NE(error_of("<?xml version='1.0' encoding='ISO-8859-1'?>" + sidecar_of(""), change).find("UTF-8"),
            std::string::npos);
  EXPECT_NE(error_of(std::string("<\0a\0/\0>\0", 8), change).find("UTF-8"), std::string::npos);
  const std::string description = "<rdf:Description xmlns:m='http://www.metadataworkinggroup.com/schemas/regions/'>";
  EXPECT_EQ(error_of(sidecar_of(description + "<m:Regions>text</m:Regions></rdf:Description>"), change).find("none"),
            std::string::npos);
  const std::string list = description + "<m:Regions rdf:parseType='Resource'/></rdf:Description>";
  EXPECT_NE(error_of(sidecar_of(list + list), change).find("several lists"), std::string::npos);
  // Properties about two things: libexempi refuses them, and so would Lightroom.
  EXPECT_NE(error_of(sidecar_of("<rdf:Description rdf:about='a'/><rdf:Description rdf:about='b'/>"), change)
                .find("libexempi"),
            std::string::npos);
}

// Names are read there too, so that marks in it have places.
TEST_F(XmpChangeTest, ATypedNodeIsASidecarLikeAnyOtherOrAnError) {
  const std::string regions =
      "<m:Regions xmlns:m='http://www.metadataworkinggroup.com/schemas/regions/' rdf:parseType='Resource'>"
      "<m:RegionList><rdf:Bag><rdf:li rdf:parseType='Resource'><m:Name>Anna</m:Name><m:Extensions "
      "rdf:parseType='Resource' xmlns:n='urn:mien:regions:1.0/' n:person='" +
      kToken + "' n:name='Anna'/></rdf:li></rdf:Bag></m:RegionList></m:Regions>";
  for (const std::string& inside : {"<o:Thing xmlns:o='http://example.org/o/'>" + regions + "</o:Thing>", regions}) {
    const std::string text = sidecar_of(inside);
    RegionChange removing;
    for (const RegionMark& mark : names_in(text).marks) removing.removed.push_back(mark.place);
    if (const Result<std::string> result = change_regions(text, removing)) {
      EXPECT_TRUE(names_in(*result).marks.empty()) << *result;
    } else {
      EXPECT_EQ(result.error().code, ErrorCode::bad_data) << result.error().message;
    }
  }
}

TEST_F(XmpChangeTest, APlaceThatIsNoneIsAnError) {
  RegionChange removing;
  removing.removed = {1};
  EXPECT_NE(error_of(changed("", adding("Anna")), removing).find("fewer regions"), std::string::npos);
  EXPECT_NE(error_of(sidecar_of(""), removing).find("fewer regions"), std::string::npos);
}

TEST_F(XmpChangeTest, AStructureOfSomebodyElseStaysWhenItsListIsEmptyAgain) {
  const std::string before = sidecar_of(
      "<rdf:Description xmlns:m='http://www.metadataworkinggroup.com/schemas/regions/' "
      "xmlns:d='http://ns.adobe.com/xap/1.0/sType/Dimensions#'><m:Regions rdf:parseType='Resource'>"
      "<m:AppliedToDimensions d:w='300' d:h='200' d:unit='pixel'/><m:RegionList><rdf:Bag></rdf:Bag></m:RegionList>"
      "</m:Regions></rdf:Description>");
  RegionChange removing;
  removing.removed = {0};
  const std::string after = changed(changed(before, adding("Anna")), removing);
  EXPECT_EQ(names_in(after).width, 300) << after;
  EXPECT_TRUE(names_in(after).regions.empty()) << after;
  EXPECT_NE(after.find("RegionList"), std::string::npos) << after;
}

TEST_F(XmpChangeTest, WhatTheToolkitPrintsIsDroppedAndWhatOthersPrintIsNot) {
  const std::string refused = sidecar_of("<rdf:Description rdf:about='a'/><rdf:Description rdf:about='b'/>");
  error_of(refused, adding("Anna"));  // the filter is there from now on
  constexpr int kLines = 20000;
  testing::internal::CaptureStderr();
  std::thread other([] {
    for (int i = 0; i < kLines; ++i) std::cerr << "x\n";
  });
  for (int i = 0; i < 200; ++i) error_of(refused, adding("Anna"));
  other.join();
  const std::string printed = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(printed.begin(), printed.end(), 'x'), kLines);
  EXPECT_EQ(printed.size(), 2U * kLines);
}

}  // namespace
}  // namespace mien
