#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <cstdint>
#include <thread>

#include "store/store_fixture.h"

namespace mien {
namespace {

TEST_F(StoreTest, KeepsARecordWithItsFacesAndVectors) {
  const Record record = made_up_record(1, {kLeft, kRight});
  {
    Store store = open();
    put(store, "/photos/a/1.jpg", record);
  }
  const Store store = open(Access::read);
  const StoreStatistics statistics = store.statistics();
  EXPECT_EQ(statistics.images, 1);
  EXPECT_EQ(statistics.paths, 1);
  EXPECT_EQ(statistics.faces, 2);
  EXPECT_EQ(statistics.vectors, 2);
  EXPECT_GT(statistics.bytes, 4096);
  const std::optional<StoredImage> image = store.find_image_at("/photos/a/1.jpg");
  ASSERT_TRUE(image.has_value());
  EXPECT_EQ(image->sha256, record.sha256);
  EXPECT_EQ(image->phash, record.analysis.phash);
  EXPECT_EQ(image->paths, std::vector<std::string>{"/photos/a/1.jpg"});
  EXPECT_FALSE(image->is_gone);
  const std::vector<StoredFace> faces = faces_of(store);
  ASSERT_EQ(faces.size(), 2U);
  EXPECT_EQ(faces[1].number, 1);
  EXPECT_EQ(faces[1].bbox.x2, kRight.x2);
  EXPECT_EQ(faces[1].image, image->id);
  EXPECT_NE(faces[0].key, faces[1].key);
  EXPECT_EQ(store.embedders(), std::vector<std::string>{kEmbedder});
  EXPECT_EQ(store.embedder_name(kEmbedder), "tiny");
  EXPECT_TRUE(store.check().empty());
}

TEST_F(StoreTest, VectorsAreOfLengthOneAndPointWhereTheEmbeddingPoints) {
  const Record record = made_up_record(1, {kLeft, kRight});
  Store store = open();
  put(store, "/photos/1.jpg", record);
  for (const auto& [face, vector] : vectors_of(store)) {
    const std::vector<float>& embedding = record.analysis.faces[store.face(face)->number].embedding;
    double dot = 0;
    double length = 0;
    double given = 0;
    for (std::size_t i = 0; i < vector.size(); ++i) {
      dot += double{vector[i]} * embedding[i];
      length += double{vector[i]} * vector[i];
      given += double{embedding[i]} * embedding[i];
    }
    EXPECT_NEAR(length, 1, 1e-3);
    EXPECT_NEAR(dot / std::sqrt(length * given), 1, 1e-6);
  }
  std::vector<FaceKey> keys = {faces_of(store)[1].key, 12345, faces_of(store)[0].key};
  std::vector<FaceKey> visited;
  store.read_vectors(kEmbedder, keys, [&visited](const StoredVector& one) { visited.push_back(one.key); });
  EXPECT_EQ(visited, (std::vector<FaceKey>{keys[0], keys[2]}));
}

TEST_F(StoreTest, ARecordComesBackWithoutSourceAndEmbeddings) {
  Record record = made_up_record(1, {kLeft});
  record.source = "1.jpg";
  record.analysis.warnings = {"a warning"};
  Store store = open();
  put(store, "/photos/1.jpg", record);
  const std::optional<Record> found = store.find_record(record.sha256);
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->source.empty());
  EXPECT_EQ(found->terms, record.terms);
  EXPECT_EQ(found->analysis.warnings, record.analysis.warnings);
  ASSERT_EQ(found->analysis.faces.size(), 1U);
  EXPECT_TRUE(found->analysis.faces[0].embedding.empty());
  EXPECT_EQ(found->analysis.faces[0].bbox.x1, kLeft.x1);
  EXPECT_FALSE(store.find_record(made_up_sha256(2)).has_value());
}

TEST_F(StoreTest, TheSameRecordAgainChangesNothing) {
  const Record record = made_up_record(1, {kLeft, kRight});
  Store store = open();
  Store other = open(Access::write);
  put(store, "/photos/1.jpg", record);
  EXPECT_TRUE(other.has_changed());
  put(store, "/photos/1.jpg", record);
  EXPECT_FALSE(other.has_changed());
  EXPECT_FALSE(store.has_changed());  // its own changes are none
}

TEST_F(StoreTest, OnOtherTermsFacesAtTheSamePlaceKeepTheirIds) {
  Store store = open();
  put(store, "/photos/1.jpg", made_up_record(1, {kLeft, kRight}));
  const std::vector<StoredFace> before = faces_of(store);
  Record record = made_up_record(1, {{200, 200, 240, 250}, {102, 21, 141, 72}});
  record.terms = "terms-2";
  put(store, "/photos/1.jpg", record);
  const std::vector<StoredFace> after = faces_of(store);
  ASSERT_EQ(after.size(), 2U);
  EXPECT_EQ(after[0].id, before[1].id);
  EXPECT_EQ(after[0].number, 1);
  EXPECT_EQ(after[0].bbox.x1, 102);
  EXPECT_GT(after[1].id, before[1].id);  // the id of the face that went is not used again
  EXPECT_EQ(vectors_of(store).size(), 2U);
  EXPECT_TRUE(store.check().empty());
}

TEST_F(StoreTest, KeysDependOnContentAndBoxAlone) {
  Store store = open();
  Store other({folder_.file("b.mien"), Access::create});
  put(store, "/photos/1.jpg", made_up_record(1, {kLeft, kRight}));
  put(store, "/photos/2.jpg", made_up_record(2, {kLeft}));
  put(other, "/elsewhere/x.jpg", made_up_record(2, {kLeft}), "/elsewhere");
  put(other, "/elsewhere/y.jpg", made_up_record(1, {kRight, kLeft, kLeft}), "/elsewhere");
  EXPECT_EQ(faces_of(store)[0].key, faces_of(other)[2].key);
  EXPECT_EQ(faces_of(store)[1].key, faces_of(other)[1].key);
  EXPECT_EQ(faces_of(store)[2].key, faces_of(other)[0].key);
  EXPECT_NE(faces_of(other)[2].key, faces_of(other)[3].key);  // two faces in one box are two
  EXPECT_TRUE(other.check().empty());
}

// Somebody tried another one and went back.
TEST_F(StoreTest, TheEmbedderOfMostFacesThatAreThereComesFirst) {
  Store store = open();
  Record other = made_up_record(1, {kLeft, kRight});
  other.terms = "terms-2";
  other.analysis.models.embedder_id = "tiny-b";
  put(store, "/photos/1.jpg", made_up_record(1, {kLeft, kRight}));
  put(store, "/photos/1.jpg", other);
  put(store, "/photos/2.jpg", made_up_record(2, {kLeft}));
  EXPECT_EQ(store.embedders(), (std::vector<std::string>{kEmbedder, "tiny-b"}));
  const std::vector<std::string> gone = {"/photos/2.jpg"};
  store.set_gone(gone, true);
  EXPECT_EQ(store.embedders(), (std::vector<std::string>{"tiny-b", kEmbedder}));
  put(store, "/photos/copy.jpg", made_up_record(2, {kLeft}));
  EXPECT_EQ(store.embedders(), (std::vector<std::string>{kEmbedder, "tiny-b"}));
  put(store, "/photos/copy.jpg", made_up_record(3, {}));  // the content that lay there has no path left
  EXPECT_EQ(store.embedders(), (std::vector<std::string>{"tiny-b", kEmbedder}));
}

TEST_F(StoreTest, VectorsOfAnotherEmbedderStandBesideTheOthers) {
  Store store = open();
  put(store, "/photos/1.jpg", made_up_record(1, {kLeft}));
  Record record = made_up_record(1, {kLeft});
  record.terms = "terms-2";
  record.analysis.models.embedder_id = "tiny-b";
  record.analysis.faces[0].embedding = made_up_embedding(7, 32);
  put(store, "/photos/1.jpg", record);
  EXPECT_EQ(store.embedders(), (std::vector<std::string>{"tiny-b", kEmbedder}));
  EXPECT_EQ(vectors_of(store, "tiny-b").begin()->second.size(), 32U);
  EXPECT_EQ(vectors_of(store).begin()->second.size(), 64U);
  record.terms = "terms-3";
  record.analysis.faces[0].embedding = made_up_embedding(7, 16);
  EXPECT_EQ(code_of([&] { put(store, "/photos/1.jpg", record); }, "tiny-b"), ErrorCode::invalid_argument);
  EXPECT_EQ(vectors_of(store, "tiny-b").begin()->second.size(), 32U);
}

TEST_F(StoreTest, FindsImagesByTheirContents) {
  Store store = open();
  for (std::uint32_t content = 1; content <= 3; ++content) {
    put(store, "/photos/" + std::to_string(content) + ".jpg", made_up_record(content, {kLeft}));
  }
  const std::unordered_map<std::string, ImageId> expected{{made_up_sha256(1), store.find_image(made_up_sha256(1))->id},
                                                          {made_up_sha256(3), store.find_image(made_up_sha256(3))->id}};
  std::unordered_set<std::string> wanted{made_up_sha256(1), made_up_sha256(3), made_up_sha256(4)};
  EXPECT_EQ(store.find_images(wanted), expected) << "few are looked for one by one";
  for (std::uint32_t content = 100; content < 3000; ++content) wanted.insert(made_up_sha256(content));
  EXPECT_EQ(store.find_images(wanted), expected) << "many by going through all that are there";
  EXPECT_TRUE(store.find_images({}).empty());
}

TEST_F(StoreTest, WhatWasReadOnceOutlivesAFailure) {
  Store store = open();
  put(store, "/photos/1.jpg", made_up_record(1, {kLeft}));
  Record failed = made_up_record(1, {});
  failed.terms = "terms-2";
  failed.error = Error{ErrorCode::unavailable, "the GPU failed"};
  put(store, "/photos/1.jpg", failed);
  EXPECT_EQ(faces_of(store).size(), 1U);
  const StoredPlace place = places_of(store)["/photos/1.jpg"];
  EXPECT_TRUE(place.can_be_repeated);
  EXPECT_EQ(place.terms, "terms-2");
  EXPECT_EQ(store.statistics().failed, 1);
  Record unread;
  unread.error = Error{ErrorCode::bad_data, "cut off"};
  unread.terms = "terms-1";
  put(store, "/photos/2.jpg", unread);
  EXPECT_TRUE(places_of(store)["/photos/2.jpg"].sha256.empty());
  EXPECT_FALSE(places_of(store)["/photos/2.jpg"].can_be_repeated);
  EXPECT_EQ(places_of(store)["/photos/2.jpg"].terms, "terms-1");
  put(store, "/photos/2.jpg", made_up_record(2, {kLeft}));
  EXPECT_EQ(store.statistics().failed, 1);
  EXPECT_EQ(store.statistics().images, 2);
}

TEST_F(StoreTest, APathThatIsGoneComesBackOrIsPruned) {
  Store store = open();
  put(store, "/photos/1.jpg", made_up_record(1, {kLeft}));
  put(store, "/photos/copy.jpg", made_up_record(1, {kLeft}));
  put(store, "/photos/2.jpg", made_up_record(2, {kLeft}));
  const std::vector<std::string> gone = {"/photos/1.jpg", "/photos/2.jpg", "/photos/never.jpg"};
  store.set_gone(gone, true);
  EXPECT_EQ(store.statistics().gone, 2);
  EXPECT_FALSE(store.find_image(made_up_sha256(1))->is_gone);
  EXPECT_TRUE(store.find_image_at("/photos/2.jpg")->is_gone);
  const std::vector<std::string> elsewhere = {"/photo"};
  EXPECT_EQ(store.prune(elsewhere), 0);
  const PersonId person = store.add_person();
  store.add(statement_of(OperationKind::is, person, VerdictKind::is, {{made_up_sha256(2), kLeft}}));
  EXPECT_EQ(store.prune({}), 2);
  EXPECT_EQ(faces_of(store).size(), 1U);
  EXPECT_EQ(vectors_of(store).size(), 1U);
  EXPECT_EQ(operations_of(store)[0].statements.size(), 1U);
  put(store, "/photos/2.jpg", made_up_record(2, {kLeft}));
  store.set_gone({&gone[1], 1}, true);
  store.set_gone({&gone[1], 1}, false);
  EXPECT_FALSE(store.find_image_at("/photos/2.jpg")->is_gone);
  EXPECT_TRUE(store.check().empty());
}

TEST_F(StoreTest, AFolderThatMovedIsNotReadAgain) {
  Store store = open();
  put(store, "/media/old/2019/a.jpg", made_up_record(1, {kLeft}), "/media/old");
  put(store, "/media/old/b.jpg", made_up_record(2, {kLeft}), "/media/old");
  put(store, "/media/older/c.jpg", made_up_record(3, {kLeft}), "/media/older");
  put(store, "/media/new/b.jpg", made_up_record(4, {kLeft}), "/media/new");
  EXPECT_EQ(store.move_source("/media/old/", "/media/new"), 2);
  EXPECT_EQ(store.find_image_at("/media/new/2019/a.jpg")->sha256, made_up_sha256(1));
  EXPECT_EQ(store.find_image_at("/media/new/b.jpg")->sha256, made_up_sha256(4));  // what was found there stays
  EXPECT_FALSE(store.find_image_at("/media/old/b.jpg").has_value());
  EXPECT_TRUE(store.find_image_at("/media/older/c.jpg").has_value());
  const std::vector<std::string> gone = {"/media/new/2019/a.jpg"};
  store.set_gone(gone, true);
  EXPECT_EQ(store.move_source("/media/new/2019", "/archive"), 1);
  EXPECT_TRUE(store.find_image_at("/archive/a.jpg")->is_gone);
  EXPECT_EQ(store.find_image_at("/archive/a.jpg")->sha256, made_up_sha256(1));
  EXPECT_EQ(store.move_source("/media", "/disk"), 2);
  EXPECT_TRUE(store.find_image_at("/disk/older/c.jpg").has_value());
  EXPECT_EQ(store.move_source("/nowhere", "/disk2"), 0);
  EXPECT_EQ(code_of([&] { store.move_source("/disk", "/disk/a"); }, "inside"), ErrorCode::invalid_argument);
}

TEST_F(StoreTest, PathsMayHoldAnyBytes) {
  Store store = open();
  const std::vector<std::string> paths = {"/photos/\xff\xfe.jpg", "/photos/a\nb.jpg", "/photos/%41?.jpg", "/photos",
                                          "/other/list.jpg"};
  for (std::size_t i = 0; i < paths.size(); ++i) {
    put(store, paths[i], made_up_record(static_cast<std::uint32_t>(i), {kLeft}));
  }
  for (std::size_t i = 0; i < paths.size(); ++i) {
    ASSERT_TRUE(store.find_image_at(paths[i]).has_value()) << i;
    EXPECT_EQ(store.find_image_at(paths[i])->sha256, made_up_sha256(static_cast<std::uint32_t>(i)));
  }
  put(store, paths[0], made_up_record(99, {kLeft}),
      "/photos/below");  // the same path below another source is one place
  EXPECT_EQ(store.statistics().paths, static_cast<std::int64_t>(paths.size()));
  EXPECT_EQ(store.find_image_at(paths[0])->sha256, made_up_sha256(99));
}

TEST_F(StoreTest, NeighboursOfWhatChangedDoNotCount) {
  Store store = open();
  put_many(store, 4);
  const std::vector<StoredFace> faces = faces_of(store);
  std::vector<Store::FaceNeighbours> lists;
  for (std::size_t i = 0; i < 4; ++i) lists.push_back({faces[i].id, {{faces[(i + 1) % 4].key, 0.5F}}});
  lists.push_back({999, {{faces[0].key, 0.5F}}});  // no such face
  store.put_neighbours(kEmbedder, lists);
  EXPECT_EQ(listed_faces(store), (std::vector<FaceId>{1, 2, 3, 4}));
  Record record = made_up_record(2, {kLeft});
  record.terms = "terms-2";
  record.analysis.faces[0].embedding = made_up_embedding(77);
  put(store, "/photos/2", record);
  EXPECT_EQ(listed_faces(store), (std::vector<FaceId>{3, 4}));
  store.put_neighbours(kEmbedder, {&lists[0], 2});
  EXPECT_EQ(listed_faces(store), (std::vector<FaceId>{1, 2, 3, 4}));
  const std::vector<std::string> gone = {"/photos/4"};
  store.set_gone(gone, true);
  store.prune({});
  EXPECT_EQ(listed_faces(store), (std::vector<FaceId>{1, 2}));
  float similarity = 0;
  store.visit_neighbours(kEmbedder,
                         [&](const Store::FaceNeighbours& one) { similarity = one.neighbours[0].similarity; });
  EXPECT_EQ(similarity, 0.5F);
}

TEST_F(StoreTest, GroupsTakeThePlaceOfGroups) {
  Store store = open();
  put_many(store, 4);
  const std::vector<FaceGroup> first = {{3, 1}, {1, 1}, {2, 2}, {999, 1}};
  store.put_groups(first, "first");
  EXPECT_EQ(store.groups().size(), 3U);
  const std::vector<FaceGroup> second = {{4, 2}, {2, 2}, {3, 3}};
  store.put_groups(second, "second");
  const std::vector<FaceGroup> groups = store.groups();
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[1].face, 3);
  EXPECT_EQ(groups[1].group, 3);
  EXPECT_EQ(groups[2].face, 4);
}

