#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "scan/loop.h"
#include "scan/resume.h"
#include "scan/scan_files.h"

namespace mien {
namespace {

using std::chrono::milliseconds;

// The loop with an analysis that reads instructions instead of pixels: "faces 2", "bad", "slow 20" (ms), "throw",
// "await 9" (until so many images were begun).
class LoopTest : public ScanFilesTest {
 protected:
  struct Setup {
    std::vector<std::string> sources = {};
    std::string out = {};
    bool resume = false;
    int threads = 4;
    EmbeddingFormat embeddings = EmbeddingFormat::none;
    const WantedPerson* person = nullptr;
    std::size_t image_bytes_max = 1000;
  };

  ScanSummary run(const Setup& setup, const std::stop_token& stop = {}) {
    records_.clear();
    analyzed_ = 0;
    const std::shared_ptr<Source> sources = open_sources({.paths = setup.sources});
    RecordFile file({setup.out, setup.resume, false});
    const auto paths = std::make_shared<KnownPaths>();
    KnownContents contents;
    ScanSummary summary;
    if (setup.resume) {
      const ScanSummary kept = resume_records(
          file, {{"detector", "embedder"}, "", setup.person != nullptr, setup.embeddings, false}, *paths, contents);
      summary.images = summary.resumed = kept.images;
    }
    const std::unique_ptr<Sink> sink = file_sink(file, setup.embeddings);
    const LoopParts parts{.sources = sources,
                          .sink = *sink,
                          .paths = paths,
                          .contents = contents,
                          .analyze = one_by_one([this](Bytes bytes, Workspace&) { return analyze(bytes); }),
                          .person = setup.person,
                          .terms = "",
                          .image_bytes_max = setup.image_bytes_max,
                          .threads = setup.threads};
    ScanCallbacks callbacks;
    callbacks.on_record = [&](const Record& record, const std::string& line) {
      EXPECT_EQ(record_from_json(line).take().source, record.source);
      records_.push_back(record);
      if (on_record_) on_record_(record);
    };
    callbacks.on_progress = [&](const ScanProgress& progress) { progress_.push_back(progress); };
    run_loop(parts, callbacks, stop, summary);
    return summary;
  }

  Result<Analysis> analyze(Bytes bytes) {
    ++analyzed_;
    std::istringstream words(std::string(bytes.begin(), bytes.end()));
    Analysis analysis;
    analysis.format = "test";
    analysis.width = analysis.height = 10;
    analysis.models = {"detector", "embedder"};
    analysis.placement = {{"face_detection", "cpu", "cpu", "test", "test", {}}};
    for (std::string word; words >> word;) {
      int value = 0;
      if (word == "bad") return Error{ErrorCode::bad_data, "told to be bad"};
      if (word == "throw") throw std::runtime_error("told to throw");
      if (word == "fallback") analysis.placement[0] = {"face_detection", "gpu", "cpu", "test", "test", "no GPU"};
      if (word == "gpu") analysis.placement[0] = {"face_detection", "gpu", "cuda", "test", "test", {}};
      if (word == "slow" && words >> value) std::this_thread::sleep_for(milliseconds(value));
      if (word == "await" && words >> value) {
        for (int ms = 0; ms < 20'000 && analyzed_ < value; ++ms) std::this_thread::sleep_for(milliseconds(1));
      }
      if (word == "faces" && words >> value) {
        for (int i = 0; i < value; ++i) {
          Face face;
          face.bbox = {1, 2, 3, 4};
          face.embedding = {1, static_cast<float>(i)};
          analysis.models.embedder_id = "one";
          analysis.faces.push_back(face);
        }
      }
      for (std::size_t i = 0; word == "poor" && i < analysis.faces.size(); i += 2) {
        analysis.faces[i].recognition_quality = 0.2F;
        analysis.faces[i].poor_reason = PoorReason::too_small;
      }
    }
    return analysis;
  }

  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const Record& record : records_) result.push_back(record.source.substr(folder_.size() + 1));
    return result;
  }

