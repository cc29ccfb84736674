// What a caller's image becomes: the record of a scan, but for what only a file on a disk has.
#include "scan/one_image.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "support/device_scene.h"

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

}  // namespace
}  // namespace mien
