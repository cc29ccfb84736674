#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "mien/scan.h"

namespace mien {
namespace {

// Random records that use every field, with names of the unpleasant kind.
class RandomRecords {
 public:
  explicit RandomRecords(std::uint32_t seed) : random_(seed) {}

  Record next() {
    Record record;
    record.source = name();
    if (chance(9)) {
      record.source_size = static_cast<std::int64_t>(random_() % 100'000'000);
      record.source_mtime_ns = static_cast<std::int64_t>(random_()) * 1'000'003 - 1'000'000'000;
    }
    record.sha256 = chance(8) ? std::string(64, 'a') : "";
    record.terms = chance(8) ? std::string(16, 'b') : "";
    record.like = chance(5);
    record.compare_anyway = record.like && chance(3);
    if (chance(2)) record.error = Error{static_cast<ErrorCode>(random_() % 9), text()};
    record.analysis = analysis();
    if (record.like) {
      for (std::size_t i = 0; i < record.analysis.faces.size(); i += 2) {
        record.matches.push_back({static_cast<int>(i), number(1)});
      }
    }
    return record;
  }

 private:
  bool chance(std::uint32_t in_ten) { return random_() % 10 < in_ten; }
  float number(float scale) { return std::uniform_real_distribution<float>(-scale, scale)(random_); }
  std::string text() {
    static const std::vector<std::string> kParts = {"a",
                                                    "\"",
                                                    "\\",
                                                    "\n",
                                                    "\r\n",
                                                    "\t",
                                                    std::string(1, '\0'),
                                                    "\x01",
                                                    "\x7f",
                                                    "</script>",
                                                    "\xc3\xa9",
                                                    "\xe2\x80\xae",
                                                    "\xf0\x9f\x98\x80",
                                                    "\xe2\x80\xa8",
                                                    "photo.jpg",
                                                    "{}",
                                                    "null"};
    std::string out;
    for (std::uint64_t i = random_() % 6; i > 0; --i) out += kParts[random_() % kParts.size()];
    return out;
  }
  std::string name() {
    std::string out = "/photos/" + text();
    if (chance(3)) out += static_cast<char>(0x80 + random_() % 0x80);
    return out + ".jpg";
  }
  // Returns values that a float holds exactly, although a record holds them in double.
  Quality quality() {
    Quality out{number(5000), number(255), number(127), number(300), number(1), {}, {}};
    if (chance(2)) out.occlusion_score = number(1);
    if (chance(7)) out.pose_angles = PoseAngles{number(90), number(90), number(180)};
    return out;
  }
  Analysis analysis() {
    Analysis out;
    if (chance(8)) {
      out.format = "jpeg";
      out.width = static_cast<int>(1 + random_() % 60000);
      out.height = static_cast<int>(1 + random_() % 60000);
      out.detail = static_cast<Detail>(random_() % 3);
    }
    out.phash = chance(5) ? "0123456789abcdef" : "";
    out.taken = chance(5) ? "2019-07-04T12:30:00" : "";
    for (std::uint64_t i = random_() % 4; i > 0; --i) out.faces.push_back(face());
    if (chance(3)) out.quality = quality();
    out.models = {chance(9) ? "centerface" : "", chance(8) ? text() : "", chance(8) ? text() : ""};
    if (chance(8)) {
      out.placement.push_back({"face_detection", "cpu", "cpu", "onnxruntime 1.31.1", text(), {}});
      out.placement.push_back({"quality_checks", "gpu", "cpu", "mien", "CPU", text()});
    }
    out.timings_ms = {0.125, 20, 0, 35.5, 4.25, 0.5, 60.375};
    for (std::uint64_t i = random_() % 3; i > 0; --i) out.warnings.push_back(text());
    return out;
  }
  Face face() {
    Face out;
    out.bbox = {number(6000), number(6000), number(6000), number(6000)};
    if (chance(8)) {
      out.landmarks.emplace();
      for (Point& point : *out.landmarks) point = {number(6000), number(6000)};
    }
    out.det_score = number(1);
    out.scale = number(2);
    out.enhancement_scale = chance(5) ? 1.0F : 3.0F;
    out.rotation = 90 * static_cast<int>(random_() % 4);
    if (chance(8)) out.quality = quality();
    if (chance(7)) out.recognition_quality = number(1);
    if (chance(3)) out.poor_reason = PoorReason::too_dark;
    if (chance(5)) {
      out.embedding.resize(8);
      for (float& value : out.embedding) value = number(3);
    }
    return out;
  }