  std::vector<Record> records_;  // in the order of the callback
  std::vector<ScanProgress> progress_;
  std::atomic<int> analyzed_{0};
  std::function<void(const Record&)> on_record_;
};

TEST_F(LoopTest, WritesOneRecordAnImageInOrder) {
  for (int i = 100; i < 700; ++i) {
    put("d/" + std::to_string(i) + ".jpg", "image " + std::to_string(i) + (i % 50 == 0 ? " slow 5" : ""));
  }
  for (const int threads : {1, 4}) {
    const std::string out = path("out" + std::to_string(threads));
    const ScanSummary summary = run({.sources = {path("d")}, .out = out, .threads = threads});
    EXPECT_EQ(summary.images, 600);
    EXPECT_EQ(summary.analyzed, 600);
    EXPECT_EQ(summary.failed, 0);
    EXPECT_FALSE(summary.interrupted);
    ASSERT_EQ(records_.size(), 600U);
    for (int i = 0; i < 600; ++i) {
      ASSERT_EQ(records_[static_cast<std::size_t>(i)].source, path("d/" + std::to_string(i + 100) + ".jpg"));
    }
    const std::vector<std::string> written = lines(out);
    ASSERT_EQ(written.size(), 600U);
    EXPECT_EQ(record_from_json(written[599]).take().source, path("d/699.jpg"));
    EXPECT_EQ(mode(out), 0600U);
    EXPECT_EQ(progress_.back().done, 600);
    EXPECT_EQ(progress_.back().found, 600);
    EXPECT_TRUE(progress_.back().listing_finished);
  }
}

TEST_F(LoopTest, OneSlowImageStopsTheOthersOnlyAtTheWindow) {
  put("d/0.jpg", "await 200");
  for (int i = 1; i < 200; ++i) put("d/" + std::to_string(i) + ".jpg", "image " + std::to_string(i));
  int analyzed_at_first_record = 0;
  on_record_ = [&](const Record&) {
    if (records_.size() == 1) analyzed_at_first_record = analyzed_;
  };
  run({.sources = {path("d")}, .threads = 2});
  EXPECT_EQ(analyzed_at_first_record, 200);
  EXPECT_EQ(records_.size(), 200U);
}

TEST_F(LoopTest, RecordsWhatCannotBeRead) {
  put("good.jpg", "faces 1");
  put("bad.jpg", "bad");
  put("large.jpg", std::string(1001, 'x'));
  put("empty.jpg", "");
  ASSERT_EQ(::mkfifo(path("pipe.jpg").c_str(), 0600), 0);
  std::filesystem::create_symlink(path("nowhere"), path("broken.jpg"));
  const ScanSummary summary = run({.sources = {folder_, path("absent.jpg")}});
  EXPECT_EQ(names(), (std::vector<std::string>{"bad.jpg", "broken.jpg", "empty.jpg", "good.jpg", "large.jpg",
                                               "pipe.jpg", "absent.jpg"}));
  const std::vector<std::optional<ErrorCode>> expected = {
      ErrorCode::bad_data, ErrorCode::not_found, {}, {}, ErrorCode::limit_exceeded,
      ErrorCode::io,       ErrorCode::not_found};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(records_[i].error.has_value(), expected[i].has_value()) << records_[i].source;
    if (expected[i] && records_[i].error) {
      EXPECT_EQ(records_[i].error->code, *expected[i]) << records_[i].source;
    }
  }
  EXPECT_EQ(summary.failed, 5);
  EXPECT_EQ(summary.faces, 1);
  EXPECT_EQ(records_[4].source_size, 1001);
  EXPECT_EQ(records_[6].source_size, -1);
  EXPECT_EQ(records_[3].sha256.size(), 64U);
  EXPECT_GT(records_[3].analysis.timings_ms.read, 0);
}

TEST_F(LoopTest, RecordsAPathOnceHoweverOftenItIsNamed) {
  put("d/1.jpg", "one");
  run({.sources = {path("d"), path("d/1.jpg"), path("d/"), path("d/../d/1.jpg"), path("d/.")}});
  EXPECT_EQ(names(), std::vector<std::string>{"d/1.jpg"});
}

