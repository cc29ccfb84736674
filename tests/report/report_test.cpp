#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "image/encode.h"
#include "mien/scan.h"
#include "report/html.h"
#include "report/page.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

Record record_of(const std::string& source, int face_count) {
  Record record;
  record.source = source;
  record.source_size = 1;
  record.analysis.format = "jpeg";
  record.analysis.width = 320;
  record.analysis.height = 200;
  for (int i = 0; i < face_count; ++i) {
    Face& face = record.analysis.faces.emplace_back();
    face.bbox = {20.0F + static_cast<float>(i), 30, 80, 110};
    face.det_score = 0.75F;
    face.quality.emplace().overall_score = 0.5;
  }
  return record;
}

Record match_of(const std::string& source, float similarity) {
  Record record = record_of(source, 2);
  record.like = true;
  record.matches = {{1, similarity}};
  return record;
}

Record failure_of(const std::string& source, const std::string& message) {
  Record record;
  record.source = source;
  record.error = Error{ErrorCode::bad_data, message};
  return record;
}

class ReportTest : public ::testing::Test {
 protected:
  ReportTest() {
    std::string pattern = (fs::temp_directory_path() / "mien_report_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~ReportTest() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string put_photo(const std::string& name, int width = 320, int height = 200) const {
    Image pixels(width, height, 3);
    for (std::size_t i = 0; i < pixels.size_bytes(); ++i) pixels.data()[i] = static_cast<std::uint8_t>(i / 7 % 256);
    write_private_file(path(name), encode_jpeg(pixels, 90));
    return path(name);
  }
  std::string page_of(const std::vector<Record>& records, ReportOptions options = {},
                      std::string_view tail = "") const {
    std::ofstream file(path("records.jsonl"), std::ios::binary);
    for (const Record& record : records) file << record_to_json(record, EmbeddingFormat::none) << '\n';
    file << tail;
    file.close();
    write_report(path("records.jsonl"), path("report.html"), options);
    const std::vector<std::uint8_t> bytes = read_file(path("report.html"), std::size_t{1} << 28).take();
    return {bytes.begin(), bytes.end()};
  }
  // Returns the data that the script of the page gets.
  static nlohmann::json data_of(const std::string& page) {
    const std::string_view begin = "id=\"data\">";
    const std::size_t start = page.find(begin) + begin.size();
    return nlohmann::json::parse(page.substr(start, page.find("</script>", start) - start));
  }
  fs::path folder_;
};

TEST_F(ReportTest, IsOneFileForItsOwnerThatNeedsNoNetwork) {
  ReportOptions options;
  options.title = "Ann's <photos>";
  options.command = "mien scan \"a & b\" --report report.html";
  const std::string page = page_of({match_of(put_photo("a.jpg"), 0.5F), record_of(put_photo("b.jpg"), 0)}, options);
  EXPECT_EQ(fs::status(path("report.html")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(page.find("http:"), std::string::npos);
  EXPECT_EQ(page.find("https:"), std::string::npos);
  EXPECT_EQ(page.find("//fonts"), std::string::npos);
  EXPECT_EQ(page.find("<link"), std::string::npos);
  EXPECT_EQ(page.find("@import"), std::string::npos);
  EXPECT_EQ(count_of(page, " src=\""), count_of(page, " src=\"data:image/jpeg;base64,"));
  EXPECT_NE(page.find("<title>Ann&#39;s &lt;photos&gt;</title>"), std::string::npos);
  EXPECT_NE(page.find("<span>&amp;</span>"), std::string::npos);
  EXPECT_NE(page.find("Biometric data."), std::string::npos);
}

TEST_F(ReportTest, SaysWhatTheFoldersHoldAndWasNotRead) {
  ReportOptions options;
  EXPECT_EQ(page_of({record_of("a.jpg", 1)}, options).find("Left out"), std::string::npos);
  options.left_out = {{"videos", "video", 1212}, {"documents", "document", 1}};
  EXPECT_NE(page_of({record_of("a.jpg", 1)}, options).find("Left out of the folders: 1,212 videos, 1 document."),
            std::string::npos);
}

TEST_F(ReportTest, FindsRelativeSourcesWhereTheirScanRan) {
  put_photo("a.jpg");
  Record record = record_of("a.jpg", 1);
  record.source_folder = folder_.string();
  EXPECT_EQ(count_of(page_of({record}), "src=\"data:image/jpeg"), 1U);
}

TEST_F(ReportTest, ShowsMatchesByFallingSimilarityThenFailuresThenTheRest) {
  const std::string page =
      page_of({record_of("/p/none.jpg", 0), record_of("/p/face.jpg", 1), match_of("/p/low.jpg", 0.375F),
               failure_of("/p/broken.jpg", "not an image"), match_of("/p/high.jpg", 0.625F)});
  std::size_t previous = 0;
  for (const char* name : {"high.jpg", "low.jpg", "broken.jpg", "face.jpg", "none.jpg"}) {
    const std::size_t at = page.find("<bdi>" + std::string(name));
    ASSERT_NE(at, std::string::npos) << name;
    EXPECT_GT(at, previous) << name;
    previous = at;
  }
  EXPECT_NE(page.find("not an image"), std::string::npos);
  EXPECT_NE(page.find("similarity 0.625"), std::string::npos);
  EXPECT_NE(page.find("quality <b>0.50</b>"), std::string::npos);
  EXPECT_EQ(count_of(page, "No picture: the file cannot be read any more"), 4U);
  const nlohmann::json data = data_of(page);
  ASSERT_EQ(data["rows"].size(), 5U);
  EXPECT_EQ(data["rows"][2], nlohmann::json::parse(R"([0,"low.jpg",320,200,2,0.75,0.5,0.38,0])"));
  EXPECT_EQ(data["rows"][3][9], "not an image");
  EXPECT_EQ(data["folders"], nlohmann::json({"/p/"}));
}

TEST_F(ReportTest, NamesCannotBecomeMarkup) {
  const std::vector<std::string> names = {"</script><script>alert(1)</script>",
                                          "\"><img src=x onerror=alert(1)>",
                                          "'--><!--",
                                          "a&lt;b",
                                          "gpj.\xe2\x80\xaexe",
                                          "line\nbreak",
                                          "caf\xe9",
                                          std::string("nul\0", 4)};
  std::vector<Record> records;
  for (const std::string& name : names) {
    records.push_back(match_of("/" + name, 0.5F));
    records.push_back(failure_of("/" + name, name));
    records.push_back(record_of("/" + name, 1));
    records.back().analysis.warnings = {name};
    records.back().analysis.models.detector = name;
    records.back().analysis.placement = {{name, name, name, name, name, name}};
  }
  const std::string page = page_of(records);
  EXPECT_EQ(count_of(page, "<script"), 2U);
  EXPECT_EQ(count_of(page, "</script>"), 2U);
  EXPECT_EQ(count_of(page, "<img"), 0U);
  EXPECT_EQ(count_of(page, "<!--"), 0U);
  EXPECT_EQ(page.find("\xe2\x80\xae"), std::string::npos);
  EXPECT_EQ(page.find('\0'), std::string::npos);
  EXPECT_NE(page.find("gpj.\\u{202E}xe"), std::string::npos);
  EXPECT_NE(page.find("a&amp;lt;b"), std::string::npos);
  EXPECT_EQ(data_of(page)["rows"].size(), records.size());
}

TEST_F(ReportTest, PicturesGoToMatchesFirstAndAreNeverMoreThanAllowed) {
  std::vector<Record> records;
  for (int i = 0; i < 70; ++i) records.push_back(record_of(put_photo("p" + std::to_string(i) + ".jpg"), i % 2));
  records.push_back(match_of(put_photo("wanted.jpg"), 0.5F));
  ReportOptions options;
  options.thumbnails_max = 5;
  const std::string page = page_of(records, options);
  EXPECT_EQ(count_of(page, "data:image/jpeg"), 5U);
  EXPECT_EQ(count_of(page, "alt=\"The face that matches\""), 1U);
  EXPECT_LT(page.find("wanted.jpg: 2 faces"), page.find("p1.jpg: 1 face"));
  EXPECT_EQ(data_of(page)["rows"].size(), records.size());

  options.thumbnails_max = 0;
  const std::string bare = page_of(records, options);
  EXPECT_EQ(count_of(bare, "data:image/jpeg"), 0U);
  EXPECT_NE(bare.find("<bdi>wanted.jpg</bdi>"), std::string::npos);  // a row that needs no script
}

TEST_F(ReportTest, AChangedSourceGetsNoPictureOfSomethingElse) {
  const std::string page = page_of({record_of(put_photo("smaller.jpg", 160, 100), 1)});
  EXPECT_EQ(count_of(page, "data:image/jpeg"), 0U);
  EXPECT_NE(page.find("the file has changed since"), std::string::npos);
}

TEST_F(ReportTest, ALastLineThatIsCutOffIsLeftOutAndSaidSo) {
  const std::string page = page_of({record_of("/a.jpg", 1)}, {}, "{\"source\":\"/b.j");
  EXPECT_NE(page.find("The last line of the records was cut off"), std::string::npos);
  EXPECT_EQ(data_of(page)["rows"].size(), 1U);
}

TEST_F(ReportTest, NoRecordsIsAPageToo) {
  const std::string page = page_of({});
  EXPECT_EQ(data_of(page)["rows"].size(), 0U);
}

TEST_F(ReportTest, SaysWhichLineIsNoRecord) {
  try {
    page_of({record_of("/a.jpg", 1)}, {}, "{}\n");
    FAIL();
  } catch (const Exception& exception) {
    EXPECT_EQ(exception.error().code, ErrorCode::bad_data);
    EXPECT_NE(exception.error().message.find("line 2 of " + path("records.jsonl")), std::string::npos)
        << exception.error().message;
  }
  EXPECT_FALSE(fs::exists(path("report.html")));
}

TEST_F(ReportTest, FilesThatCannotBeUsedAreAnIoError) {
  for (const char* records : {"absent.jsonl", "."}) {
    try {
      write_report(path(records), path("report.html"), {});
      FAIL() << records;
    } catch (const Exception& exception) {
      EXPECT_EQ(exception.error().code, ErrorCode::io) << records;
    }
  }
  std::ofstream(path("empty.jsonl")).close();
  EXPECT_THROW(write_report(path("empty.jsonl"), path("no/report.html"), {}), Exception);
}

TEST_F(ReportTest, ThousandsOfImagesMakeASmallPage) {
  std::vector<Record> records;
  for (int i = 0; i < 4000; ++i) {
    records.push_back(record_of("/photos/" + std::to_string(i / 100) + "/IMG_" + std::to_string(i) + ".jpg", i % 4));
  }
  const std::string page = page_of(records);
  const nlohmann::json data = data_of(page);
  EXPECT_EQ(data["rows"].size(), 4000U);
  EXPECT_EQ(data["folders"].size(), 40U);
  EXPECT_EQ(count_of(page, "<li class=\"card\">"), 2000U);
  EXPECT_LT(page.size(), 4'000'000U);
}

// Contrast as WCAG 2 defines it, of every pair of text and background that the style sheet uses.
double luminance(const std::string& hex) {
  const double weights[] = {0.2126, 0.7152, 0.0722};
  double sum = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const double value = std::stoi(hex.substr(1 + 2 * i, 2), nullptr, 16) / 255.0;
    sum += weights[i] * (value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4));
  }
  return sum;
}

TEST(ReportStyle, TextHasEnoughContrastInBothModes) {
  const std::string style(report::kStyle);
  std::size_t mode = 0;
  for (int i = 0; i < 2; ++i, ++mode) {
    mode = style.find("--page: #", mode);
    ASSERT_NE(mode, std::string::npos);
    const auto colour = [&](const std::string& name) {
      return style.substr(style.find("--" + name + ": ", mode) + name.size() + 4, 7);
    };
    const auto contrast = [&](const std::string& a, const std::string& b) {
      const double x = luminance(colour(a)) + 0.05;
      const double y = luminance(colour(b)) + 0.05;
      return std::max(x, y) / std::min(x, y);
    };
    for (const char* text : {"text", "quiet", "link", "hit", "bad"}) {
      for (const char* background : {"page", "panel"}) EXPECT_GE(contrast(text, background), 4.5) << text;
    }
    EXPECT_GE(contrast("warn-text", "warn-page"), 4.5);
  }
}

TEST(ReportText, NumbersAreEasyToRead) {
  EXPECT_EQ(report::with_commas(0), "0");
  EXPECT_EQ(report::with_commas(999), "999");
  EXPECT_EQ(report::with_commas(1000), "1,000");
  EXPECT_EQ(report::with_commas(1234567), "1,234,567");
  EXPECT_EQ(report::with_commas(-1000), "-1,000");
  EXPECT_EQ(report::with_commas(-100), "-100");
  EXPECT_EQ(report::counted(1, "face"), "1 face");
  EXPECT_EQ(report::counted(2, "face"), "2 faces");
}

TEST(ReportText, JsonStaysInsideItsScript) {
  EXPECT_EQ(report::json_text("</script>&\"\\"), "\"\\u003c/script\\u003e\\u0026\\\"\\\\\"");
  EXPECT_EQ(nlohmann::json::parse(report::json_text("a\nb\x7f")).get<std::string>(), "a\\u{000A}b\\u{007F}");
}

}  // namespace
}  // namespace mien
