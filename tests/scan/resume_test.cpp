#include "scan/resume.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "scan/scan_files.h"

namespace mien {
namespace {

constexpr ErrorCode kNothingThrown = ErrorCode::unavailable;

class ResumeTest : public ScanFilesTest {
 protected:
  ResumeTest() {
    terms_.models = {"detector", "embedder", "0123456789abcdef-rgb-0-1"}, terms_.fingerprint = "0123456789abcdef";
  }

  Record record_of(const std::string& source, const std::string& digit = "a") const {
    Record record;
    record.source = source;
    struct stat status {};
    if (::stat(source.c_str(), &status) == 0) {
      record.source_size = status.st_size;
      record.source_mtime_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    }
    for (int i = 0; i < 64; ++i) record.sha256 += digit;
    record.analysis.models = {"detector", "embedder", "0123456789abcdef-rgb-0-1"};
    record.terms = "0123456789abcdef";
    record.analysis.faces.resize(2);
    return record;
  }
  static std::string line_of(const Record& record, EmbeddingFormat embeddings = EmbeddingFormat::none) {
    return record_to_json(record, embeddings) + "\n";
  }
  ScanSummary resume() {
    RecordFile file({path("out"), true, false});
    paths_ = {};
    return resume_records(file, terms_, paths_, contents_);
  }
  bool is_known(const std::string& source) const {
    Identities identities;
    return paths_.contains(identities.of(source, open_item(source).state()));
  }
  // Returns the error that resuming a file of this text throws.
  Error error_of(const std::string& text) {
    put("out", text);
    try {
      resume();
    } catch (const Exception& error) {
      EXPECT_EQ(get(path("out")), text) << "a refused file must stay as it is";
      EXPECT_FALSE(std::filesystem::exists(path("out.resume")));
      return error.error();
    }
    return {kNothingThrown, ""};
  }

