#include "store/schema.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "store/file.h"
#include "store/store_fixture.h"

namespace mien {
namespace {

class SchemaTest : public StoreTest {
 protected:
  std::string path() const { return folder_.file("a.mien"); }
  void make() const {
    Store store = open();
    put_many(store, 20);
  }
};

TEST_F(SchemaTest, AnOlderStoreIsBroughtUpToDateAndItsCopyGoes) {
  make();
  const int version = store_schema().version;
  const std::array<Migration, 2> migrations = {{{version + 1, "ALTER TABLE image ADD COLUMN place TEXT"},
                                                {version + 2, "UPDATE image SET place = 'somewhere'"}}};
  const Schema newer = {version + 2, "", migrations};
  {
    const std::unique_ptr<Database> database = open_database(path(), Access::write, newer);
    EXPECT_EQ(database->number("image", "SELECT count(*) FROM image WHERE place = 'somewhere'"), 20);
    EXPECT_EQ(database->number("", "PRAGMA user_version"), version + 2);
  }
  EXPECT_FALSE(fs::exists(migration_copy_path(path())));
  const std::string before = bytes_of(path());
  EXPECT_EQ(code_of([&] { open(Access::write); }, "a newer mien wrote it"), ErrorCode::invalid_argument);
  EXPECT_EQ(bytes_of(path()), before);
}

TEST_F(SchemaTest, AMigrationThatFailsLeavesWhatWasThere) {
  make();
  const int version = store_schema().version;
  const std::array<Migration, 2> migrations = {{{version + 1, "ALTER TABLE image ADD COLUMN place TEXT"},
                                                {version + 2, "UPDATE no_such SET place = 'somewhere'"}}};
  const Schema newer = {version + 2, "", migrations};
  EXPECT_EQ(code_of([&] { open_database(path(), Access::write, newer); }, "no such table"), ErrorCode::bad_data);
  EXPECT_EQ(open(Access::write).statistics().faces, 20);
  EXPECT_FALSE(fs::exists(migration_copy_path(path())));
}

// MIEN_TEST_MOMENTS=25 kills at so many moments.
TEST_F(SchemaTest, AMigrationThatIsKilledIsDoneByTheNextOpening) {
  using Clock = std::chrono::steady_clock;
  {
    Store store = open();
    put_many(store, 600);
  }
  const int version = store_schema().version;
  const std::array<Migration, 3> migrations = {{{version + 1, "ALTER TABLE image ADD COLUMN place TEXT"},
                                                {version + 2, "UPDATE image SET place = 'photo ' || id"},
                                                {version + 3, "CREATE INDEX by_place ON image (place)"}}};
  const Schema newer = {version + 3, "", migrations};
  // Every row of it, or an empty text where the column is not there.
  const auto rows_in = [&](const std::string& file) {
    const std::unique_ptr<Database> database = open_database(file, Access::write, newer);
    EXPECT_EQ(database->number("", "PRAGMA user_version"), newer.version);
    Query query = database->prepare("image", "SELECT group_concat(hex(sha256) || place || hex(record)) FROM image");
    return query.step() ? std::string(query.text(0)) : "";
  };
  const std::string undisturbed = folder_.file("undisturbed");
  fs::copy(path(), undisturbed);
  const Clock::time_point begin = Clock::now();
  const std::string wanted = rows_in(undisturbed);
  const auto usual = Clock::now() - begin;
  const char* const asked = std::getenv("MIEN_TEST_MOMENTS");
  const int moments = asked != nullptr ? std::atoi(asked) : 10;
  int killed = 0;
  for (int i = 0; i < moments; ++i) {
    const std::string file = folder_.file(std::to_string(i));
    fs::copy(path(), file);
    const pid_t child = ::fork();
    if (child == 0) {
      (void)open_database(file, Access::write, newer);
      ::_exit(0);
    }
    std::this_thread::sleep_for(usual * (2 * i + 1) / (2 * moments));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    killed += WIFSIGNALED(status) ? 1 : 0;
    EXPECT_EQ(rows_in(file), wanted) << "killed at moment " << i;
    EXPECT_FALSE(fs::exists(migration_copy_path(file)));
  }
  EXPECT_GT(killed, 0);
}

// Pages go from the WAL into the file one by one: a kill or a full disk leaves the first, which says how many there
// are, without the last.
TEST_F(SchemaTest, ACheckpointThatWasCutOffIsNoDamage) {
  const std::string torn = folder_.file("torn");
  std::int64_t faces = 0;
  {
    Store store = open();
    put_many(store, 20);
    faces = store.statistics().faces;
    fs::copy(path(), torn);
    fs::copy(path() + "-wal", torn + "-wal");
  }
  ASSERT_GT(fs::file_size(torn + "-wal"), 0U);
  constexpr std::streamoff kPageCountAt = 28;
  std::fstream file(torn, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(kPageCountAt).write("\0\0\1\0", 4);
  file.close();
  Store store({torn, Access::read});
  EXPECT_EQ(store.statistics().faces, faces);
  EXPECT_TRUE(store.check().empty());
}

// Killed behind the transaction, and before the copy went.
TEST_F(SchemaTest, ACopyThatWasLeftGoesWithTheNextOpening) {
  make();
  fs::copy(path(), migration_copy_path(path()));
  open(Access::write);
  EXPECT_FALSE(fs::exists(migration_copy_path(path())));
}

TEST_F(SchemaTest, AFileOfAnotherProgramIsLeftAlone) {
  make();
  {
    Database database(path(), Database::Access::write);
    database.run("PRAGMA application_id = 7; PRAGMA journal_mode = DELETE");
  }
  const std::string before = bytes_of(path());
  for (const Access access : {Access::read, Access::create}) {
    EXPECT_EQ(code_of([&] { open(access); }, "another program"), ErrorCode::invalid_argument);
  }
  EXPECT_EQ(bytes_of(path()), before);
}

// What is killed before the tables are there.
TEST_F(SchemaTest, AnEmptyFileIsNoStoreYet) {
  std::ofstream(path()).flush();
  EXPECT_EQ(code_of([&] { open(Access::write); }), ErrorCode::not_found);
  EXPECT_EQ(open(Access::create).statistics().faces, 0);
}

}  // namespace
}  // namespace mien