TEST_F(LoopTest, AnalysesTheSameContentOnce) {
  // Slow, so that all copies arrive while the first is in work; the last comes when it is written.
  for (int i = 0; i < 20; ++i) put("d/a" + std::to_string(i + 10) + ".jpg", "slow 30 faces 3");
  for (int i = 0; i < 400; ++i) put("d/b" + std::to_string(i + 100) + ".jpg", "other " + std::to_string(i));
  put("d/z.jpg", "slow 30 faces 3");
  put("d/bad1.jpg", "bad");
  put("d/bad2.jpg", "bad");
  const ScanSummary summary = run({.sources = {path("d")}, .out = path("out"), .threads = 8});
  EXPECT_EQ(analyzed_, 402);
  EXPECT_EQ(summary.analyzed, 402);
  EXPECT_EQ(summary.duplicates, 21);
  EXPECT_EQ(summary.images, 423);
  EXPECT_EQ(summary.failed, 2);
  EXPECT_EQ(summary.faces, 63);
  for (const Record& record : records_) {
    EXPECT_EQ(record.sha256.size(), 64U);
    EXPECT_GT(record.source_size, 0);
  }
  const Record last = record_from_json(lines(path("out")).back()).take();
  EXPECT_EQ(last.source, path("d/z.jpg"));
  EXPECT_EQ(last.analysis.faces.size(), 3U);
  EXPECT_EQ(summary.placement_counts, std::vector<std::string>{"face_detection: cpu 401 of 401 images"});
}

// The first in order may find its content in the hands of a later one.
TEST_F(LoopTest, ManyEqualImagesOnManyThreadsEndWithoutWaitingForEachOther) {
  for (int i = 0; i < 300; ++i) put("d/" + std::to_string(i + 1000) + ".jpg", "slow 1 same " + std::to_string(i % 3));
  for (int round = 0; round < 5; ++round) {
    const ScanSummary summary = run({.sources = {path("d")}, .threads = 16});
    EXPECT_EQ(analyzed_, 3);
    EXPECT_EQ(summary.images, 300);
    EXPECT_EQ(summary.duplicates, 297);
  }
}

TEST_F(LoopTest, DropsEmbeddingsUnlessTheyAreAskedFor) {
  put("d/1.jpg", "faces 2");
  put("d/2.jpg", "faces 2");
  run({.sources = {path("d")}, .out = path("out")});
  for (const Record& record : records_) EXPECT_TRUE(record.analysis.faces[1].embedding.empty());
  EXPECT_EQ(get(path("out")).find("embedding\":"), std::string::npos);
  run({.sources = {path("d")}, .embeddings = EmbeddingFormat::base64});
  for (const Record& record : records_) EXPECT_EQ(record.analysis.faces[1].embedding, (std::vector<float>{1, 1}));
}

TEST_F(LoopTest, ComparesFacesWithThePersonLookedFor) {
  put("d/1.jpg", "faces 4");  // embeddings (1, 0), (1, 1), (1, 2), (1, 3)
  put("d/2.jpg", "faces 4");
  put("d/3.jpg", "faces 0");
  WantedPerson person;
  person.models.embedder_id = "one";
  person.embedding = {1, 1};
  person.threshold = 0.9F;
  const ScanSummary summary = run({.sources = {path("d")}, .person = &person});
  EXPECT_EQ(summary.matched_images, 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const std::vector<Match>& matches = records_[i].matches;
    ASSERT_EQ(matches.size(), 2U);
    EXPECT_EQ(matches[0].face, 1);
    EXPECT_NEAR(matches[0].similarity, 1, 1e-6);
    EXPECT_EQ(matches[1].face, 2);
    EXPECT_NEAR(matches[1].similarity, 3 / std::sqrt(10.0), 1e-6);
    EXPECT_TRUE(records_[i].like);
    EXPECT_TRUE(records_[i].analysis.faces[0].embedding.empty());
  }
  EXPECT_TRUE(records_[2].like);
}

TEST_F(LoopTest, PoorFacesMatchNoPoorPhoto) {
  // "poor": every other face is below the floor, the first one among them.
  put("d/1.jpg", "faces 4 poor");  // embeddings (1, 0), (1, 1), (1, 2), (1, 3)
  WantedPerson person;
  person.models.embedder_id = "one";
  person.embedding = {1, 2};
  person.threshold = 0.9F;
  const auto faces_matched = [&] {
    std::vector<int> faces;
    for (const Match& match : records_.back().matches) faces.push_back(match.face);
    return faces;
  };
  EXPECT_EQ(run({.sources = {path("d")}, .person = &person}).poor_faces, 2);
  EXPECT_EQ(faces_matched(), (std::vector<int>{2, 3, 1}));
  EXPECT_FALSE(records_.back().compare_anyway);
  person.is_poor = true;
  run({.sources = {path("d")}, .person = &person});
  EXPECT_EQ(faces_matched(), (std::vector<int>{3, 1}));
  person.compare_anyway = true;
  run({.sources = {path("d")}, .out = path("out"), .person = &person});
  EXPECT_EQ(faces_matched(), (std::vector<int>{2, 3, 1}));
  EXPECT_TRUE(records_.back().compare_anyway);
  EXPECT_NE(get(path("out")).find("\"compare_anyway\":true"), std::string::npos);
}

