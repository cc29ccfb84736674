#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

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

TEST_F(StoreTest, SaysWhatIsDamaged) {
  {
    Store store = open();
    put_many(store, 300);
  }
  const std::string whole = bytes_of(folder_.file("a.mien"));
  std::string damaged = whole;
  const std::vector<std::size_t> starts = {damaged.size() / 3, damaged.size() / 2};
  for (const std::size_t start : starts) damaged.replace(start, 8192, 8192, '\xa5');
  std::ofstream(folder_.file("a.mien"), std::ios::binary | std::ios::trunc) << damaged;
  const Store store = open(Access::read);
  std::string findings;
  for (const std::string& finding : store.check()) findings += finding + "\n";
  EXPECT_NE(findings.find("table "), std::string::npos) << findings;
  EXPECT_NE(findings.find(", row "), std::string::npos) << findings;
  EXPECT_EQ(code_of([&] { back_up_store(folder_.file("a.mien"), folder_.file("b")); }, "mien store check"),
            ErrorCode::bad_data);
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
