#include "sources/source.h"

#include <fcntl.h>

#include <chrono>
#include <ctime>
#include <map>
#include <set>
#include <thread>

#include "scan/scan_files.h"

namespace mien {
namespace {

using Names = std::vector<std::string>;

class SourceTest : public ScanFilesTest {
 protected:
  Names folder(const std::string& name, FolderOptions options = {}) const {
    options.path = path(name);
    return read_all(*open_folder(std::move(options)));
  }
  static std::map<std::string, std::int64_t> left_out(const FolderOptions& options) {
    std::map<std::string, std::int64_t> result;
    for (const LeftOut& one : options.findings->left_out.counts()) result[one.kind] = one.count;
    return result;
  }
  Names listed(const std::string& text, bool is_nul_separated = false) const {
    PathList list({put("list", text), is_nul_separated});
    Names names;
    while (std::optional<std::string> name = list.next({})) names.push_back(*name);
    return names;
  }
};

TEST_F(SourceTest, ReadsFoldersDepthFirstAndSortedByName) {
  for (const char* name : {"d/b.jpg", "d/a.JPG", "d/c/z.png", "d/c/y.jpeg", "d/Z.tiff", "d/c.jpg", "d/\xff.jpg"}) {
    put(name);
  }
  EXPECT_EQ(folder("d"), (Names{"d/Z.tiff", "d/a.JPG", "d/b.jpg", "d/c/y.jpeg", "d/c/z.png", "d/c.jpg", "d/\xff.jpg"}));
  EXPECT_EQ(folder("d/"), folder("d"));
}

TEST_F(SourceTest, AnItemIsFoundAgainByItsNameAlone) {
  put("d/1.jpg", "four");
  std::optional<Item> found = open_sources({.paths = {path("d")}})->next({});  // its source is gone by now
  ASSERT_TRUE(found);
  const Item again = open_item(found->name);
  for (const Item& item : {*found, again}) {
    EXPECT_EQ(item.read(4).take(), (std::vector<std::uint8_t>{'f', 'o', 'u', 'r'}));
    EXPECT_EQ(item.read(3).error().code, ErrorCode::limit_exceeded);
    EXPECT_EQ(item.state().size_bytes, 4);
    EXPECT_NEAR(static_cast<double>(item.state().mtime_ns) / 1e9, static_cast<double>(std::time(nullptr)), 600);
    EXPECT_FALSE(item.state().is_gone);
  }
  std::filesystem::remove(found->name);
  EXPECT_TRUE(again.state().is_gone);
  EXPECT_EQ(again.state().size_bytes, -1);
  EXPECT_EQ(again.read(4).error().code, ErrorCode::not_found);
}

TEST_F(SourceTest, LeavesOutWhatNoPhotographerChose) {
  put("d/kept.jpg");
  for (const char* name : {".hidden.jpg", "._kept.jpg", ".DS_Store", "Thumbs.db", "@eaDir/kept.jpg/SYNO.jpg",
                           "#recycle/old.jpg", ".git/a.jpg", "notes.txt", "jpg", "clip.mp4", "noext"}) {
    put(std::string("d/") + name);
  }
  EXPECT_EQ(folder("d"), Names{"d/kept.jpg"});
  EXPECT_EQ(folder("d/.git"), Names{"d/.git/a.jpg"});  // named by the user
}

TEST_F(SourceTest, KnowsImagesByTheirExtension) {
  for (const char* name : {"a.jpg", "a.JPEG", "a.b.Png", "a.webp", "a.heic", "a.CR2", "a.nef", "a.avif", ".jfif"}) {
    EXPECT_TRUE(has_image_extension(name)) << name;
  }
  for (const char* name : {"a.HIF", "DSC.MPO", "a.insp", "a.heics", "a.jps", "a.THM", "a.apng", "a.btf", "a.jfif"}) {
    EXPECT_TRUE(has_image_extension(name)) << name;
  }
  for (const char* name : {"a", "jpg", "a.jpg.txt", "a.", "", "a.mov"}) EXPECT_FALSE(has_image_extension(name)) << name;
  EXPECT_TRUE(image_extensions_text().starts_with("jpg, jpeg"));
}

TEST_F(SourceTest, JudgesNamesThatSayNothingByTheFirstBytes) {
  const std::string jpeg = "\xff\xd8\xff\xe0";
  for (const char* name : {"d/photo", "d/photo.jpg?w=640", "d/photo.jpg_large", "d/photo.jpg!d", "d/photo.jpg_original",
                           "d/photo.jpg?page=view.html", "d/2019.12.24", "d/photo.jpg~"}) {
    put(name, jpeg);
  }
  put("d/elsewhere/target.dat", jpeg);
  std::filesystem::create_symlink(path("d/elsewhere/target.dat"), path("d/zlink"));
  put("d/film", std::string("\0\0\0\x18"
                            "ftypisom",
                            12));
  put("d/letter", "%PDF-1.7");
  put("d/layers", "8BPS");
  put("d/readme", "text");
  put("d/nothing", "");
  put("d/odd.xyz", std::string("\x01\x02\x03\x04", 4));
  ASSERT_EQ(::mkfifo(path("d/pipe").c_str(), 0600), 0);
  FolderOptions options;
  EXPECT_EQ(folder("d", options),
            (Names{"d/2019.12.24", "d/elsewhere/target.dat", "d/photo", "d/photo.jpg!d", "d/photo.jpg?page=view.html",
                   "d/photo.jpg?w=640", "d/photo.jpg_large", "d/photo.jpg_original", "d/photo.jpg~", "d/zlink"}));
  const std::map<std::string, std::int64_t> expected = {
      {"videos", 1},      {"documents", 2},   {"images of other formats", 1},
      {"empty files", 1}, {"other files", 1}, {"pipes and devices", 1}};
  EXPECT_EQ(left_out(options), expected);
}

TEST_F(SourceTest, CountsWhateverItLeavesOutOnceByItsKind) {
  for (const char* name :
       {"d/1.jpg", "d/a.mp4", "d/b.MOV", "d/c.pdf", "d/1.jpg.json", "d/1.xmp", "d/x.zip", "d/.DS_Store",
        "d/.hidden.jpg", "d/.git/a.jpg", "d/#recycle/a.jpg", "d/Thumbs.db", "d/skip/a.jpg", "d/deep/z.mp3"}) {
    put(name);
  }
  std::filesystem::create_symlink(path("nowhere"), path("d/broken"));
  FolderOptions options;
  options.excludes = GlobList({"skip"});
  SourceOptions sources{.paths = {path("d"), path("d/."), path("d/deep")}, .folders = options};
  const std::unique_ptr<Source> source = open_sources(sources);
  EXPECT_EQ(read_all(*source), (Names{"d/1.jpg", "d/./1.jpg"}));
  const std::map<std::string, std::int64_t> expected = {{"videos", 2},
                                                        {"documents", 1},
                                                        {"sidecars", 2},
                                                        {"archives", 1},
                                                        {"sound files", 1},
                                                        {"files of the system", 2},
                                                        {"hidden files", 1},
                                                        {"hidden folders", 1},
                                                        {"bins and snapshots", 1},
                                                        {"excluded files and folders", 1},
                                                        {"broken links", 1}};
  EXPECT_EQ(left_out(options), expected);
}

TEST_F(SourceTest, OpensNoFileOfAKnownOtherKindAndNoneWhoseRecordIsThere) {
  const std::string jpeg = "\xff\xd8\xff\xe0";
  put("d/clip.mp4", jpeg);
  put("d/known", "no image any more");
  FolderOptions options;
  options.is_known = [](const std::string& identity) { return identity.ends_with("/known"); };
  EXPECT_EQ(folder("d", options), Names{"d/known"});
}

TEST_F(SourceTest, LeavesOutWhatLibrariesOfPhotosMadeByTheirMarks) {
  const std::map<std::string, Names> libraries = {
      {"folders that Apple Photos made",
       {"My.photoslibrary/originals/0/1.jpg", "My.photoslibrary/resources/derivatives/0/1.jpg"}},
      {"folders that iPhoto made",
       {"Old.photolibrary/Masters/1.jpg", "Old.photolibrary/Previews/1.jpg", "Old.photolibrary/Thumbnails/1.jpg"}},
      {"folders that immich made", {"immich/upload/1.jpg", "immich/thumbs/1.jpg", "immich/encoded-video/1.jpg"}},
      {"folders that Nextcloud made",
       {"data/me/files/1.jpg", "data/appdata_oc12/preview/1.jpg", "data/me/files_trashbin/1.jpg"}},
      {"folders that Lightroom made", {"lr/1.jpg", "lr/Cat Previews.lrdata/1.jpg"}},
      {"folders that Synology made", {"nas/1.jpg", "nas/@eaDir/1.jpg/SYNO.jpg"}},
      {"folders that PhotoPrism made", {"storage/originals/1.jpg", "storage/cache/1.jpg", "storage/sidecar/1.jpg"}},
  };
  put("data/.ocdata");
  put("storage/.ppstorage");
  for (const auto& [kind, names] : libraries) {
    for (const std::string& name : names) put(name);
    const std::string root = names[0].substr(0, names[0].find('/'));
    FolderOptions options;
    EXPECT_EQ(folder(root, options), Names{names[0]}) << kind;
    EXPECT_EQ(left_out(options)[kind], static_cast<std::int64_t>(names.size()) - 1) << kind;
    options.no_skip = true;
    EXPECT_EQ(folder(root, options).size(), names.size()) << kind;
  }
  EXPECT_EQ(folder("My.photoslibrary/.").size(), 1U) << "its name is a mark however it is spelled";
  put("plain/thumbs/1.jpg");
  put("plain/resources/2.jpg");
  put("plain/Previews/3.jpg");
  EXPECT_EQ(folder("plain").size(), 3U);
  EXPECT_EQ(folder("immich/thumbs"), Names{"immich/thumbs/1.jpg"});  // named by the user
}

TEST_F(SourceTest, AnItemHasOneIdentityHoweverItsPathIsSpelled) {
  put("d/1.jpg");
  put("e/2.jpg");
  std::filesystem::create_directory_symlink(path("d"), path("beside"));
  std::filesystem::create_symlink(path("d/1.jpg"), path("e/link.jpg"));
  std::set<std::string> identities;
  const std::unique_ptr<Source> source =
      open_sources({.paths = {path("d"), path("d/"), path("d/."), path("e/../d"), path("beside"), path("d/1.jpg"),
                              path("beside/1.jpg"), path("d//1.jpg"), path("e/link.jpg"), path("e")}});
  while (const std::optional<Item> item = source->next({})) {
    identities.insert(item->identity);
    Identities named;
    EXPECT_EQ(named.of(item->name, item->state()), item->identity) << item->name;
  }
  EXPECT_EQ(identities, (std::set<std::string>{canonical_path(path("d/1.jpg")), canonical_path(path("e/2.jpg"))}));
}

TEST_F(SourceTest, TimesBeyondTheNumbersAreTheNearestNumber) {
  const std::string file = put("1.jpg");
  timespec times[2] = {{0, UTIME_OMIT}, {13'569'465'600, 0}};  // in the year 2400
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  EXPECT_GT(open_item(file).state().mtime_ns, 0);
}

TEST_F(SourceTest, ExcludesByNameAndByPathBelowTheFolder) {
  for (const char* name : {"d/a.jpg", "d/a.png", "d/x/a.jpg", "d/x/y/a.jpg", "d/y/b.jpg"}) put(name);
  FolderOptions options;
  options.excludes = GlobList({"*.png", "x/y"});
  EXPECT_EQ(folder("d", options), (Names{"d/a.jpg", "d/x/a.jpg", "d/y/b.jpg"}));
  options.excludes = GlobList({"x", "*/b.jpg"});
  EXPECT_EQ(folder("d", options), (Names{"d/a.jpg", "d/a.png"}));
  options.excludes = GlobList({"d"});  // the folder itself was named by the user
  EXPECT_EQ(folder("d", options).size(), 5U);
}

TEST_F(SourceTest, FollowsLinksWithoutLooping) {
  put("d/a/1.jpg");
  put("d/a/deep/2.jpg");
  put("elsewhere/3.jpg");
  namespace fs = std::filesystem;
  fs::create_directory_symlink(path("d"), path("d/a/up"));          // leads back up
  fs::create_directory_symlink(path("d/a"), path("d/z"));           // visited already
  fs::create_directory_symlink(path("elsewhere"), path("d/b"));     // new
  fs::create_directory_symlink(path("elsewhere"), path("d/c"));     // visited already
  fs::create_symlink(path("elsewhere/3.jpg"), path("d/link.jpg"));  // a file under another name
  fs::create_symlink(path("nowhere"), path("d/broken.jpg"));        // the record will say so
  fs::create_symlink(path("nowhere"), path("d/broken"));
  EXPECT_EQ(folder("d"), (Names{"d/a/1.jpg", "d/a/deep/2.jpg", "d/b/3.jpg", "d/broken.jpg", "d/link.jpg"}));
}

TEST_F(SourceTest, NeverHidesARealFolderBehindALinkToIt) {
  put("d/z/1.jpg");
  std::filesystem::create_directory_symlink(path("d/z"), path("d/a"));
  EXPECT_EQ(folder("d"), (Names{"d/a/1.jpg", "d/z/1.jpg"}));
}

TEST_F(SourceTest, StaysSmallInAFarmOfLinks) {
  // Each folder holds ten links to the next: 10^12 paths lead to the last one.
  for (int level = 0; level < 12; ++level) {
    std::filesystem::create_directories(path("d/" + std::to_string(level + 100)));
    for (int link = 0; link < 10; ++link) {
      std::filesystem::create_directory_symlink(path("d/" + std::to_string(level + 101)),
                                                path("d/" + std::to_string(level + 100) + "/" + std::to_string(link)));
    }
  }
  put("d/112/1.jpg");
  EXPECT_LE(folder("d").size(), 2U);
}

TEST_F(SourceTest, NeverEntersAFolderThatItIsToldToSkip) {
  put("d/1.jpg");
  put("d/crops/2.jpg");
  FolderOptions options;
  options.skip.insert(*folder_id(path("d/crops")));
  EXPECT_EQ(folder("d", options), Names{"d/1.jpg"});
}

TEST_F(SourceTest, SaysWhichFolderItCannotList) {
  put("d/1.jpg");
  // A path longer than the system takes, made step by step: even root cannot list it.
  int parent = ::open(path("d").c_str(), O_RDONLY | O_DIRECTORY);
  const std::string name(200, 'n');
  for (int depth = 0; depth < 25; ++depth) {
    ASSERT_EQ(::mkdirat(parent, name.c_str(), 0700), 0);
    const int child = ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY);
    ::close(parent);
    parent = child;
  }
  ::close(parent);
  const std::unique_ptr<Source> source = open_folder({path("d"), {}, {}});
  EXPECT_EQ(source->next({})->name, path("d/1.jpg"));
  const std::optional<Item> item = source->next({});
  ASSERT_TRUE(item && item->error);
  EXPECT_EQ(item->error->code, ErrorCode::io);
  EXPECT_NE(item->error->message.find("File name too long"), std::string::npos) << item->error->message;
  EXPECT_FALSE(source->next({}));
}

TEST_F(SourceTest, TriesWhateverIsNamed) {
  put("d/1.jpg");
  put("odd.name");
  put(".hidden.jpg");
  const std::unique_ptr<Source> source =
      open_sources({.paths = {path("odd.name"), path("absent.jpg"), path("d"), path(".hidden.jpg"), path("d/1.jpg")},
                    .folders = {.path = "", .excludes = GlobList({"odd*"})}});
  EXPECT_EQ(read_all(*source), (Names{"odd.name", "absent.jpg", "d/1.jpg", ".hidden.jpg", "d/1.jpg"}));
}

TEST_F(SourceTest, RefusesWhenNothingIsThere) {
  const auto code_of = [](const SourceOptions& options) {
    try {
      open_sources(options);
    } catch (const Exception& error) {
      return error.error().code;
    }
    return ErrorCode::internal;
  };
  EXPECT_EQ(code_of({}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of({.paths = {path("a")}}), ErrorCode::not_found);
  EXPECT_EQ(code_of({.paths = {path("a"), path("b")}}), ErrorCode::not_found);
  EXPECT_EQ(code_of({.paths = {folder_}, .list = PathList::Options{path("no-list"), false}}), ErrorCode::not_found);
}

TEST_F(SourceTest, ReadsListsOfEveryKind) {
  EXPECT_EQ(listed("a.jpg\nb c.jpg\n"), (Names{"a.jpg", "b c.jpg"}));
  EXPECT_EQ(listed("a.jpg\r\n\r\nb.jpg"), (Names{"a.jpg", "b.jpg"}));
  EXPECT_EQ(listed("\xef\xbb\xbf"
                   "a.jpg\n"),
            Names{"a.jpg"});
  EXPECT_EQ(listed(std::string("a\nb.jpg\0c.jpg\r\0", 15), true), (Names{"a\nb.jpg", "c.jpg\r"}));
  EXPECT_EQ(listed(""), Names{});
  EXPECT_EQ(listed("\xff.jpg\n"), Names{"\xff.jpg"});
  const std::string many = [] {
    std::string text;
    for (int i = 0; i < 30'000; ++i) text += "folder/name" + std::to_string(i) + ".jpg\n";
    return text;
  }();
  EXPECT_EQ(listed(many).size(), 30'000U);
  EXPECT_THROW(listed(std::string(200'000, 'a')), Exception);
  EXPECT_EQ(listed(std::string("a\0b\0c\0", 6), true), (Names{"a", "b", "c"}));
}

TEST_F(SourceTest, SaysThatAListIsUtf16) {
  const std::string marked(
      "\xff\xfe"
      "a\0.\0j\0\n\0",
      10);
  for (const std::string& text : {marked, std::string("\xfe\xff\0a\0b\0\n", 8), marked.substr(2)}) {
    try {
      listed(text);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Exception& error) {
      EXPECT_EQ(error.error().code, ErrorCode::invalid_argument);
      EXPECT_NE(error.error().message.find("UTF-16"), std::string::npos) << error.error().message;
    }
  }
}

TEST_F(SourceTest, ReadsFoldersOfAListAndRefusesNulInAName) {
  put("d/1.jpg");
  const std::string list = put("list", path("d") + "\n" + std::string("a\0b", 3) + "\n");
  const std::unique_ptr<Source> source = open_sources({.list = PathList::Options{list, false}});
  EXPECT_EQ(read_all(*source), (Names{"d/1.jpg", "!" + std::string("a\0b", 3)}));
}

TEST_F(SourceTest, StopsWaitingForAListThatNobodyWrites) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const int writer = ::open(path("pipe").c_str(), O_RDWR);  // keeps it open
  ASSERT_EQ(::write(writer, "a.jpg\n", 6), 6);
  PathList list({path("pipe"), false});
  std::stop_source stop;
  EXPECT_EQ(list.next(stop.get_token()), "a.jpg");
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    stop.request_stop();
  });
  EXPECT_FALSE(list.next(stop.get_token()));
  ::close(writer);
}

}  // namespace
}  // namespace mien