TEST_F(LoopTest, TellsTheBestSimilarityOfAPhotoWithoutAMatchAndDoesNotWriteIt) {
  put("d/1.jpg", "faces 2");  // embeddings (1, 0), (1, 1)
  put("d/2.jpg", "faces 0");
  WantedPerson person;
  person.models.embedder_id = "one";
  person.embedding = {0, 1};
  person.threshold = 0.9F;
  run({.sources = {path("d")}, .out = path("out"), .person = &person});
  EXPECT_TRUE(records_[0].matches.empty());
  ASSERT_TRUE(records_[0].best_similarity.has_value());
  EXPECT_NEAR(*records_[0].best_similarity, 1 / std::sqrt(2.0), 1e-6);
  EXPECT_FALSE(records_[1].best_similarity.has_value());
  EXPECT_EQ(get(path("out")).find("0.707"), std::string::npos);
}

TEST_F(LoopTest, NeverComparesEmbeddingsOfDifferentModels) {
  put("d/1.jpg", "faces 4");
  for (const char* id : {"another", ""}) {
    WantedPerson person;
    person.models = {"", "other_model", id};
    person.embedding = {1, 1};
    try {
      run({.sources = {path("d")}, .person = &person});
      ADD_FAILURE() << "compared";
    } catch (const Exception& error) {
      EXPECT_EQ(error.error().code, ErrorCode::invalid_argument);
      EXPECT_NE(error.error().message.find(id), std::string::npos);
      EXPECT_NE(error.error().message.find("one"), std::string::npos);
    }
  }
}

TEST_F(LoopTest, SaysWhereOperationsRan) {
  put("1.jpg", "gpu 1");
  put("2.jpg", "gpu 2");
  put("3.jpg", "fallback");
  const ScanSummary summary = run({.sources = {folder_}});
  ASSERT_EQ(summary.placement.size(), 1U);
  EXPECT_EQ(summary.placement[0].ran, "mixed");
  EXPECT_EQ(summary.placement[0].reason, "no GPU");
  EXPECT_EQ(summary.placement_counts,
            std::vector<std::string>{"face_detection: cpu 1 of 3 images, cuda 2 of 3 images (no GPU)"});
}

TEST_F(LoopTest, ResumesWithoutOpeningWhatIsUnchanged) {
  for (int i = 0; i < 10; ++i) put("d/" + std::to_string(i) + ".jpg", "image " + std::to_string(i));
  run({.sources = {path("d")}, .out = path("out")});
  put("d/3.jpg", "changed, and longer");
  put("d/new.jpg", "image 5");  // known content
  std::filesystem::remove(path("d/7.jpg"));
  const ScanSummary summary = run({.sources = {path("d")}, .out = path("out"), .resume = true});
  EXPECT_EQ(names(), (std::vector<std::string>{"d/3.jpg", "d/new.jpg"}));
  EXPECT_EQ(analyzed_, 1);
  EXPECT_EQ(summary.resumed, 9);
  EXPECT_EQ(summary.duplicates, 1);
  EXPECT_EQ(summary.images, 11);
  EXPECT_EQ(progress_.back().done, progress_.back().found);
  std::map<std::string, int> seen;
  for (const std::string& line : lines(path("out"))) ++seen[record_from_json(line).take().source];
  EXPECT_EQ(seen.size(), 11U);
  for (const auto& [source, count] : seen) EXPECT_EQ(count, 1) << source;
  run({.sources = {path("d")}, .out = path("out"), .resume = true});
  EXPECT_TRUE(records_.empty());
}