  ResumeTerms terms_{.detail = Detail::off};
  KnownPaths paths_;
  KnownContents contents_;
};

TEST_F(ResumeTest, KeepsUnchangedAndGoneFilesWithoutRewriting) {
  const std::string odd = put("odd\xff.jpg", "zz");
  Record gone = record_of(path("gone.jpg"), "b");
  gone.source_size = 7;
  Record failed = record_of(put("bad.jpg"), "c");
  failed.analysis = {};
  failed.error = Error{ErrorCode::bad_data, "no image"};
  const std::string text = line_of(record_of(odd)) + line_of(gone) + line_of(failed);
  put("out", text);
  struct stat before {};
  struct stat after {};
  ::stat(path("out").c_str(), &before);
  const ScanSummary kept = resume();
  ::stat(path("out").c_str(), &after);
  EXPECT_EQ(kept.images, 3);
  EXPECT_EQ(kept.failed, 1);
  EXPECT_EQ(kept.faces, 4);
  EXPECT_EQ(kept.gone, 1);
  EXPECT_EQ(kept.changed, 0);
  EXPECT_EQ(get(path("out")), text);
  EXPECT_EQ(before.st_ino, after.st_ino);
  for (const std::string& source : {odd, path("gone.jpg"), path("bad.jpg")}) EXPECT_TRUE(is_known(source));
  Sha256Digest digest;
  digest.fill(0xbb);
  ASSERT_TRUE(contents_.place(digest));
  const RecordFile file({path("out"), true, false});
  EXPECT_EQ(file.read_line(*contents_.place(digest)) + "\n", line_of(gone));
}

TEST_F(ResumeTest, DropsRecordsOfChangedFilesAndOfPassingFailures) {
  const Record same = record_of(put("same.jpg", "1"), "1");
  Record resized = record_of(put("resized.jpg", "2"), "2");
  resized.source_size += 1;
  Record touched = record_of(put("touched.jpg", "3"), "3");
  touched.source_mtime_ns -= 1;
  Record unread = record_of(put("unread.jpg", "4"), "4");
  unread.error = Error{ErrorCode::io, "permission denied"};
  Record was_gone = record_of(path("back.jpg"), "5");
  was_gone.error = Error{ErrorCode::not_found, "not there"};
  put("back.jpg", "5");
  const Record last = record_of(put("last.jpg", "6"), "6");
  Record too_large = record_of(put("large.jpg", "7"), "7");
  too_large.error = Error{ErrorCode::limit_exceeded, "above --pixels-max of that scan"};
  Record foreign = record_of(put("foreign.heic", "8"), "8");
  foreign.error = Error{ErrorCode::unsupported, "libheif was not there"};
  put("out", line_of(too_large) + line_of(foreign) + line_of(same) + line_of(resized) + line_of(touched) +
                 line_of(unread) + line_of(was_gone) + line_of(last) + line_of(same) + "{\"source\":\"torn");
  EXPECT_EQ(resume().images, 2);
  EXPECT_EQ(get(path("out")), line_of(same) + line_of(last));
  EXPECT_EQ(mode(path("out")), 0600U);
  EXPECT_FALSE(std::filesystem::exists(path("out.resume")));
  EXPECT_FALSE(is_known(path("touched.jpg")));
  Sha256Digest digest;
  digest.fill(0x66);  // its place is the one in the new file
  const RecordFile file({path("out"), true, false});
  EXPECT_EQ(file.read_line(*contents_.place(digest)) + "\n", line_of(last));
}

TEST_F(ResumeTest, TellsKeptGoneAndChangedApartAndPrunesWhatIsGone) {
  const Record same = record_of(put("d/same.jpg", "1"), "1");
  Record changed = record_of(put("d/changed.jpg", "2"), "2");
  changed.source_size += 1;
  Record gone = record_of(path("d/gone.jpg"), "3");
  gone.source_size = 7;
  Record gone_album = record_of(path("d/album/gone.jpg"), "4");
  gone_album.source_size = 7;
  const std::string text = line_of(gone) + line_of(same) + line_of(changed) + line_of(gone_album);
  put("out", text);
  terms_.sources = {path("d")};
  ScanSummary kept = resume();
  EXPECT_EQ(kept.images, 3);
  EXPECT_EQ(kept.gone, 2);
  EXPECT_EQ(kept.changed, 1);
  EXPECT_EQ(kept.pruned, 0);
  EXPECT_TRUE(kept.notes.empty());
  put("out", text);
  terms_.prune = Prune::gone;
  kept = resume();
  EXPECT_EQ(kept.images, 1);
  EXPECT_EQ(kept.pruned, 2);
  EXPECT_EQ(kept.gone, 0);
  EXPECT_EQ(get(path("out")), line_of(same));
}

TEST_F(ResumeTest, RefusesToPruneWhereAllOfASourceIsGone) {
  const Record same = record_of(put("d/same.jpg", "1"), "1");
  std::filesystem::create_directories(path("mount"));
  Record away = record_of(path("mount/deep/2.jpg"), "2");
  away.source_size = 7;
  const std::string text = line_of(same) + line_of(away);
  for (const std::vector<std::string>& sources :
       {std::vector{path("d"), path("mount")}, std::vector{path("mount/")}, std::vector{path("d")}}) {
    terms_.sources = sources;
    terms_.prune = Prune::gone;
    const Error error = error_of(text);
    EXPECT_EQ(error.code, ErrorCode::invalid_argument);
    EXPECT_NE(error.message.find("--prune=all"), std::string::npos) << error.message;
    terms_.prune = Prune::none;
    put("out", text);
    ASSERT_EQ(resume().notes.size(), 1U);
    terms_.prune = Prune::all;
    EXPECT_EQ(resume().pruned, 1);
    EXPECT_EQ(get(path("out")), line_of(same));
  }
}

TEST_F(ResumeTest, KnowsAnImageUnderEverySpellingAndFromWhateverFolder) {
  const std::string file = put("d/1.jpg");
  std::filesystem::create_directory_symlink(path("d"), path("beside"));
  Record relative = record_of(file);
  relative.source = "d/1.jpg";
  relative.source_folder = folder_;
  Record moved = record_of(file);  // the tree has moved with the folder that its scan ran in
  moved.source = std::filesystem::relative(file).string();
  moved.source_folder = "/nowhere";
  for (const Record& record : {record_of(file), relative, moved}) {
    put("out", line_of(record) + line_of(record_of(path("beside/1.jpg"))) + line_of(record_of(path("d/../d/1.jpg"))));
    const ScanSummary kept = resume();
    EXPECT_EQ(kept.images, 1);
    EXPECT_EQ(kept.gone, 0);
    EXPECT_EQ(kept.notes.size(), 1U);
    EXPECT_TRUE(is_known(file));
    EXPECT_EQ(get(path("out")), line_of(record));
  }
}

TEST_F(ResumeTest, MakesTheFilePrivateWhoeverMadeIt) {
  put("empty", "");
  put("old", "text\n");
  for (const char* name : {"empty", "old"}) {
    ASSERT_EQ(::chmod(path(name).c_str(), 0666), 0);
    const RecordFile file({path(name), name == std::string("old"), false});
    EXPECT_EQ(mode(path(name)), 0600U) << "before the first byte";
    EXPECT_TRUE(file.mode_problem().empty());
  }
}

// Records of before there was a choice have no "detail": their photos were looked at once.
TEST_F(ResumeTest, KeepsWhatWasLookedAtLessCloselyUntilItIsToBeLookedAtAgain) {
  std::string before = line_of(record_of(put("before.jpg", "1"), "1"));
  const std::string key = R"("detail":null,)";
  ASSERT_NE(before.find(key), std::string::npos);
  before.erase(before.find(key), key.size());
  const auto looked = [&](const std::string& name, Detail detail) {
    Record record = record_of(put(name, name), "2");
    record.analysis.width = record.analysis.height = 100;
    record.analysis.detail = detail;
    return line_of(record);
  };
  const std::string once = looked("once.jpg", Detail::off);
  const std::string automatic = looked("auto.jpg", Detail::automatic);
  const std::string full = looked("full.jpg", Detail::full);
  Record failed = record_of(put("bad.jpg", "c"), "c");
  failed.error = Error{ErrorCode::bad_data, "no image"};
  Record gone = record_of(path("gone.jpg"), "d");
  const std::string stays = automatic + full + line_of(failed) + line_of(gone);
  put("out", before + once + stays);
  terms_.detail = Detail::automatic;

  const ScanSummary kept = resume();
  EXPECT_EQ(kept.images, 6);
  ASSERT_EQ(kept.notes.size(), 1U);
  EXPECT_EQ(kept.notes[0].substr(0, 53), "3 of the photos kept were looked at less closely than");
  EXPECT_EQ(get(path("out")), before + once + stays);

  terms_.look_again = true;
  EXPECT_EQ(resume().images, 4);
  EXPECT_EQ(get(path("out")), stays) << "what is gone cannot be looked at again";
  EXPECT_FALSE(is_known(path("before.jpg")));

  terms_.detail = Detail::off;
  put("out", before + once + stays);
  EXPECT_TRUE(resume().notes.empty());
  EXPECT_EQ(get(path("out")), before + once + stays);
}

TEST_F(ResumeTest, CutsATornLastLineWhereverItEnds) {
  const std::string first = line_of(record_of(put("1.jpg")));
  const std::string second = line_of(record_of(put("2.jpg")));
  for (std::size_t cut = 0; cut < second.size(); cut += 31) {
    put("out", first + second.substr(0, cut));
    ASSERT_EQ(resume().images, 1) << cut;
    ASSERT_EQ(get(path("out")), first) << cut;
  }
  for (std::size_t cut = 0; cut < first.size(); cut += cut < 12 ? 1 : 97) {  // nothing else is there
    put("out", first.substr(0, cut));
    ASSERT_EQ(resume().images, 0) << cut;
    ASSERT_EQ(get(path("out")), "") << cut;
  }
  // A power cut leaves a length, a newline, and nothing sensible between.
  put("out", first + std::string(100, '\0') + "\n");
  EXPECT_EQ(resume().images, 1);
  EXPECT_EQ(get(path("out")), first);
}

TEST_F(ResumeTest, RefusesFilesThatAreNotRecords) {
  const std::string good = line_of(record_of(put("1.jpg")));
  const Error middle = error_of(good + "garbage\n" + good);
  EXPECT_EQ(middle.code, ErrorCode::bad_data);
  EXPECT_NE(middle.message.find("line 2"), std::string::npos) << middle.message;
  EXPECT_NE(middle.message.find("--force"), std::string::npos) << middle.message;
  for (const char* text :
       {"garbage\n", "my thesis, all of it in one line", "[1]\n", "{\"source\":\"no error key\"}\n", "{}\n{}\n"}) {
    EXPECT_EQ(error_of(text).code, ErrorCode::bad_data) << text;
  }
  EXPECT_EQ(error_of(std::string(100'000, '[') + "\n").code, ErrorCode::bad_data);
}

TEST_F(ResumeTest, RefusesRecordsMadeOnOtherTerms) {
  const Record record = record_of(put("1.jpg"));
  const auto refuses = [&](const Record& other, EmbeddingFormat embeddings = EmbeddingFormat::none) {
    const Error error = error_of(line_of(other, embeddings));
    EXPECT_NE(error.message.find("--force"), std::string::npos) << error.message;
    return error.code == ErrorCode::invalid_argument;
  };
  EXPECT_EQ(error_of(line_of(record)).code, kNothingThrown);
  Record other = record;
  other.analysis.models.detector = "another";
  EXPECT_TRUE(refuses(other));
  other = record;
  other.like = true;
  EXPECT_TRUE(refuses(other));
  other = record;
  other.terms = "fedcba9876543210";
  EXPECT_TRUE(refuses(other));
  other = record;
  other.analysis.quality.emplace();
  EXPECT_TRUE(refuses(other));
  other = record;
  other.analysis.faces[0].embedding = {1, 2, 3};
  EXPECT_TRUE(refuses(other, EmbeddingFormat::json));
  EXPECT_TRUE(refuses(other, EmbeddingFormat::base64));
  other.analysis.models.embedder = "another";  // of no consequence where nothing was embedded
  EXPECT_EQ(error_of(line_of(other)).code, kNothingThrown);
  terms_.embeddings = EmbeddingFormat::json;
  EXPECT_TRUE(refuses(other, EmbeddingFormat::json));
  other.analysis.models = {"detector", "embedder", "another file of that name"};
  EXPECT_TRUE(refuses(other, EmbeddingFormat::json));
  other.analysis.models = terms_.models;
  EXPECT_EQ(error_of(line_of(other, EmbeddingFormat::json)).code, kNothingThrown);
  EXPECT_TRUE(refuses(record));
}

TEST_F(ResumeTest, OpensOutputsAsAsked) {
  const auto code_of = [&](const RecordFile::Options& options) {
    try {
      const RecordFile file(options);
    } catch (const Exception& error) {
      EXPECT_NE(error.error().message.find(options.path), std::string::npos) << error.error().message;
      return error.error().code;
    }
    return kNothingThrown;
  };
  EXPECT_EQ(code_of({path("new"), false, false}), kNothingThrown);
  EXPECT_EQ(mode(path("new")), 0600U);
  EXPECT_EQ(code_of({path("new"), false, false}), kNothingThrown);  // empty: nothing to lose
  put("old", "text\n");
  EXPECT_EQ(code_of({path("old"), false, false}), ErrorCode::invalid_argument);
  EXPECT_EQ(get(path("old")), "text\n");
  EXPECT_EQ(code_of({path("old"), false, true}), kNothingThrown);
  EXPECT_EQ(get(path("old")), "text\n") << "a scan that found nothing has nothing to replace it by";
  {
    RecordFile file({path("old"), false, true});
    EXPECT_EQ(file.append("first").offset, 0);
    EXPECT_EQ(file.append("second").offset, 6);
  }
  EXPECT_EQ(get(path("old")), "first\nsecond\n");
  EXPECT_EQ(mode(path("old")), 0600U);
  EXPECT_EQ(code_of({folder_, false, true}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of({path("no/such/folder"), false, false}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of({"/dev/null", true, false}), ErrorCode::invalid_argument);
  const RecordFile first({path("new"), false, false});
  EXPECT_EQ(code_of({path("new"), true, false}), ErrorCode::invalid_argument);  // locked
}

TEST_F(ResumeTest, ResumesThroughALinkWithoutReplacingIt) {
  Record changed = record_of(put("1.jpg"));
  changed.source_size += 1;
  put("real/out", line_of(changed));
  std::filesystem::create_symlink(path("real/out"), path("out"));
  EXPECT_EQ(resume().images, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(path("out")));
  EXPECT_EQ(get(path("real/out")), "");
}

TEST_F(ResumeTest, LeavesWholeLinesWhenTheDiskIsFull) {
  // A limit on the size of files is the full disk that needs no disk.
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit small{100, limit.rlim_max};
  RecordFile file({path("out"), false, false});
  file.append(std::string(59, 'a'));
  ::setrlimit(RLIMIT_FSIZE, &small);
  ErrorCode code = kNothingThrown;
  std::string message;
  try {
    file.append(std::string(59, 'b'));
  } catch (const Exception& error) {
    code = error.error().code;
    message = error.error().message;
  }
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, previous);
  EXPECT_EQ(code, ErrorCode::io);
  EXPECT_NE(message.find(path("out")), std::string::npos) << message;
  EXPECT_EQ(get(path("out")), std::string(59, 'a') + "\n");
}

TEST_F(ResumeTest, NamesADeviceThatTakesNothing) {
  RecordFile file({"/dev/full", false, false});
  try {
    file.append("line");
    FAIL() << "nothing was thrown";
  } catch (const Exception& error) {
    EXPECT_EQ(error.error().code, ErrorCode::io);
    EXPECT_NE(error.error().message.find("/dev/full"), std::string::npos) << error.error().message;
  }
}

TEST_F(ResumeTest, ASpoolIsReadAgainAndLeavesNothingBehind) {
  ASSERT_EQ(::setenv("TMPDIR", folder_.c_str(), 1), 0);
  RecordFile file(RecordFile::Options{});
  ::unsetenv("TMPDIR");
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  file.append("first");
  const LinePlace place = file.append("second");
  EXPECT_EQ(file.read(place), "second");
  EXPECT_EQ(get(file.readable_path()), "first\nsecond\n");
}

}  // namespace
}  // namespace mien