  std::mt19937 random_;
};

void expect_equal(const std::optional<Quality>& a, const std::optional<Quality>& b) {
  ASSERT_EQ(a.has_value(), b.has_value());
  if (!a) return;
  EXPECT_EQ(a->blur_score, b->blur_score);
  EXPECT_EQ(a->brightness, b->brightness);
  EXPECT_EQ(a->contrast, b->contrast);
  EXPECT_EQ(a->sharpness, b->sharpness);
  EXPECT_EQ(a->overall_score, b->overall_score);
  EXPECT_EQ(a->occlusion_score, b->occlusion_score);
  ASSERT_EQ(a->pose_angles.has_value(), b->pose_angles.has_value());
  if (!a->pose_angles) return;
  EXPECT_EQ(a->pose_angles->yaw, b->pose_angles->yaw);
  EXPECT_EQ(a->pose_angles->pitch, b->pose_angles->pitch);
  EXPECT_EQ(a->pose_angles->roll, b->pose_angles->roll);
}

void expect_equal(const Face& a, const Face& b) {
  EXPECT_EQ(a.recognition_quality, b.recognition_quality);
  EXPECT_EQ(a.poor_reason, b.poor_reason);
  EXPECT_EQ(a.bbox.x1, b.bbox.x1);
  EXPECT_EQ(a.bbox.y1, b.bbox.y1);
  EXPECT_EQ(a.bbox.x2, b.bbox.x2);
  EXPECT_EQ(a.bbox.y2, b.bbox.y2);
  ASSERT_EQ(a.landmarks.has_value(), b.landmarks.has_value());
  for (std::size_t i = 0; a.landmarks && i < a.landmarks->size(); ++i) {
    EXPECT_EQ((*a.landmarks)[i].x, (*b.landmarks)[i].x);
    EXPECT_EQ((*a.landmarks)[i].y, (*b.landmarks)[i].y);
  }
  EXPECT_EQ(a.det_score, b.det_score);
  EXPECT_EQ(a.scale, b.scale);
  EXPECT_EQ(a.enhancement_scale, b.enhancement_scale);
  EXPECT_EQ(a.rotation, b.rotation);
  EXPECT_EQ(a.embedding, b.embedding);
  expect_equal(a.quality, b.quality);
}

void expect_equal(const Analysis& a, const Analysis& b) {
  EXPECT_EQ(a.format, b.format);
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.height, b.height);
  EXPECT_EQ(a.detail, b.detail);
  EXPECT_EQ(a.phash, b.phash);
  EXPECT_EQ(a.taken, b.taken);
  EXPECT_EQ(a.models.detector, b.models.detector);
  EXPECT_EQ(a.models.embedder, b.models.embedder);
  EXPECT_EQ(a.models.embedder_id, b.models.embedder_id);
  EXPECT_EQ(a.warnings, b.warnings);
  EXPECT_EQ(a.timings_ms.read, b.timings_ms.read);
  EXPECT_EQ(a.timings_ms.detect, b.timings_ms.detect);
  EXPECT_EQ(a.timings_ms.total, b.timings_ms.total);
  expect_equal(a.quality, b.quality);
  ASSERT_EQ(a.faces.size(), b.faces.size());
  for (std::size_t i = 0; i < a.faces.size(); ++i) expect_equal(a.faces[i], b.faces[i]);
  ASSERT_EQ(a.placement.size(), b.placement.size());
  for (std::size_t i = 0; i < a.placement.size(); ++i) {
    EXPECT_EQ(a.placement[i].operation, b.placement[i].operation);
    EXPECT_EQ(a.placement[i].requested, b.placement[i].requested);
    EXPECT_EQ(a.placement[i].ran, b.placement[i].ran);
    EXPECT_EQ(a.placement[i].runtime, b.placement[i].runtime);
    EXPECT_EQ(a.placement[i].device, b.placement[i].device);
    EXPECT_EQ(a.placement[i].reason, b.placement[i].reason);
  }
}

void expect_equal(const Record& a, const Record& b) {
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.source_size, b.source_size);
  EXPECT_EQ(a.source_mtime_ns, b.source_mtime_ns);
  EXPECT_EQ(a.sha256, b.sha256);
  EXPECT_EQ(a.terms, b.terms);
  EXPECT_EQ(a.like, b.like);
  ASSERT_EQ(a.error.has_value(), b.error.has_value());
  if (a.error) {
    EXPECT_EQ(a.error->code, b.error->code);
    EXPECT_EQ(a.error->message, b.error->message);
  }
  EXPECT_EQ(a.compare_anyway, b.compare_anyway);
  ASSERT_EQ(a.matches.size(), b.matches.size());
  for (std::size_t i = 0; i < a.matches.size(); ++i) {
    EXPECT_EQ(a.matches[i].face, b.matches[i].face);
    EXPECT_EQ(a.matches[i].similarity, b.matches[i].similarity);
  }
  expect_equal(a.analysis, b.analysis);
}