TEST_F(LoopTest, StopsSoonAndKeepsWhatIsDone) {
  for (int i = 0; i < 300; ++i) put("d/" + std::to_string(i + 1000) + ".jpg", "slow 10 n " + std::to_string(i));
  std::stop_source stop;
  on_record_ = [&](const Record&) {
    if (records_.size() == 20) stop.request_stop();
  };
  const ScanSummary summary = run({.sources = {path("d")}, .out = path("out")}, stop.get_token());
  EXPECT_TRUE(summary.interrupted);
  EXPECT_GE(summary.images, 20);
  EXPECT_LT(summary.images, 200);
  EXPECT_EQ(lines(path("out")).size(), static_cast<std::size_t>(summary.images));
  // The images that were begun are written, but for those that others have overtaken.
  EXPECT_GE(analyzed_, summary.images);
  EXPECT_LE(analyzed_, summary.images + 4);
  on_record_ = nullptr;
  EXPECT_EQ(run({.sources = {path("d")}, .out = path("out"), .resume = true}).images, 300);
  EXPECT_EQ(lines(path("out")).size(), 300U);
}

TEST_F(LoopTest, AStopAfterTheLastImageIsNoInterruption) {
  put("1.jpg");
  std::stop_source stop;
  on_record_ = [&](const Record&) {
    std::this_thread::sleep_for(milliseconds(50));  // the end of the listing is seen by now
    stop.request_stop();
  };
  EXPECT_FALSE(run({.sources = {folder_}}, stop.get_token()).interrupted);
  std::stop_source before;
  before.request_stop();
  on_record_ = nullptr;
  EXPECT_TRUE(run({.sources = {folder_}}, before.get_token()).interrupted);
}

TEST_F(LoopTest, PassesOnWhatAnalysisOrCallbacksThrow) {
  for (int i = 0; i < 400; ++i) put("d/" + std::to_string(i + 1000) + ".jpg", "n " + std::to_string(i));
  put("d/1200.jpg", "throw");
  EXPECT_THROW(run({.sources = {path("d")}, .out = path("a")}), std::runtime_error);
  std::filesystem::remove(path("d/1200.jpg"));
  on_record_ = [&](const Record&) {
    if (records_.size() == 50) throw std::logic_error("callback");
  };
  EXPECT_THROW(run({.sources = {path("d")}, .out = path("b")}), std::logic_error);
  EXPECT_EQ(lines(path("b")).size(), 50U);
  on_record_ = nullptr;
  EXPECT_THROW(run({.sources = {path("d")}, .out = "/dev/full"}), Exception);
}

TEST_F(LoopTest, ASecondScanCannotWriteToTheSameFile) {
  put("1.jpg");
  const RecordFile other({path("out"), false, false});
  EXPECT_THROW(run({.sources = {folder_}, .out = path("out")}), Exception);
}

// ---- Looking for a person

class LikeTest : public ScanFilesTest {
 protected:
  // A photo with square faces of these sides; a face of side 0 has no embedding.
  WantedPerson person_of(const std::vector<float>& sides) {
    const Analyze analyze = [&](Bytes, Workspace&) -> Result<Analysis> {
      Analysis analysis;
      for (const float side : sides) {
        Face& face = analysis.faces.emplace_back();
        face.bbox = {0, 0, side, side};
        if (side > 0) face.embedding = {side, 1};
      }
      return analysis;
    };
    return read_wanted_person(put("photo.jpg"), analyze, 1000);
  }
  static ModelInfo embedder() {
    ModelInfo model;
    model.name = "model";
    model.threshold_verify = 0.2F;
    model.threshold_search = 0.4F;
    model.rate_verify = 1e-3;
    model.rate_search = 1e-5;
    return model;
  }
};

TEST_F(LikeTest, TakesTheFaceThatStandsOut) {
  EXPECT_EQ(person_of({50}).embedding[0], 50);
  EXPECT_TRUE(person_of({50}).notes.empty());
  EXPECT_TRUE(person_of({50, 0}).notes.empty());
  const WantedPerson person = person_of({30, 100, 20});
  EXPECT_EQ(person.embedding[0], 100);
  ASSERT_EQ(person.notes.size(), 1U);
  EXPECT_NE(person.notes[0].find("3 faces"), std::string::npos);
}

TEST_F(LikeTest, SaysBeforehandThatThePhotoIsPoor) {
  WantedPerson person = person_of({50});
  EXPECT_TRUE(poor_photo_warning(person, "me.jpg").empty());
  person.is_poor = true;
  person.poor_reason = PoorReason::too_dark;
  const std::string warning = poor_photo_warning(person, "me.jpg");
  for (const char* part : {"me.jpg", "too_dark", "only good faces"}) {
    EXPECT_NE(warning.find(part), std::string::npos) << warning;
  }
  person.compare_anyway = true;
  EXPECT_EQ(poor_photo_warning(person, "me.jpg").find("only good faces"), std::string::npos);
}

