// The loop with the store as its end, and an analysis that reads instructions instead of pixels.
#include "scan/store_sink.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <thread>

#include "scan/indexed.h"
#include "scan/loop.h"
#include "scan/scan_files.h"
#include "support/store_scene.h"

namespace mien {
namespace {

// "face 7 10" is a face of person 7, 10 pixels from the left; "bad" cannot be decoded.
class StoreSinkTest : public ScanFilesTest {
 protected:
  StoreSinkTest() : store_({path("people.mien"), StoreOptions::Access::create}) {}

  struct Run {
    ScanSummary summary;
    IndexedPhotos found;
  };

  Run run(const std::string& terms = "terms", const std::stop_token& stop = {}) {
    analyzed_ = 0;
    const std::vector<std::string> sources = {path("d")};
    const auto paths = std::make_shared<KnownPaths>();
    KnownContents contents;
    Run result;
    result.found = find_indexed(store_, sources, terms, *paths, contents);
    result.summary = result.found.kept;
    store_.set_gone(result.found.gone, true);
    store_.set_gone(result.found.back, false);
    const std::unique_ptr<Sink> sink = store_sink(store_, sources);
    const LoopParts parts{.sources = open_sources({.paths = sources}),
                          .sink = *sink,
                          .paths = paths,
                          .contents = contents,
                          .analyze = one_by_one([this](Bytes bytes, Workspace&) { return analyze(bytes); }),
                          .terms = terms,
                          .threads = 4};
    ScanCallbacks callbacks;
    callbacks.on_record = [&](const Record& record, const std::string& line) {
      EXPECT_EQ(line, "");
      if (on_record_) on_record_(record);
    };
    run_loop(parts, callbacks, stop, result.summary);
    return result;
  }

  Result<Analysis> analyze(Bytes bytes) {
    ++analyzed_;
    std::istringstream words(std::string(bytes.begin(), bytes.end()));
    Analysis analysis;
    analysis.format = "test";
    analysis.width = analysis.height = 1000;
    analysis.models = {"detector", "tiny", embedder_};
    for (std::string word; words >> word;) {
      if (word == "bad") return Error{ErrorCode::bad_data, "told to be bad"};
      if (word == "io") return Error{ErrorCode::io, "told to fail for now"};
      std::uint32_t person = 0;
      float left = 0;
      if (word != "face" || !(words >> person >> left)) continue;
      Face face;
      face.bbox = {left, 10, left + 50, 60};
      face.det_score = 0.9F;
      face.embedding = made_up_embedding(person);
      analysis.faces.push_back(face);
    }
    return analysis;
  }

  std::int64_t vectors() const {
    std::int64_t count = 0;
    store_.visit_vectors("tiny-a", [&](const StoredVector&) { ++count; });
    return count;
  }
  std::string sha256_at(const std::string& name) const { return store_.find_place(path(name))->sha256; }
  // Verdicts of a content, by the left side of their boxes.
  std::map<int, PersonId> said_of(const std::string& sha256) const {
    std::map<int, PersonId> said;
    store_.visit_operations([&](const PersonOperation& operation) {
      if (operation.is_undone) return;
      for (const Statement& one : operation.statements) {
        if (one.place.sha256 == sha256) said[static_cast<int>(one.place.bbox.x1)] = one.person;
      }
    });
    return said;
  }

