#include "image/xmp.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "image/image_files.h"

namespace mien {
namespace {

using test::ByteVector;

constexpr std::string_view kRdf = "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'";
constexpr std::string_view kTiff = "http://ns.adobe.com/tiff/1.0/";

std::optional<int> orientation_of(std::string_view packet) {
  return read_xmp({reinterpret_cast<const std::uint8_t*>(packet.data()), packet.size()}).orientation;
}

// A packet whose rdf:RDF holds this.
std::string packet(std::string_view inside) {
  return "<?xpacket begin='\xEF\xBB\xBF' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF " +
         std::string(kRdf) + ">" + std::string(inside) + "</rdf:RDF></x:xmpmeta>\n<?xpacket end='w'?>";
}

std::string attribute(std::string_view prefix, int value) {
  const std::string name(prefix);
  return packet("<rdf:Description rdf:about='' xmlns:" + name + "='" + std::string(kTiff) + "' " + name +
                ":Orientation='" + std::to_string(value) + "'/>");
}

std::string element(std::string_view text) {
  return packet("<rdf:Description rdf:about='' xmlns:tiff='" + std::string(kTiff) + "'><tiff:Make>M</tiff:Make>" +
                "<tiff:Orientation>" + std::string(text) + "</tiff:Orientation></rdf:Description>");
}

// Of ASCII, each character in two bytes.
ByteVector to_utf16(std::string_view text, bool big_endian, bool has_mark) {
  ByteVector bytes;
  const auto put = [&](unsigned int unit) {
    const auto upper = static_cast<std::uint8_t>(unit >> 8);
    const auto lower = static_cast<std::uint8_t>(unit);
    bytes.push_back(big_endian ? upper : lower);
    bytes.push_back(big_endian ? lower : upper);
  };
  if (has_mark) put(0xFEFF);
  for (const char c : text) put(static_cast<unsigned char>(c));
  return bytes;
}

class Xmp : public ::testing::Test {
 protected:
  void SetUp() override {
    const XmpFacts facts = read_xmp(ByteVector{'<', 'O', 'r', 'i', 'e', 'n', 't', 'a', 't', 'i', 'o', 'n'});
    if (!facts.problem.empty()) GTEST_SKIP() << facts.problem;
  }
};

TEST_F(Xmp, AttributesAndElementsWithAnyPrefix) {
  for (int value = 1; value <= 8; ++value) {
    EXPECT_EQ(orientation_of(attribute("tiff", value)), value);
    EXPECT_EQ(orientation_of(attribute("ns3", value)), value);
    EXPECT_EQ(orientation_of(element(std::to_string(value))), value);
  }
  EXPECT_EQ(orientation_of(element("\n  6 \t")), 6);
  EXPECT_EQ(orientation_of(element("<![CDATA[6]]>")), 6);
  EXPECT_EQ(orientation_of(element("&#54;")), 6);
  // The namespace may be the default one, and stand further up.
  EXPECT_EQ(orientation_of("<R xmlns='http://www.w3.org/1999/02/22-rdf-syntax-ns#' />"), std::nullopt);
  EXPECT_EQ(orientation_of("<RDF xmlns='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:t='" + std::string(kTiff) +
                           "'><Description><t:Orientation>8</t:Orientation></Description></RDF>"),
            8);
  // A value with a qualifier stands one element deeper.
  EXPECT_EQ(orientation_of(packet("<rdf:Description xmlns:tiff='" + std::string(kTiff) +
                                  "'><tiff:Orientation rdf:parseType='Resource'><rdf:value>3</rdf:value>"
                                  "</tiff:Orientation></rdf:Description>")),
            3);
}

TEST_F(Xmp, Utf16) {
  const std::string text = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF " + std::string(kRdf) +
                           "><rdf:Description xmlns:tiff='" + std::string(kTiff) +
                           "' tiff:Orientation='5'/></rdf:RDF></x:xmpmeta>";
  for (const bool big_endian : {false, true}) {
    for (const bool has_mark : {false, true}) {
      EXPECT_EQ(read_xmp(to_utf16(text, big_endian, has_mark)).orientation, 5) << big_endian << has_mark;
    }
  }
}

TEST_F(Xmp, OtherNamespacesAndOtherImagesStateNothing) {
  EXPECT_EQ(orientation_of(packet("<rdf:Description xmlns:tiff='http://example.com/' tiff:Orientation='6'/>")),
            std::nullopt);
  EXPECT_EQ(orientation_of("<rdf:Description xmlns:tiff='" + std::string(kTiff) + "' tiff:Orientation='6'/>"),
            std::nullopt);
  // Photoshop keeps what it knows of the images that went into this one.
  const std::string nested = "<rdf:Description xmlns:p='http://ns.adobe.com/photoshop/1.0/' xmlns:tiff='" +
                             std::string(kTiff) +
                             "'><p:Pantry><rdf:Bag><rdf:li><rdf:Description tiff:Orientation='6'>" +
                             "<tiff:Orientation>6</tiff:Orientation></rdf:Description></rdf:li></rdf:Bag></p:Pantry>";
  EXPECT_EQ(orientation_of(packet(nested + "</rdf:Description>")), std::nullopt);
  EXPECT_EQ(orientation_of(packet(nested + "<tiff:Orientation>8</tiff:Orientation></rdf:Description>")), 8);
}

TEST_F(Xmp, ValuesThatCannotBeStateNothing) {
  for (const char* text : {"0", "9", "06", "6.0", "-1", "", "six", "66"}) {
    EXPECT_EQ(orientation_of(element(text)), std::nullopt) << text;
  }
  EXPECT_EQ(orientation_of(element(std::string(100'000, '6'))), std::nullopt);
}

// What a cut-off packet said until then counts, and one that would grow is not read on.
TEST_F(Xmp, BrokenPackets) {
  const std::string whole = attribute("tiff", 6);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::optional<int> value = orientation_of(std::string_view(whole).substr(0, size));
    EXPECT_TRUE(!value || *value == 6) << size;
  }
  EXPECT_EQ(orientation_of(whole + std::string(3, '\0')), 6);
  EXPECT_EQ(orientation_of("<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;'>]>" + whole), std::nullopt);
  EXPECT_EQ(orientation_of(""), std::nullopt);
  EXPECT_EQ(orientation_of(std::string(1000, '<')), std::nullopt);
  std::string deep = whole;
  for (int i = 0; i < 100'000; ++i) deep.insert(0, "<a>");
  EXPECT_EQ(orientation_of(deep), 6);
}

TEST_F(Xmp, TheRestHasAName) {
  const std::string text = packet(
      "<rdf:Description xmlns:n='http://ns.adobe.com/xmp/note/' n:HasExtendedXMP='0123456789ABCDEF0123456789ABCDEF'/>");
  const XmpFacts facts = read_xmp({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  EXPECT_EQ(facts.extension, "0123456789ABCDEF0123456789ABCDEF");
  EXPECT_EQ(facts.orientation, std::nullopt);
}

}  // namespace
}  // namespace mien
