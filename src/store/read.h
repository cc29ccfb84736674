// What the tables hold, row by row.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "mien/tools/store.h"
#include "store/sqlite.h"

namespace mien {

StoreStatistics read_statistics(Database& database);
std::int64_t read_vector_count(Database& database);  // of the first embedder
void visit_place_rows(Database& database, const std::function<void(const StoredPlace&)>& visit);
std::optional<StoredPlace> read_place_at(Database& database, const std::string& path);
std::optional<Record> read_record(Database& database, std::string_view sha256);

std::optional<StoredImage> read_image(Database& database, ImageId id);
std::optional<StoredImage> read_image_of(Database& database, std::string_view sha256);
std::unordered_map<std::string, ImageId> find_images_of(Database& database,
                                                        const std::unordered_set<std::string>& sha256s);
std::optional<StoredImage> read_image_at(Database& database, const std::string& path);
void visit_image_rows(Database& database, const std::function<void(StoredImage&)>& visit);
std::optional<StoredFace> read_face(Database& database, FaceId id);
std::vector<StoredFace> read_faces_of(Database& database, ImageId image);
void visit_face_rows(Database& database, FaceId after, const std::function<void(const StoredFace&)>& visit);

// 0: none of this name.
std::int64_t embedder_row(Database& database, std::string_view embedder_id);
std::vector<std::string> read_embedders(Database& database);
std::string read_embedder_name(Database& database, std::string_view embedder_id);
void visit_vector_rows(Database& database, std::string_view embedder_id, FaceId after,
                       const std::function<void(const StoredVector&)>& visit);
void visit_vectors_of(Database& database, std::string_view embedder_id, std::span<const FaceKey> keys,
                      const std::function<void(const StoredVector&)>& visit);

}  // namespace mien
