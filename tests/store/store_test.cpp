#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "mien/result.h"
#include "mien/tools/store.h"
#include "support/store_scene.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

class StoreTest : public testing::Test {
 protected:
  Store open(StoreOptions::Access access = StoreOptions::Access::create) {
    return Store({folder_.file("a.mien"), access});
  }
  static void put(Store& store, const std::string& path, const Record& record) {
    const Store::Entry entry{"/photos", path, &record};
    store.put({&entry, 1});
  }
  StoreFolder folder_;
};

std::vector<StoredFace> faces_of(const Store& store) {
  std::vector<StoredFace> faces;
  store.visit_faces([&faces](const StoredFace& face) { faces.push_back(face); });
  return faces;
}

std::vector<std::vector<float>> vectors_of(const Store& store, const std::string& embedder = "tiny-a") {
  std::vector<std::vector<float>> vectors;
  store.visit_vectors(embedder, [&vectors](const StoredVector& vector) { vectors.push_back(floats_of(vector.half)); });
  return vectors;
}

TEST_F(StoreTest, KeepsARecordWithItsFacesAndVectors) {
  const Record record = made_up_record(1, {{10, 10, 50, 60}, {100, 20, 140, 70}});
  {
    Store store = open();
    put(store, "/photos/a/1.jpg", record);
  }
  const Store store = open(StoreOptions::Access::read);
  const StoreStatistics statistics = store.statistics();
  EXPECT_EQ(statistics.images, 1);
  EXPECT_EQ(statistics.paths, 1);
  EXPECT_EQ(statistics.faces, 2);
  EXPECT_EQ(statistics.vectors, 2);
  const std::optional<StoredImage> image = store.find_image_at("/photos/a/1.jpg");
  ASSERT_TRUE(image.has_value());
  EXPECT_EQ(image->sha256, record.sha256);
  EXPECT_EQ(image->paths, std::vector<std::string>{"/photos/a/1.jpg"});
  const std::vector<StoredFace> faces = faces_of(store);
  ASSERT_EQ(faces.size(), 2U);
  EXPECT_EQ(faces[1].number, 1);
  EXPECT_EQ(faces[1].bbox.x2, 140);
  EXPECT_NE(faces[0].key, faces[1].key);
  const std::vector<std::vector<float>> vectors = vectors_of(store);
  ASSERT_EQ(vectors.size(), 2U);
  double length = 0;
  for (const float value : vectors[0]) length += double{value} * value;
  EXPECT_NEAR(length, 1, 0.002);
}

}  // namespace
}  // namespace mien