Record example() {
  Record record = RandomRecords(7).next();
  record.source = "a.jpg";
  record.error.reset();
  Face face;
  face.bbox = {10.5F, 20, 110, 140.25F};
  face.det_score = 0.9F;
  face.embedding = {0.1F, -2, 1e-7F};
  face.quality.emplace();
  record.analysis.faces = {face};
  record.like = true;
  record.matches = {{0, 0.5F}};
  return record;
}

TEST(Record, EveryFieldComesBack) {
  RandomRecords records(1);
  for (int round = 0; round < 500; ++round) {
    const Record record = records.next();
    for (const EmbeddingFormat format : {EmbeddingFormat::json, EmbeddingFormat::base64}) {
      const std::string line = record_to_json(record, format);
      ASSERT_EQ(line.find('\n'), std::string::npos);
      const Result<Record> back = record_from_json(line);
      ASSERT_TRUE(back) << back.error().message << "\n" << line;
      expect_equal(record, *back);
      EXPECT_EQ(record_to_json(*back, format), line);
      if (HasFailure()) FAIL() << line;
    }
  }
}

TEST(Record, EmbeddingsAreWrittenOnlyWhenAskedFor) {
  const Record record = example();
  EXPECT_EQ(record_to_json(record, EmbeddingFormat::none).find("embedding\""), std::string::npos);
  EXPECT_NE(record_to_json(record, EmbeddingFormat::json).find("\"embedding\":[0.1,-2.0,1e-07]"), std::string::npos);
  EXPECT_NE(record_to_json(record, EmbeddingFormat::base64).find("\"embedding\":\"zczMPQAAAMCVv9Yz\""),
            std::string::npos);
}

TEST(Record, KeysAreInTheDocumentedOrder) {
  const nlohmann::ordered_json line = nlohmann::ordered_json::parse(record_to_json(example(), EmbeddingFormat::none));
  std::vector<std::string> keys;
  for (const auto& item : line.items()) {
    if (item.key() != "quality") keys.push_back(item.key());
  }
  const std::vector<std::string> expected = {
      "source", "source_size", "source_mtime_ns", "sha256", "phash",     "format",     "width",    "height", "taken",
      "detail", "faces",       "models",          "terms",  "placement", "timings_ms", "warnings", "error",  "matches"};
  EXPECT_EQ(keys, expected);
}

TEST(Record, SaysWhereARelativeSourceBegins) {
  Record record = example();
  EXPECT_EQ(record_to_json(record, EmbeddingFormat::none).find("source_folder"), std::string::npos);
  record.source_folder = "/home/me";
  const std::string line = record_to_json(record, EmbeddingFormat::none);
  EXPECT_NE(line.find(R"("source_folder":"/home/me")"), std::string::npos) << line;
  EXPECT_EQ(record_from_json(line).take().source_folder, "/home/me");
}

