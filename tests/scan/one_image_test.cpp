// What a caller's image becomes: the record of a scan, but for what only a file on a disk has.
#include "scan/one_image.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>

#include "mien/tools/stream.h"
#include "support/device_scene.h"
#include "support/test_device.h"

namespace mien {
namespace {

// Without what depends on where the bytes were, and on the clock.
std::string comparable(const Record& record, EmbeddingFormat embeddings) {
  nlohmann::ordered_json line = nlohmann::ordered_json::parse(record_to_json(record, embeddings));
  for (const char* key : {"source", "source_folder", "source_size", "source_mtime_ns", "terms", "timings_ms"}) {
    line.erase(key);
  }
  return line.dump();
}

TEST(OneImageTest, IsTheRecordOfAScan) {
  const test::TinyEngineFiles files;
  std::vector<test::ByteVector> pictures = test::make_device_pictures(4);
  pictures.push_back({'n', 'o', ' ', 'p', 'h', 'o', 't', 'o'});
  pictures.push_back(pictures.front());
  pictures.back().resize(pictures.back().size() / 2);
  const test::ScratchFolder folder;
  for (const EmbeddingFormat embeddings : {EmbeddingFormat::none, EmbeddingFormat::base64}) {
    EngineOptions of_scan = files.options(test::plain_settings());
    of_scan.load_embedder = embeddings != EmbeddingFormat::none;
    ScanOptions scan_options;
    scan_options.embeddings = embeddings;
    scan_options.analyze.phash = true;
    scan_options.analyze.image_quality = true;
    std::map<std::string, test::ByteVector> by_name;
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      const std::string path = folder.add(std::to_string(i) + ".jpg", pictures[i]);
      scan_options.sources.push_back(path);
      by_name[path] = pictures[i];
    }
    const Engine engine(files.options(test::plain_settings()));  // for all that callers may ask
    AnalyzeOptions options = scan_options.analyze;
    options.embed = embeddings != EmbeddingFormat::none;
    Workspace workspace;
    ScanCallbacks callbacks;
    int records = 0;
    int failed = 0;
    callbacks.on_record = [&](const Record& record, const std::string&) {
      const Record own = analyze_to_record(engine, by_name.at(record.source), options, workspace);
      EXPECT_EQ(comparable(own, embeddings), comparable(record, embeddings));
      EXPECT_EQ(own.sha256.size(), 64U);
      ++records;
      failed += own.error ? 1 : 0;
    };
    (void)scan(Engine(of_scan), scan_options, callbacks, {});
    EXPECT_EQ(records, static_cast<int>(pictures.size()));
    EXPECT_EQ(failed, 1);
  }
}

// Images in work at once, each with options of its own: what each would be alone, in their order. One that is stopped
// ends alone.
TEST(RecordStreamTest, EachImageHasOptionsOfItsOwn) {
  const test::TestDevice device;
  const test::TinyEngineFiles files;
  const std::vector<test::ByteVector> pictures = test::make_device_pictures(4);
  const Engine engine(files.options(test::device_settings(GpuMode::require)));
  const Engine cpu(files.options(test::plain_settings()));
  std::stop_source stopped;
  stopped.request_stop();
  std::vector<AnalyzeOptions> options(24);
  for (std::size_t i = 0; i < options.size(); ++i) {
    options[i].det_threshold = i % 2 == 0 ? 0.3F : 0.9F;
    options[i].embed = i % 3 == 0;
    options[i].phash = i % 5 == 0;
    if (i == 7) options[i].stop = stopped.get_token();
  }
  std::size_t given = 0;
  std::size_t largest_lead = 0;  // images in work at once
  std::vector<Record> records;
  RecordStream stream;
  stream.next = [&](std::optional<std::chrono::milliseconds>) -> std::optional<StreamImage> {
    if (given == options.size()) return std::nullopt;
    largest_lead = std::max(largest_lead, given - records.size());
    const std::size_t index = given++;
    return StreamImage{pictures[index % pictures.size()], &options[index]};
  };
  stream.on_record = [&](Record record) { records.push_back(std::move(record)); };
  Workspace workspace;
  records_of_stream(engine, stream, workspace);
  ASSERT_EQ(records.size(), options.size());
  EXPECT_GT(largest_lead, 4U) << "images wait for one another";
  for (std::size_t i = 0; i < records.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(records[i].error.has_value(), i == 7);
    if (i == 7) continue;
    Record alone = analyze_to_record(cpu, pictures[i % pictures.size()], options[i], workspace);
    EXPECT_EQ(records[i].sha256, alone.sha256);
    EXPECT_EQ(records[i].analysis.phash, alone.analysis.phash);
    EXPECT_EQ(records[i].analysis.models.embedder, alone.analysis.models.embedder);
    ASSERT_EQ(records[i].analysis.faces.size(), alone.analysis.faces.size());
    for (std::size_t f = 0; f < alone.analysis.faces.size(); ++f) {
      EXPECT_EQ(records[i].analysis.faces[f].bbox.x1, alone.analysis.faces[f].bbox.x1);
      EXPECT_EQ(records[i].analysis.faces[f].embedding.size(), alone.analysis.faces[f].embedding.size());
    }
  }
}

}  // namespace
}  // namespace mien
