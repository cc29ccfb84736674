// What the tests of the store have in common: a store in a folder of its own, and what it holds.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "mien/result.h"
#include "mien/tools/store.h"
#include "support/store_scene.h"

namespace mien {

namespace fs = std::filesystem;
using Access = StoreOptions::Access;

inline constexpr const char* kEmbedder = "tiny-a";
inline const Box kLeft = {10, 10, 50, 60};
inline const Box kRight = {100, 20, 140, 70};

class StoreTest : public testing::Test {
 protected:
  Store open(Access access = Access::create) const { return Store({folder_.file("a.mien"), access}); }
  static void put(Store& store, const std::string& path, const Record& record, const std::string& source = "/photos") {
    const Store::Entry entry{source, path, &record};
    store.put({&entry, 1});
  }
  // Photos /photos/1 and on with one face each, in one transaction.
  static void put_many(Store& store, std::uint32_t count) {
    std::vector<Record> records;
    std::vector<Store::Entry> batch;
    for (std::uint32_t i = 1; i <= count; ++i) records.push_back(made_up_record(i, {kLeft}));
    for (std::uint32_t i = 1; i <= count; ++i)
      batch.push_back({"/photos", "/photos/" + std::to_string(i), &records[i - 1]});
    store.put(batch);
  }
  StoreFolder folder_;
};

inline std::vector<StoredFace> faces_of(const Store& store) {
  std::vector<StoredFace> faces;
  store.visit_faces([&faces](const StoredFace& face) { faces.push_back(face); });
  return faces;
}

inline std::map<FaceId, std::vector<float>> vectors_of(const Store& store, const std::string& embedder = kEmbedder) {
  std::map<FaceId, std::vector<float>> vectors;
  store.visit_vectors(embedder, [&vectors](const StoredVector& one) { vectors[one.face] = floats_of(one.half); });
  return vectors;
}

inline std::map<std::string, StoredPlace> places_of(const Store& store) {
  std::map<std::string, StoredPlace> places;
  store.visit_places([&places](const StoredPlace& place) { places[place.path] = place; });
  return places;
}

inline std::vector<PersonOperation> operations_of(const Store& store) {
  std::vector<PersonOperation> operations;
  store.visit_operations([&operations](const PersonOperation& one) { operations.push_back(one); });
  return operations;
}

inline std::vector<FaceId> listed_faces(const Store& store) {
  std::vector<FaceId> faces;
  store.visit_neighbours(kEmbedder, [&faces](const Store::FaceNeighbours& one) { faces.push_back(one.face); });
  return faces;
}

// The code of what it throws; the message must hold the text.
template <typename Call>
ErrorCode code_of(Call call, const std::string& text = "") {
  try {
    call();
  } catch (const Exception& failure) {
    EXPECT_NE(failure.error().message.find(text), std::string::npos) << failure.error().message;
    return failure.error().code;
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::internal;
}

inline PersonOperation statement_of(OperationKind kind, PersonId person, VerdictKind verdict,
                                    const std::vector<FacePlace>& places, const std::string& text = "") {
  PersonOperation operation;
  operation.kind = kind;
  operation.person = person;
  operation.text = text;
  for (const FacePlace& place : places) operation.statements.push_back({place, verdict, person});
  return operation;
}

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace mien