TEST_F(StoreTest, WhatWasSaidComesBackInItsOrder) {
  Store store = open();
  const PersonId anna = store.add_person();
  const PersonId ben = store.add_person();
  EXPECT_GT(ben, anna);
  const FacePlace place{made_up_sha256(1), kLeft};
  const std::string name = "Anna\n\xf0\x9f\x99\x82\xe2\x80\xae";
  const OperationId first =
      store.add(statement_of(OperationKind::name, anna, VerdictKind::named, {place, place}, name));
  PersonOperation merge;
  merge.kind = OperationKind::merge;
  merge.person = anna;
  merge.other = ben;
  const OperationId second = store.add(merge);
  store.set_undone(second, true);
  const std::vector<PersonOperation> operations = operations_of(store);
  ASSERT_EQ(operations.size(), 2U);
  EXPECT_EQ(operations[0].id, first);
  EXPECT_EQ(operations[0].text, name);
  EXPECT_EQ(operations[0].time.size(), std::string("2026-11-30T06:30:00Z").size());
  ASSERT_EQ(operations[0].statements.size(), 2U);
  EXPECT_EQ(operations[0].statements[1].place.sha256, place.sha256);
  EXPECT_EQ(operations[0].statements[1].place.bbox.y2, kLeft.y2);
  EXPECT_EQ(operations[0].statements[1].kind, VerdictKind::named);
  EXPECT_EQ(operations[0].statements[1].person, anna);
  EXPECT_EQ(operations[1].other, ben);
  EXPECT_TRUE(operations[1].is_undone);
  EXPECT_EQ(code_of([&] { store.set_undone(999, true); }), ErrorCode::not_found);
  PersonOperation of_nobody;
  of_nobody.person = 999;
  EXPECT_EQ(code_of([&] { store.add(of_nobody); }), ErrorCode::invalid_argument);
}