TEST(Summary, IsOneObjectOfNumbers) {
  ScanSummary summary;
  summary.images = 5;
  summary.gone = 2;
  summary.left_out = {{"videos", "video", 212}, {"documents", "document", 3}};
  summary.notes = {"a note"};
  const nlohmann::ordered_json json = nlohmann::ordered_json::parse(summary_to_json(summary));
  EXPECT_EQ(json["images"], 5);
  EXPECT_EQ(json["gone"], 2);
  EXPECT_EQ(json["left_out"].dump(), R"({"videos":212,"documents":3})");
  EXPECT_TRUE(json["threshold"].is_null());
  EXPECT_EQ(json["notes"].size(), 1U);
}

TEST(Record, WhatIsNotKnownIsNull) {
  Record record;
  record.source = "gone.jpg";
  record.error = Error{ErrorCode::not_found, "cannot read gone.jpg"};
  EXPECT_EQ(record_to_json(record, EmbeddingFormat::json),
            R"({"source":"gone.jpg","source_size":null,"source_mtime_ns":null,"sha256":null,)"
            R"("phash":null,"format":null,"width":null,"height":null,"taken":null,"detail":null,"faces":[],)"
            R"("models":{"detector":null,"embedder":null,"embedder_id":null},"terms":null,"placement":{},)"
            R"("timings_ms":{"read":0.0,"decode":0.0,"enhance":0.0,"detect":0.0,"embed":0.0,)"
            R"("quality":0.0,"total":0.0},"warnings":[],)"
            R"("error":{"code":"not_found","message":"cannot read gone.jpg"}})");
}

TEST(Record, OlderRecordsHaveNoDetailNoRotationAndNoTime) {
  Record record = example();
  record.analysis.detail = Detail::full;
  record.analysis.faces[0].rotation = 90;
  nlohmann::json line = nlohmann::json::parse(record_to_json(record, EmbeddingFormat::none));
  EXPECT_EQ(line["detail"], "full");
  EXPECT_EQ(line["faces"][0]["rotation"], 90);
  EXPECT_EQ(line["taken"], nullptr);
  line.erase("taken");
  line.erase("detail");
  line["faces"][0].erase("rotation");
  const Record back = record_from_json(line.dump()).take();
  EXPECT_EQ(back.analysis.detail, Detail::off);
  EXPECT_EQ(back.analysis.faces[0].rotation, 0);
  line["detail"] = "closely";
  EXPECT_FALSE(record_from_json(line.dump()));
  line["detail"] = "off";
  line["faces"][0]["rotation"] = 45;
  EXPECT_FALSE(record_from_json(line.dump()));
}

TEST(Record, NamesThatAreNotUtf8KeepTheirBytes) {
  Record record;
  record.source = "caf\xe9.jpg";
  record.error = Error{ErrorCode::io, "cannot read caf\xe9.jpg"};
  const std::string line = record_to_json(record, EmbeddingFormat::none);
  EXPECT_NE(line.find("\"source\":\"caf\xef\xbf\xbd.jpg\",\"source_base64\":\"Y2Fm6S5qcGc=\""), std::string::npos);
  EXPECT_EQ(record_from_json(line).take().source, record.source);
}

TEST(Record, NumbersThatAreNotFiniteAreZeroAndSaidSo) {
  Record record = example();
  record.analysis.warnings.clear();
  record.analysis.faces[0].bbox.x1 = std::numeric_limits<float>::quiet_NaN();
  record.analysis.faces[0].quality->blur_score = 1e300;
  record.analysis.faces[0].embedding[1] = std::numeric_limits<float>::infinity();
  for (const EmbeddingFormat format : {EmbeddingFormat::json, EmbeddingFormat::base64}) {
    const Record back = record_from_json(record_to_json(record, format)).take();
    EXPECT_EQ(back.analysis.faces[0].bbox.x1, 0);
    EXPECT_EQ(back.analysis.faces[0].quality->blur_score, 0);
    EXPECT_EQ(back.analysis.faces[0].embedding[1], 0);
    ASSERT_EQ(back.analysis.warnings.size(), 1U);
    EXPECT_NE(back.analysis.warnings[0].find("4 numbers"),
              std::string::npos);  // x1, its width, two more
  }
}

