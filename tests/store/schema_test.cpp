#include "store/schema.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

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
  EXPECT_EQ(code_of([&] { open_database(path(), Access::write, newer); }, "no such table"), ErrorCode::internal);
  EXPECT_EQ(open(Access::write).statistics().faces, 20);
  EXPECT_FALSE(fs::exists(migration_copy_path(path())));
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