  Store store_;
  std::string embedder_ = "tiny-a";
  std::atomic<int> analyzed_{0};
  std::function<void(const Record&)> on_record_;
};

TEST_F(StoreSinkTest, HoldsEachImageOnceAndReadsNothingAgain) {
  for (int i = 0; i < 450; ++i) put("d/" + std::to_string(i) + ".jpg", "face " + std::to_string(i) + " 0 face 1 300");
  const Run first = run();
  EXPECT_EQ(first.summary.images, 450);
  EXPECT_EQ(first.summary.faces, 900);
  EXPECT_EQ(analyzed_, 450);
  EXPECT_EQ(store_.statistics().paths, 450);
  EXPECT_EQ(vectors(), 900);
  const Run again = run();
  EXPECT_EQ(analyzed_, 0);
  EXPECT_EQ(again.summary.images, 450);
  EXPECT_EQ(again.summary.resumed, 450);
  EXPECT_EQ(again.summary.faces, 0);
  EXPECT_EQ(vectors(), 900);
}

TEST_F(StoreSinkTest, ReadsWhatWasReadOnOtherTermsAgain) {
  put("d/a.jpg", "face 1 0");
  run("some terms");
  run("other terms");
  EXPECT_EQ(analyzed_, 1);
  EXPECT_EQ(store_.statistics().faces, 1);
  run("other terms");
  EXPECT_EQ(analyzed_, 0);
}

TEST_F(StoreSinkTest, AnalysesEachContentOnce) {
  put("d/a.jpg", "face 1 0");
  put("d/b.jpg", "face 1 0");
  const Run first = run();
  EXPECT_EQ(analyzed_, 1);
  EXPECT_EQ(first.summary.duplicates, 1);
  put("d/c.jpg", "face 1 0");  // the same content as one of an earlier run
  const Run second = run();
  EXPECT_EQ(analyzed_, 0);
  EXPECT_EQ(second.summary.duplicates, 1);
  EXPECT_EQ(second.summary.faces, 1);
  const StoreStatistics all = store_.statistics();
  EXPECT_EQ(all.images, 1);
  EXPECT_EQ(all.paths, 3);
  EXPECT_EQ(all.faces, 1);
  EXPECT_EQ(vectors(), 1);
}

TEST_F(StoreSinkTest, TriesAgainWhatFailedForNow) {
  put("d/bad.jpg", "bad");
  put("d/io.jpg", "io");
  EXPECT_EQ(run().summary.failed, 2);
  const Run again = run();
  EXPECT_EQ(analyzed_, 1);
  EXPECT_EQ(again.summary.failed, 2);
  put("d/bad.jpg", "face 1 0");
  const Run mended = run();
  EXPECT_EQ(mended.summary.changed, 1);
  EXPECT_EQ(mended.summary.failed, 1);
}

TEST_F(StoreSinkTest, MarksWhatIsGoneAndFindsItAgain) {
  put("d/a.jpg", "face 1 0");
  put("d/b.jpg", "face 2 0");
  run();
  std::filesystem::rename(path("d/a.jpg"), path("a.jpg"));
  EXPECT_EQ(run().summary.gone, 1);
  EXPECT_TRUE(store_.find_place(path("d/a.jpg"))->is_gone);
  std::filesystem::rename(path("a.jpg"), path("d/a.jpg"));
  const Run back = run();
  EXPECT_EQ(analyzed_, 0);
  EXPECT_EQ(back.summary.gone, 0);
  EXPECT_FALSE(store_.find_place(path("d/a.jpg"))->is_gone);
}

TEST_F(StoreSinkTest, TellsADiskThatIsNotMounted) {
  put("d/a.jpg", "face 1 0");
  put("d/e/b.jpg", "face 2 0");
  run();
  std::filesystem::remove_all(path("d"));
  std::filesystem::create_directories(path("d"));
  const std::optional<GoneSource> gone = run().found.all_gone;
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->folder, canonical_path(path("d")));
  EXPECT_EQ(gone->count, 2);
}

TEST_F(StoreSinkTest, KeepsWhatIsDoneWhenItIsEndedByAFailure) {
  for (int i = 100; i < 200; ++i) put("d/" + std::to_string(i) + ".jpg", "face " + std::to_string(i) + " 0");
  int records = 0;
  on_record_ = [&](const Record&) {
    if (++records == 57) throw std::runtime_error("told to throw");
  };
  EXPECT_THROW(run(), std::runtime_error);
  EXPECT_EQ(store_.statistics().paths, 57);
  on_record_ = {};
  run();
  EXPECT_EQ(analyzed_, 43);
  EXPECT_EQ(store_.statistics().paths, 100);
}

TEST_F(StoreSinkTest, KeepsWhatIsDoneWithinASecond) {
  put("d/1.jpg", "face 1 0");
  put("d/2.jpg", "face 2 0 ");
  on_record_ = [&](const Record& record) {
    if (!record.source.ends_with("2.jpg")) return;
    // Another program sees the first one by now, though only two have come.
    const Store other({path("people.mien"), StoreOptions::Access::read});
    EXPECT_LE(other.statistics().paths, 2);
  };
  run();
  const std::unique_ptr<Sink> sink = store_sink(store_, {path("d")});
  Record record = made_up_record(77, {{0, 0, 10, 10}});
  record.source = path("d/3.jpg");
  sink->append(record, "");
  EXPECT_EQ(store_.statistics().paths, 2);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  sink->pass_time();
  EXPECT_EQ(store_.statistics().paths, 3);
}

TEST_F(StoreSinkTest, AChangedPhotoKeepsWhatWasSaidFaceByFace) {
  put("d/a.jpg", "face 1 100 face 2 400 face 3 700");
  run();
  const std::string before = sha256_at("d/a.jpg");
  const PersonId anna = store_.add_person();
  const PersonId bob = store_.add_person();
  PersonOperation operation;
  operation.kind = OperationKind::is;
  operation.person = anna;
  operation.statements = {{{before, {100, 10, 150, 60}}, VerdictKind::is, anna}};
  const OperationId first = store_.add(operation);
  operation.person = bob;
  operation.statements = {{{before, {398, 12, 452, 60}}, VerdictKind::is, bob}};
  store_.add(operation);

  put("d/a.jpg", "face 2 20 face 1 600 face 4 100");  // mirrored, and somebody else came
  EXPECT_EQ(run().summary.changed, 1);
  const std::string after = sha256_at("d/a.jpg");
  ASSERT_NE(after, before);
  EXPECT_EQ(said_of(after), (std::map<int, PersonId>{{20, bob}, {600, anna}}));
  EXPECT_EQ(said_of(before).size(), 2U);  // facts of what was there stay
  // Undo undoes both.
  store_.set_undone(first, true);
  EXPECT_EQ(said_of(after), (std::map<int, PersonId>{{20, bob}}));
  // Once more, changed again and back: nothing is said twice.
  store_.set_undone(first, false);
  put("d/a.jpg", "face 1 100 face 2 400 face 3 700");
  run();
  put("d/a.jpg", "face 2 20 face 1 600 face 4 100 ");
  run();
  std::int64_t statements = 0;
  store_.visit_operations(
      [&](const PersonOperation& one) { statements += static_cast<std::int64_t>(one.statements.size()); });
  EXPECT_EQ(statements, 2 * 3);  // of three contents
}

// Another embedder knows neither: what it sees of the copy tells which faces are the same, whichever comes first.
TEST_F(StoreSinkTest, AChangedPhotoIsKnownByACopyOfWhatItWas) {
  for (const char* const copy : {"d/1.jpg", "d/3.jpg"}) {
    SCOPED_TRACE(copy);
    embedder_ = "tiny-a";
    put("d/2.jpg", "face 1 100 face 2 400");
    put(copy, "face 1 100 face 2 400");
    run();
    const std::string before = sha256_at("d/2.jpg");
    PersonOperation operation;
    operation.kind = OperationKind::is;
    operation.person = store_.add_person();
    operation.statements = {{{before, {100, 10, 150, 60}}, VerdictKind::is, operation.person}};
    store_.add(operation);

    embedder_ = "tiny-b";
    put("d/2.jpg", std::string("face 2 20 face 1 600 of ") + copy);  // mirrored
    run("other terms");
    EXPECT_EQ(said_of(sha256_at("d/2.jpg")), (std::map<int, PersonId>{{600, operation.person}}));
    EXPECT_EQ(sha256_at(copy), before);
    std::filesystem::remove(path(copy));
  }
}

// What waits for a copy is left to the next index where this one ends early.
TEST_F(StoreSinkTest, AChangedPhotoIsKnownByACopyThatComesInTheNextRun) {
  put("d/1.jpg", "face 1 100 face 2 400");
  put("d/2.jpg", "face 1 100 face 2 400");
  put("d/3.jpg", "face 3 100");
  run();
  const std::string before = sha256_at("d/1.jpg");
  PersonOperation operation;
  operation.kind = OperationKind::is;
  operation.person = store_.add_person();
  operation.statements = {{{before, {100, 10, 150, 60}}, VerdictKind::is, operation.person}};
  store_.add(operation);

  embedder_ = "tiny-b";
  put("d/1.jpg", "face 2 20 face 1 600");  // mirrored
  on_record_ = [](const Record&) { throw std::runtime_error("told to throw"); };
  EXPECT_THROW(run("other terms"), std::runtime_error);
  EXPECT_EQ(sha256_at("d/1.jpg"), before);
  on_record_ = {};
  run("other terms");
  EXPECT_NE(sha256_at("d/1.jpg"), before);
  EXPECT_EQ(said_of(sha256_at("d/1.jpg")), (std::map<int, PersonId>{{600, operation.person}}));
}

TEST_F(StoreSinkTest, AnotherPhotoUnderTheNameTakesNothingOver) {
  put("d/a.jpg", "face 1 100");
  run();
  PersonOperation operation;
  operation.kind = OperationKind::is;
  operation.person = store_.add_person();
  operation.statements = {{{sha256_at("d/a.jpg"), {100, 10, 150, 60}}, VerdictKind::is, operation.person}};
  store_.add(operation);
  put("d/a.jpg", "face 9 100");
  run();
  EXPECT_TRUE(said_of(sha256_at("d/a.jpg")).empty());
}

}  // namespace
}  // namespace mien