TEST_F(LikeTest, RefusesPhotosThatNameNobody) {
  EXPECT_THROW(person_of({}), Exception);
  EXPECT_THROW(person_of({0}), Exception);
  EXPECT_THROW(person_of({50, 49}), Exception);
  const Analyze bad = [](Bytes, Workspace&) -> Result<Analysis> { return Error{ErrorCode::bad_data, "no image"}; };
  try {
    read_wanted_person(put("photo.jpg"), bad, 1000);
    FAIL() << "nothing was thrown";
  } catch (const Exception& error) {
    EXPECT_EQ(error.error().code, ErrorCode::bad_data);
    EXPECT_NE(error.error().message.find("photo.jpg"), std::string::npos);
  }
  try {
    read_wanted_person(path("absent.jpg"), bad, 1000);
    FAIL() << "nothing was thrown";
  } catch (const Exception& error) {
    EXPECT_EQ(error.error().code, ErrorCode::not_found);
  }
}

TEST_F(LikeTest, ChoosesTheThreshold) {
  EXPECT_FLOAT_EQ(choose_threshold(embedder(), {}), 0.4F);
  EXPECT_FLOAT_EQ(choose_threshold(embedder(), 0.3F), 0.3F);
  ModelInfo unknown;
  unknown.name = "mine";
  EXPECT_THROW(choose_threshold(unknown, {}), Exception);
  EXPECT_FLOAT_EQ(choose_threshold(unknown, 0.3F), 0.3F);
  for (const float bad : {1.5F, -1.5F, std::nanf("")}) EXPECT_THROW(choose_threshold(embedder(), bad), Exception);
}

TEST_F(LikeTest, EstimatesFalseMatchesOnlyWhereTheModelTells) {
  EXPECT_DOUBLE_EQ(*false_match_rate(embedder(), 0.4F).rate, 1e-5);
  EXPECT_TRUE(false_match_rate(embedder(), 0.4F).note.empty());
  EXPECT_DOUBLE_EQ(*false_match_rate(embedder(), 0.2F).rate, 1e-3);
  EXPECT_NEAR(*false_match_rate(embedder(), 0.3F).rate, 1e-4, 1e-9);  // halfway in the logarithm
  EXPECT_FALSE(false_match_rate(embedder(), 0.3F).note.empty());
  EXPECT_DOUBLE_EQ(*false_match_rate(embedder(), 0.6F).rate, 1e-5);
  EXPECT_FALSE(false_match_rate(embedder(), 0.6F).note.empty());
  EXPECT_FALSE(false_match_rate(embedder(), 0.1F).rate);
  ModelInfo measured = embedder();  // on poor photos too
  measured.rate_search_max = 1e-4;
  EXPECT_DOUBLE_EQ(*false_match_rate(measured, 0.4F).rate, 1e-4);
  measured.rate_search_max = 1e-6;
  EXPECT_DOUBLE_EQ(*false_match_rate(measured, 0.4F).rate, 1e-5);
  EXPECT_FALSE(false_match_rate(ModelInfo{}, 0.4F).rate);
  ModelInfo unmeasured = embedder();  // a threshold that somebody published without saying what it stands for
  unmeasured.rate_verify = unmeasured.rate_search = std::nullopt;
  EXPECT_FALSE(false_match_rate(unmeasured, 0.4F).rate);
}

TEST(CropName, IsSafeWhateverThePhotoIsCalled) {
  const std::string sha(64, 'a');
  EXPECT_EQ(crop_name("x/IMG 1.png", sha, 0), "IMG_1_aaaaaaaaaaaa_0.jpg");
  EXPECT_EQ(crop_name("../..", sha, 2), "_._aaaaaaaaaaaa_2.jpg");
  EXPECT_EQ(crop_name("-rf.jpg", sha, 0), "_-rf_aaaaaaaaaaaa_0.jpg");
  EXPECT_EQ(crop_name(".hidden.jpg", sha, 0), "_.hidden_aaaaaaaaaaaa_0.jpg");
  EXPECT_EQ(crop_name("a\n\xff$(b).jpg", sha, 0), "a____b__aaaaaaaaaaaa_0.jpg");
  EXPECT_LT(crop_name(std::string(300, 'a'), sha, 0).size(), 120U);
}

}  // namespace
}  // namespace mien