TEST(Record, ATornLineIsBadData) {
  const std::string line = record_to_json(example(), EmbeddingFormat::json);
  for (std::size_t size = 0; size < line.size(); ++size) {
    const Result<Record> torn = record_from_json(std::string_view(line).substr(0, size));
    ASSERT_FALSE(torn) << size;
    EXPECT_EQ(torn.error().code, ErrorCode::bad_data);
  }
}

TEST(Record, AnyKeyRemovedOrReplacedIsBadDataThatNamesIt) {
  using Json = nlohmann::ordered_json;
  const Json whole = Json::parse(record_to_json(example(), EmbeddingFormat::json));
  for (const auto& item : whole.items()) {
    // These are not in every line.
    if (item.key() == "matches" || item.key() == "quality") continue;
    Json without = whole;
    without.erase(item.key());
    const Result<Record> read = record_from_json(without.dump());
    if (item.key() == "detail" || item.key() == "taken") {
      EXPECT_TRUE(read) << "older records have none";
    } else {
      ASSERT_FALSE(read) << item.key();
      EXPECT_NE(read.error().message.find('"' + item.key() + '"'), std::string::npos) << read.error().message;
    }
    Json replaced = whole;
    replaced[item.key()] = true;
    EXPECT_FALSE(record_from_json(replaced.dump())) << item.key();
  }
}

TEST(Record, ForeignLinesAreBadData) {
  const std::string line = record_to_json(example(), EmbeddingFormat::none);
  for (const std::string& foreign : {std::string("null"), std::string("[]"), std::string("{}"), std::string("\"text\""),
                                     std::string("\xff\xfe"), std::string(100000, '['), line + line,
                                     std::string("{\"source\":\"\xe9\"}"), std::string("{\"source\":1e999}")}) {
    const Result<Record> read = record_from_json(foreign);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::bad_data);
    EXPECT_LT(read.error().message.size(), 400U);
  }
}

TEST(Record, MatchesMustNameAFaceOfTheImage) {
  Record record = example();
  record.matches[0].face = 1;
  EXPECT_FALSE(record_from_json(record_to_json(record, EmbeddingFormat::none)));
}

TEST(Record, KeysOfLaterVersionsAreLeftAlone) {
  std::string line = record_to_json(example(), EmbeddingFormat::none);
  line.insert(1, "\"later\":{\"x\":[1,2]},");
  EXPECT_TRUE(record_from_json(line));
}

TEST(Record, TheExamplesOfTheDocumentationAreExact) {
  std::ifstream file(std::string(MIEN_TEST_DATA) + "/../../docs/formats.md");
  int examples = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] != '{') continue;
    const Result<Record> record = record_from_json(line);
    ASSERT_TRUE(record) << record.error().message;
    EXPECT_EQ(record_to_json(*record, EmbeddingFormat::none), line);
    ++examples;
  }
  EXPECT_EQ(examples, 2);
}

TEST(Record, OneHundredThousandLinesTakeSeconds) {
  Record record = example();
  record.analysis.faces.resize(3, record.analysis.faces[0]);
  for (Face& face : record.analysis.faces) {
    face.landmarks.emplace();
    face.quality->pose_angles.emplace();
  }
  const std::string line = record_to_json(record, EmbeddingFormat::none);
  constexpr int kLines = 5000;              // a twentieth, so that the sanitizer builds finish too
  const std::clock_t start = std::clock();  // of the processor: others may keep it busy
  for (int i = 0; i < kLines; ++i) ASSERT_TRUE(record_from_json(line));
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  RecordProperty("microseconds_per_line", std::to_string(seconds / kLines * 1e6));
  // Measured: 15 us on a busy core of a small machine; far above it something is quadratic.
  EXPECT_LT(seconds, 10);
}

}  // namespace
}  // namespace mien
