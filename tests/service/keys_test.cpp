#include "service/keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace mien::service {
namespace {

namespace fs = std::filesystem;

class Keys : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("mien_keys_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    path_ = (folder_ / "mien" / "keys").string();
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string text() const {
    std::ostringstream stream;
    stream << std::ifstream(path_).rdbuf();
    return stream.str();
  }
  void write(const std::string& text) const {
    fs::create_directories(fs::path(path_).parent_path());
    std::ofstream(path_) << text;
    fs::permissions(path_, fs::perms::owner_read | fs::perms::owner_write);
  }

  fs::path folder_;
  std::string path_;
};

TEST_F(Keys, AreMadeOnceAndKnownByTheirDigest) {
  KeyFile file(path_);
  const std::string key = file.add("crawler");
  EXPECT_EQ(key.size(), 64U) << "32 bytes in hex";
  EXPECT_NE(file.add("other"), key);
  EXPECT_EQ(text().find(key), std::string::npos);
  EXPECT_EQ(text().substr(0, 8), "crawler ");
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);

  KeyFile again(path_);
  EXPECT_TRUE(again.has(key));
  EXPECT_FALSE(again.has(key.substr(1)));
  EXPECT_FALSE(again.has(""));
  EXPECT_FALSE(again.has(sha256_hex(again.keys()[0].digest))) << "what is stored opens nothing";
  again.remove("crawler");
  EXPECT_FALSE(KeyFile(path_).has(key));
  EXPECT_EQ(KeyFile(path_).keys().size(), 1U);
}

TEST_F(Keys, ThoseForPeopleOpenAllAndAreKeptAsThat) {
  KeyFile file(path_);
  const std::string plain = file.add("crawler");
  const std::string people = file.add("me", true);
  EXPECT_TRUE(text().ends_with(" people\n")) << text();
  for (const KeyFile& keys : {file, KeyFile(path_)}) {
    EXPECT_TRUE(keys.has(plain) && keys.has(people));
    EXPECT_TRUE(keys.opens_people(people));
    EXPECT_FALSE(keys.opens_people(plain));
    EXPECT_FALSE(keys.opens_people(""));
    EXPECT_TRUE(keys.keys()[1].opens_people && !keys.keys()[0].opens_people);
  }
  file.remove("crawler");
  EXPECT_TRUE(KeyFile(path_).opens_people(people)) << "is written back as what it was";
}

TEST_F(Keys, WrongNamesAreRefused) {
  KeyFile file(path_);
  (void)file.add("a");
  for (const char* const name : {"a", "", "a b", "a\n", "\xc3\xa4"}) {
    EXPECT_THROW((void)file.add(name), Exception) << name;
  }
  EXPECT_THROW(file.remove("b"), Exception);
}

TEST_F(Keys, AFileThatIsNoneIsSaidWithItsLine) {
  EXPECT_TRUE(KeyFile(path_).keys().empty()) << "no file, no keys";
  const std::string digest(64, 'a');
  write("# a comment\n\na " + digest + "\n");
  EXPECT_EQ(KeyFile(path_).keys().size(), 1U);
  for (const std::string& line :
       {std::string("a"), "a " + digest.substr(1), "a " + digest + "x", digest, "a b " + digest,
        "a " + std::string(64, 'g'), "a " + digest + " faces", "a " + digest + " people too", "a people " + digest}) {
    write("# a comment\n" + line + "\n");
    try {
      const KeyFile file(path_);
      ADD_FAILURE() << line;
    } catch (const Exception& exception) {
      EXPECT_EQ(exception.error().code, ErrorCode::bad_data);
      EXPECT_NE(exception.error().message.find("line 2"), std::string::npos);
    }
  }
}

TEST_F(Keys, AFileThatOthersMayWriteIsRefused) {
  write("a " + std::string(64, 'a') + "\n");
  fs::permissions(path_, fs::perms::group_write, fs::perm_options::add);
  EXPECT_THROW(KeyFile{path_}, Exception);
}

}  // namespace
}  // namespace mien::service
