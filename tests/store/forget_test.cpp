#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>

#include "store/store_fixture.h"

namespace mien {
namespace {

class ForgetTest : public StoreTest {
 protected:
  // Anna is on the photos 1 to 3, Ben beside her; one operation names both.
  void SetUp() override {
    store_.emplace(open());
    for (std::uint32_t i = 1; i <= 3; ++i) put(*store_, path(i), made_up_record(i, {kLeft, kRight}));
    anna_ = store_->add_person();
    ben_ = store_->add_person();
    std::vector<FacePlace> places;
    for (std::uint32_t i = 1; i <= 4; ++i)
      places.push_back({made_up_sha256(i), kLeft});  // the fourth photo is not there
    store_->add(statement_of(OperationKind::name, anna_, VerdictKind::named, places, "Anna"));
    store_->add(statement_of(OperationKind::name, ben_, VerdictKind::named, {{made_up_sha256(1), kRight}}, "Ben"));
    PersonOperation both = statement_of(OperationKind::import, 0, VerdictKind::imported, {{made_up_sha256(2), kRight}});
    both.statements[0].person = ben_;
    both.statements.push_back({{made_up_sha256(2), kLeft}, VerdictKind::imported, anna_});
    store_->add(both);
    for (const StoredFace& face : faces_of(*store_)) {
      if (face.number == 0) faces_.push_back(face.id);
    }
    std::vector<Store::FaceNeighbours> lists;
    const FaceKey of_anna = store_->face(faces_[0])->key;
    for (const StoredFace& face : faces_of(*store_)) lists.push_back({face.id, {{of_anna, 0.25F}}});
    store_->put_neighbours(kEmbedder, lists);
  }
  static std::string path(std::uint32_t i) { return "/photos/" + std::to_string(i); }
  ForgottenPerson forget() { return store_->forget({&anna_, 1}, faces_); }