TEST_F(StoreTest, OnlyItsOwnerMayReadIt) {
  const mode_t before = ::umask(0);
  Store store = open();
  put(store, "/photos/1.jpg", made_up_record(1, {kLeft}));
  const PersonId person = store.add_person();
  store.forget({&person, 1}, {});
  back_up_store(folder_.file("a.mien"), folder_.file("backup"));
  ::umask(before);
  int files = 0;
  for (const fs::directory_entry& file : fs::directory_iterator(folder_.path())) {
    EXPECT_EQ(file.status().permissions() & fs::perms::all, fs::perms::owner_read | fs::perms::owner_write)
        << file.path();
    ++files;
  }
  EXPECT_EQ(files, 5);  // the store, its WAL, shared memory, FILE.forgotten, the backup
}

TEST_F(StoreTest, ReadersDoNotWrite) {
  { Store store = open(); }
  Store store = open(Access::read);
  const Record record = made_up_record(1, {kLeft});
  EXPECT_EQ(code_of([&] { put(store, "/photos/1.jpg", record); }, "may only read"), ErrorCode::io);
  EXPECT_EQ(store.statistics().images, 0);
}

TEST_F(StoreTest, SeveralWriteAtOnce) {
  constexpr std::uint32_t kPhotosEach = 50;
  std::vector<std::thread> writers;
  for (std::uint32_t writer = 0; writer < 4; ++writer) {
    writers.emplace_back([this, writer] {
      Store store = open();
      for (std::uint32_t i = 0; i < kPhotosEach; ++i) {
        const std::uint32_t content = writer * kPhotosEach / 2 + i;  // half of them are the next one's too
        put(store, "/photos/" + std::to_string(content), made_up_record(content, {kLeft}));
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const Store store = open(Access::read);
  EXPECT_EQ(store.statistics().images, 125);
  EXPECT_EQ(store.statistics().faces, 125);
  EXPECT_TRUE(store.check().empty());
}

TEST_F(StoreTest, VisitsMayChangeTheStore) {
  Store store = open();
  put_many(store, 3);
  store.visit_images([&](const StoredImage& image) {
    const std::vector<FaceGroup> groups = {{image.id, image.id}};
    store.put_groups(groups, "test");
    EXPECT_EQ(store.statistics().images, 3);
  });
  EXPECT_EQ(store.groups().size(), 1U);
}

}  // namespace
}  // namespace mien
