#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

#include "store/sqlite.h"
#include "store/store_fixture.h"

namespace mien {
namespace {

TEST_F(StoreTest, RestoresWhereTheStoreIsDamaged) {
  std::optional<Store> store(open());
  put_many(*store, 300);
  const std::string backup = folder_.file("backup");
  back_up_store(folder_.file("a.mien"), backup);
  EXPECT_EQ(code_of([&] { back_up_store(folder_.file("a.mien"), backup); }, "there already"),
            ErrorCode::invalid_argument);
  store.reset();
  const std::string file = folder_.file("a.mien");
  const std::string whole = bytes_of(file);
  for (const std::size_t kept : {whole.size() / 2, std::size_t{20}}) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << whole.substr(0, kept);
    const std::vector<std::string> lacks = restore_store(backup, file);
    ASSERT_EQ(lacks.size(), 1U);
    EXPECT_NE(lacks[0].find(".damaged"), std::string::npos) << lacks[0];
    EXPECT_EQ(open(Access::read).statistics().faces, 300);
  }
  EXPECT_EQ(bytes_of(file + ".damaged").size(), whole.size() / 2);
  std::ofstream(backup, std::ios::binary | std::ios::trunc) << whole.substr(0, whole.size() / 2);
  EXPECT_EQ(code_of([&] { restore_store(backup, file); }, "damaged"), ErrorCode::bad_data);
  EXPECT_EQ(open(Access::read).statistics().faces, 300);
  EXPECT_EQ(code_of([&] { restore_store(folder_.file("none"), file); }), ErrorCode::not_found);
}

// The tables' own description is in the file too: a byte of it that is another is damage, and no defect of mien's.
TEST_F(StoreTest, SaysThatTablesAreDamaged) {
  {
    Store store = open();
    put_many(store, 3);
  }
  const std::string file = folder_.file("a.mien");
  std::string changed = bytes_of(file);
  const std::size_t column = changed.find("folder BLOB");
  ASSERT_NE(column, std::string::npos);
  changed[column] = 'F' + 1;
  std::ofstream(file, std::ios::binary | std::ios::trunc) << changed;
  const auto visit = [&] { open(Access::read).visit_places([](const StoredPlace& /*place*/) {}); };
  EXPECT_EQ(code_of(visit, "mien store check"), ErrorCode::bad_data);
}

TEST_F(StoreTest, SaysThatAVectorHasAnotherSize) {
  Store store = open();
  put_many(store, 3);
  const FaceKey key = store.face(2)->key;
  const auto visit = [&] { store.visit_vectors(kEmbedder, [](const StoredVector& /*vector*/) {}); };
  const auto read = [&] { store.read_vectors(kEmbedder, {&key, 1}, [](const StoredVector& /*vector*/) {}); };
  Database database(folder_.file("a.mien"), Database::Access::write);
  database.run("PRAGMA ignore_check_constraints = ON");
  // An empty one is wrong even where the embedder is said to give no numbers.
  for (const char* const damage :
       {"UPDATE vector SET half = x'003c' WHERE face = 2", "UPDATE vector SET half = x'' WHERE face = 2",
        "UPDATE embedder SET dimensions = 0"}) {
    SCOPED_TRACE(damage);
    database.run(damage);
    EXPECT_EQ(code_of(visit, "table vector, row "), ErrorCode::bad_data);
    EXPECT_EQ(code_of(read, "table vector, row "), ErrorCode::bad_data);
    EXPECT_NE(store.check(), std::vector<std::string>());
  }
}

TEST_F(StoreTest, SaysWhatIsDamaged) {
  HalfVector half;
  {
    Store store = open();
    put_many(store, 300);
    store.visit_vectors(kEmbedder, [&](const StoredVector& vector) {
      if (vector.face == 150) half.assign(vector.half.begin(), vector.half.end());
    });
  }
  const std::string file = folder_.file("a.mien");
  const std::string whole = bytes_of(file);
  const auto findings_in = [&](const std::string& bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
    std::string findings;
    for (const std::string& finding : open(Access::read).check()) findings += finding + "\n";
    return findings;
  };
  std::string changed = whole;
  const std::string vector(reinterpret_cast<const char*>(half.data()), half.size() * sizeof(half[0]));
  const std::size_t start = changed.find(vector);
  ASSERT_NE(start, std::string::npos);
  changed.replace(start, vector.size(), vector.size(), '\x3c');  // 1.06, again and again
  const std::string of_row = findings_in(changed);
  EXPECT_NE(of_row.find("table vector, row "), std::string::npos) << of_row;
  EXPECT_NE(of_row.find("its length is not 1"), std::string::npos) << of_row;

  std::string damaged = whole;
  for (const std::size_t page : {whole.size() / 3, whole.size() / 2}) damaged.replace(page, 8192, 8192, '\xa5');
  const std::string of_table = findings_in(damaged);
  EXPECT_NE(of_table.find("table "), std::string::npos) << of_table;
  EXPECT_EQ(code_of([&] { back_up_store(file, folder_.file("b")); }, "mien store check"), ErrorCode::bad_data);
  EXPECT_FALSE(fs::exists(folder_.file("b")));
}

TEST_F(StoreTest, RefusesWhatIsNoStore) {
  EXPECT_EQ(code_of([&] { open(Access::read); }, "mien index"), ErrorCode::not_found);
  EXPECT_EQ(code_of([&] { open(Access::write); }, "mien index"), ErrorCode::not_found);
  EXPECT_TRUE(fs::is_empty(folder_.path()));
  EXPECT_EQ(code_of([&] { Store({folder_.file("none/a.mien"), Access::create}); }, "--store"), ErrorCode::not_found);
  EXPECT_EQ(code_of([&] { Store({folder_.path(), Access::create}); }, "folder"), ErrorCode::invalid_argument);
  const std::string text = "this is a text of mine\n";
  std::ofstream(folder_.file("a.mien")) << text;
  for (const Access access : {Access::read, Access::write, Access::create}) {
    EXPECT_EQ(code_of([&] { open(access); }, "no store of mien"), ErrorCode::invalid_argument);
  }
  EXPECT_EQ(bytes_of(folder_.file("a.mien")), text);
}

}  // namespace
}  // namespace mien