  std::optional<Store> store_;
  PersonId anna_ = 0;
  PersonId ben_ = 0;
  std::vector<FaceId> faces_;
};

// By it a sidecar says whom mien named there: the store that was made anew knows whom it must not name.
TEST_F(ForgetTest, TheTokenStaysKnownAndTheStoreThatIsMadeAnewKnowsItToo) {
  const auto tokens_of = [](const Store& store) {
    std::map<PersonId, PersonToken> tokens;
    store.visit_person_tokens([&](const PersonToken& one) { tokens[one.person] = one; });
    return tokens;
  };
  const std::map<PersonId, PersonToken> before = tokens_of(*store_);
  ASSERT_EQ(before.size(), 2U);
  EXPECT_EQ(before.at(anna_).token.size(), 32U);
  EXPECT_NE(before.at(anna_).token, before.at(ben_).token);
  EXPECT_FALSE(before.at(anna_).is_forgotten);
  forget();
  const std::map<PersonId, PersonToken> after = tokens_of(*store_);
  EXPECT_TRUE(after.at(anna_).is_forgotten);
  EXPECT_FALSE(after.at(ben_).is_forgotten);
  EXPECT_EQ(after.at(anna_).token, before.at(anna_).token);
  store_.reset();
  fs::remove(folder_.file("a.mien"));
  const std::map<PersonId, PersonToken> anew = tokens_of(open());
  ASSERT_EQ(anew.size(), 1U);
  EXPECT_EQ(anew.at(0).token, before.at(anna_).token);
  EXPECT_TRUE(anew.at(0).is_forgotten);
}

// It would show the faces as somebody else's: here as one of a hidden group.
TEST_F(ForgetTest, WhatElseWasSaidOfTheFacesGoesToo) {
  const PersonId hidden = store_->add_person();
  store_->add(statement_of(OperationKind::hide, hidden, VerdictKind::named,
                           {{made_up_sha256(1), kLeft}, {made_up_sha256(3), kRight}}));
  EXPECT_EQ(forget().verdicts, 6);
  const std::vector<PersonOperation> operations = operations_of(*store_);
  const auto kept = std::find_if(operations.begin(), operations.end(),
                                 [](const PersonOperation& one) { return one.kind == OperationKind::hide; });
  ASSERT_NE(kept, operations.end());
  ASSERT_EQ(kept->statements.size(), 1U);
  EXPECT_EQ(kept->statements[0].place.sha256, made_up_sha256(3));
}

TEST_F(ForgetTest, NothingOfThePersonIsLeft) {
  const ForgottenPerson forgotten = forget();
  EXPECT_EQ(forgotten.faces, 3);
  EXPECT_EQ(forgotten.vectors, 3);
  EXPECT_EQ(forgotten.verdicts, 5);
  EXPECT_EQ(forgotten.places.size(), 4U);  // also where the photo was not
  const std::vector<PersonOperation> operations = operations_of(*store_);
  ASSERT_EQ(operations.size(), 3U);
  EXPECT_EQ(operations[0].text, "Ben");
  ASSERT_EQ(operations[1].statements.size(), 1U);
  EXPECT_EQ(operations[1].statements[0].person, ben_);
  EXPECT_EQ(operations[2].kind, OperationKind::forget);
  EXPECT_EQ(code_of([&] { store_->set_undone(operations[2].id, true); }, "nothing is left"),
            ErrorCode::invalid_argument);
  EXPECT_EQ(vectors_of(*store_).size(), 3U);
  EXPECT_TRUE(listed_faces(*store_).empty());
  EXPECT_EQ(faces_of(*store_).size(), 6U);
  EXPECT_TRUE(store_->check().empty());
  for (const fs::directory_entry& file : fs::directory_iterator(folder_.path())) {
    EXPECT_EQ(bytes_of(file.path()).find("Anna"), std::string::npos) << file.path();
  }
}

TEST_F(ForgetTest, ForgottenFacesAreNotEmbeddedAgain) {
  forget();
  EXPECT_EQ(store_->suppressed().size(), 4U);
  Record record = made_up_record(1, {{12, 11, 51, 62}, kRight});
  record.terms = "terms-2";
  put(*store_, path(1), record);
  put(*store_, path(4), made_up_record(4, {kLeft, kRight}));
  EXPECT_EQ(vectors_of(*store_).size(), 4U);
  // Nor in a store that is made anew beside the note.
  store_.reset();
  fs::remove(folder_.file("a.mien"));
  store_.emplace(open());
  put(*store_, path(1), made_up_record(1, {kLeft, kRight}));
  EXPECT_EQ(vectors_of(*store_).size(), 1U);
}

// An editor writes into the file, makes it smaller, turns it: the content is another one.
TEST_F(ForgetTest, ForgottenStaysForgottenInAPhotoThatChanged) {
  forget();
  put(*store_, path(1), made_up_record(11, {{12, 11, 51, 62}, kRight}));
  Record smaller = made_up_record(12, {{5, 5, 25, 30}, {50, 10, 70, 35}});
  smaller.analysis.width = 200;
  smaller.analysis.height = 150;
  put(*store_, path(2), smaller);
  Record turned = made_up_record(13, {{300 - 60, 10, 300 - 10, 50}, {300 - 70, 100, 300 - 20, 140}});
  turned.analysis.width = 300;
  turned.analysis.height = 400;
  put(*store_, path(3), turned);
  std::map<std::string, int> vectors;
  store_->visit_vectors(
      kEmbedder, [&](const StoredVector& one) { ++vectors[store_->image(store_->face(one.face)->image)->sha256]; });
  for (const std::uint32_t content : {11U, 12U, 13U}) EXPECT_EQ(vectors[made_up_sha256(content)], 1) << content;
  store_.reset();
  open(Access::write);
  EXPECT_NE(bytes_of(folder_.file("a.mien.forgotten")).find(made_up_sha256(13)), std::string::npos);
}

TEST_F(ForgetTest, WaitsForWhoReads) {
  std::optional<Store> reader(open(Access::read));
  bool has_begun = false;
  std::thread reading([&] {
    reader->visit_faces([&has_begun](const StoredFace&) {
      has_begun = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    });
    reader.reset();
  });
  while (!has_begun) std::this_thread::yield();
  forget();
  EXPECT_EQ(fs::file_size(folder_.file("a.mien-wal")) > 0, true);  // what the end of it wrote
  EXPECT_EQ(bytes_of(folder_.file("a.mien-wal")).find("Anna"), std::string::npos);
  reading.join();
}

TEST_F(ForgetTest, ABackupFromBeforeForgetsAgain) {
  const std::string backup = folder_.file("backup");
  back_up_store(folder_.file("a.mien"), backup);
  EXPECT_NE(bytes_of(backup).find("Anna"), std::string::npos);
  forget();
  put(*store_, path(9), made_up_record(9, {kLeft}));
  store_->add(statement_of(OperationKind::is, ben_, VerdictKind::is, {{made_up_sha256(3), kRight}}));
  const PersonId newest = store_->add_person();
  const std::vector<std::string> lacks = restore_store(backup, folder_.file("a.mien"));
  ASSERT_EQ(lacks.size(), 3U);
  EXPECT_NE(lacks[0].find("1 statement about people"), std::string::npos) << lacks[0];
  EXPECT_NE(lacks[1].find("1 photo was indexed"), std::string::npos) << lacks[1];
  EXPECT_NE(lacks[2].find("forgotten again: 5 statements and 3 embeddings"), std::string::npos) << lacks[2];
  EXPECT_TRUE(store_->has_changed());  // who had it open goes on with what was restored
  EXPECT_EQ(vectors_of(*store_).size(), 3U);
  EXPECT_EQ(operations_of(*store_)[0].text, "Ben");
  EXPECT_GT(store_->add_person(), newest);
  EXPECT_EQ(store_->suppressed().size(), 4U);
  EXPECT_TRUE(store_->check().empty());
  store_.reset();
  for (const fs::directory_entry& file : fs::directory_iterator(folder_.path())) {
    if (file.path() == backup) continue;
    EXPECT_EQ(bytes_of(file.path()).find("Anna"), std::string::npos) << file.path();
  }
  fs::remove(folder_.file("a.mien"));
  EXPECT_EQ(restore_store(backup, folder_.file("a.mien")).size(), 1U);  // by the note beside it alone
  EXPECT_EQ(vectors_of(open(Access::read)).size(), 3U);
}

}  // namespace
}  // namespace mien
