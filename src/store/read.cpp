#include "store/read.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <utility>

#include "records/failure.h"
#include "store/encode.h"
#include "store/file.h"
#include "store/places.h"
#include "store/schema.h"

namespace mien {
namespace {

[[noreturn]] void fail_row(const Database& database, const std::string& table, std::int64_t row) {
  database.fail_damaged("table " + table + ", row " + std::to_string(row));
}

// One statement for images and their places: a query of each image's own takes three times as long.
constexpr std::string_view kImages =
    "SELECT image.id, image.sha256, width, height, phash, image.taken, folder, place.path FROM image "
    "LEFT JOIN place ON place.image = image.id AND gone = 0 LEFT JOIN source ON source.id = place.source "
    "WHERE image.error IS NULL";
constexpr std::string_view kImagesInOrder = " ORDER BY image.id, place.id";

StoredImage image_of(Database& database, const Query& row) {
  StoredImage image;
  image.id = row.integer(0);
  image.sha256 = sha256_digits(row.blob(1));
  if (image.sha256.empty()) fail_row(database, "image", image.id);
  image.width = static_cast<int>(row.integer(2));
  image.height = static_cast<int>(row.integer(3));
  image.phash = row.text(4);
  image.taken = row.text(5);
  image.is_gone = true;
  return image;
}

template <typename Visit>
void visit_images_of(Database& database, Query& rows, const Visit& visit) {
  std::optional<StoredImage> image;
  while (rows.step()) {
    rows.at_row(rows.integer(0));
    if (image && image->id != rows.integer(0)) {
      visit(*image);
      image.reset();
    }
    if (!image) image = image_of(database, rows);
    if (rows.is_null(7)) continue;
    image->paths.push_back(path_in(rows.blob(6), rows.blob(7)));
    image->is_gone = false;
  }
  if (image) visit(*image);
}

std::optional<StoredImage> first_image_of(Database& database, Query& rows) {
  std::optional<StoredImage> first;
  visit_images_of(database, rows, [&first](StoredImage& image) { first = std::move(image); });
  return first;
}

StoredFace face_of(Database& database, const Query& row) {
  StoredFace face;
  face.id = row.integer(0);
  face.key = row.integer(1);
  face.image = row.integer(2);
  face.number = static_cast<int>(row.integer(3));
  if (row.blob(4).size() != 4 * sizeof(float)) fail_row(database, "face", face.id);
  face.bbox = box_of(row.blob(4));
  face.det_score = static_cast<float>(row.real(5));
  if (!row.is_null(6)) face.recognition_quality = static_cast<float>(row.real(6));
  if (row.is_null(7)) return face;
  for (const PoorReason reason :
       {PoorReason::too_small, PoorReason::too_blurred, PoorReason::too_dark, PoorReason::low_contrast}) {
    if (row.text(7) == poor_reason_name(reason)) face.poor_reason = reason;
  }
  return face;
}

constexpr std::string_view kPlaceColumns =
    "SELECT folder, path, size, mtime_ns, sha256, coalesce(place.terms, image.terms, ''), gone, "
    "coalesce(place.error, image.error, ''), place.id FROM place JOIN source ON source.id = place.source "
    "LEFT JOIN image ON image.id = place.image";

StoredPlace place_of(Query& row) {
  row.at_row(row.integer(8));
  StoredPlace place;
  place.source = row.blob(0);
  place.path = path_in(place.source, row.blob(1));
  place.size_bytes = row.integer(2);
  place.mtime_ns = row.integer(3);
  place.sha256 = sha256_digits(row.blob(4));
  place.terms = row.text(5);
  place.is_gone = row.integer(6) != 0;
  place.error = row.text(7);
  place.can_be_repeated = !place.error.empty() && may_be_over(error_code_from_name(place.error));
  return place;
}

constexpr std::string_view kFaceColumns =
    "SELECT id, key, image, number, box, det_score, recognition_quality, poor_reason FROM face WHERE ";

// Gives rows of face, key and half to a visitor.
class VectorReader {
 public:
  VectorReader(Database& database, std::int64_t embedder, const std::function<void(const StoredVector&)>& visit)
      : database_(database), embedder_(embedder), visit_(visit) {
    Query query = database.prepare("embedder", "SELECT dimensions FROM embedder WHERE id = ?");
    query.bind(embedder);
    if (query.step()) dimensions_ = static_cast<std::size_t>(query.integer(0));
  }
  void visit(Query& query) {
    const FaceId face = query.integer(0);
    query.at_row(face);
    read_half(query.blob(2), half_);
    if (half_.empty() || half_.size() != dimensions_) fail_row(database_, "vector", vector_row(embedder_, face));
    visit_({face, query.integer(1), half_});
  }

 private:
  Database& database_;
  std::int64_t embedder_ = 0;
  std::size_t dimensions_ = 0;
  const std::function<void(const StoredVector&)>& visit_;
  HalfVector half_;
};

// By embedder, those of photos that are gone left out.
std::map<std::int64_t, std::int64_t> count_faces_there(Database& database) {
  std::map<std::int64_t, std::int64_t> counts;
  Query query = database.prepare("vector",
                                 "SELECT embedder, count(*) FROM vector INDEXED BY vector_face JOIN face ON face.id = "
                                 "vector.face WHERE face.image IN (SELECT image FROM place WHERE gone = 0) GROUP BY 1");
  while (query.step()) counts[query.integer(0)] = query.integer(1);
  return counts;
}

}  // namespace

std::int64_t read_vector_count(Database& database) {
  const std::vector<std::string> embedders = read_embedders(database);
  if (embedders.empty()) return 0;
  Query query = database.prepare("vector", "SELECT count(*) FROM vector INDEXED BY vector_face WHERE embedder = ?");
  query.bind(embedder_row(database, embedders.front()));
  return query.step() ? query.integer(0) : 0;
}

StoreStatistics read_statistics(Database& database) {
  const Transaction transaction(database, Transaction::Kind::read);
  StoreStatistics result;
  result.images = database.number("image", "SELECT count(*) FROM image WHERE error IS NULL");
  result.paths = database.number("place", "SELECT count(*) FROM place WHERE gone = 0");
  result.gone = database.number("place", "SELECT count(*) FROM place WHERE gone = 1");
  result.failed = database.number("place",
                                  "SELECT count(*) FROM place LEFT JOIN image ON image.id = place.image "
                                  "WHERE gone = 0 AND coalesce(place.error, image.error) IS NOT NULL");
  result.faces = database.number("face", "SELECT count(*) FROM face");
  result.vectors = read_vector_count(database);
  result.bytes = file_bytes(database.path()) + file_bytes(wal_path(database.path()));
  return result;
}

void visit_place_rows(Database& database, const std::function<void(const StoredPlace&)>& visit) {
  Query query = database.prepare("place", std::string(kPlaceColumns) + " ORDER BY place.source, place.path");
  while (query.step()) visit(place_of(query));
}

std::optional<StoredPlace> read_place_at(Database& database, const std::string& path) {
  const std::optional<PlaceRow> row = find_place(database, read_sources(database), path);
  if (!row) return std::nullopt;
  Query query = database.prepare("place", std::string(kPlaceColumns) + " WHERE place.id = ?");
  query.bind(row->id);
  if (!query.step()) return std::nullopt;
  return place_of(query);
}

std::optional<Record> read_record(Database& database, std::string_view sha256) {
  const std::string bytes = sha256_bytes(sha256);
  Query query = database.prepare("image", "SELECT id, record FROM image WHERE sha256 = ?");
  query.bind_blob(bytes);
  if (!query.step()) return std::nullopt;
  Result<Record> record = record_of(query.blob(1));
  if (!record) fail_row(database, "image", query.integer(0));
  return std::move(*record);
}

std::optional<StoredImage> read_image(Database& database, ImageId id) {
  Query query = database.prepare("image", std::string(kImages) + " AND image.id = ?" + std::string(kImagesInOrder));
  query.bind(id);
  return first_image_of(database, query);
}

std::optional<StoredImage> read_image_of(Database& database, std::string_view sha256) {
  const std::string bytes = sha256_bytes(sha256);
  Query query = database.prepare("image", std::string(kImages) + " AND image.sha256 = ?" + std::string(kImagesInOrder));
  query.bind_blob(bytes);
  return first_image_of(database, query);
}

std::unordered_map<std::string, ImageId> find_images_of(Database& database,
                                                        const std::unordered_set<std::string>& sha256s) {
  constexpr std::size_t kFew = 1000;  // looking for one takes about as long as passing twenty in the index
  std::unordered_map<std::string, ImageId> found;
  if (sha256s.size() <= kFew) {
    Query query = database.prepare("image", "SELECT id FROM image WHERE sha256 = ?");
    for (const std::string& sha256 : sha256s) {
      const std::string bytes = sha256_bytes(sha256);
      query.bind_blob(bytes);
      if (query.step()) found.emplace(sha256, query.integer(0));
      query.reset();
    }
    return found;
  }
  std::unordered_set<std::string> wanted;
  for (const std::string& sha256 : sha256s) wanted.insert(sha256_bytes(sha256));
  Query query = database.prepare("image", "SELECT sha256, id FROM image ORDER BY sha256");
  std::string bytes;
  while (query.step()) {
    bytes = query.blob(0);
    if (wanted.contains(bytes)) found.emplace(sha256_digits(bytes), query.integer(1));
  }
  return found;
}

std::optional<StoredImage> read_image_at(Database& database, const std::string& path) {
  const std::optional<PlaceRow> place = find_place(database, read_sources(database), path);
  if (!place) return std::nullopt;
  Query query = database.prepare("place", "SELECT image FROM place WHERE id = ? AND image IS NOT NULL");
  query.bind(place->id);
  if (!query.step()) return std::nullopt;
  return read_image(database, query.integer(0));
}

void visit_image_rows(Database& database, const std::function<void(StoredImage&)>& visit) {
  Query query = database.prepare("image", std::string(kImages) + std::string(kImagesInOrder));
  visit_images_of(database, query, visit);
}

std::optional<StoredFace> read_face(Database& database, FaceId id) {
  Query query = database.prepare("face", std::string(kFaceColumns) + "id = ?");
  query.bind(id);
  if (!query.step()) return std::nullopt;
  return face_of(database, query);
}

std::vector<StoredFace> read_faces_of(Database& database, ImageId image) {
  std::vector<StoredFace> faces;
  Query query = database.prepare("face", std::string(kFaceColumns) + "image = ? ORDER BY number");
  query.bind(image);
  while (query.step()) faces.push_back(face_of(database, query));
  return faces;
}

void visit_face_rows(Database& database, FaceId after, const std::function<void(const StoredFace&)>& visit) {
  Query query = database.prepare("face", std::string(kFaceColumns) + "id > ? ORDER BY id");
  query.bind(after);
  while (query.step()) {
    query.at_row(query.integer(0));
    visit(face_of(database, query));
  }
}

std::int64_t embedder_row(Database& database, std::string_view embedder_id) {
  Query query = database.prepare("embedder", "SELECT id FROM embedder WHERE embedder_id = ?");
  query.bind_text(embedder_id);
  return query.step() ? query.integer(0) : 0;
}

std::vector<std::string> read_embedders(Database& database) {
  struct Row {
    std::string id;
    std::int64_t faces = 0;
  };
  std::map<std::int64_t, Row, std::greater<>> rows;  // the newest first
  Query query = database.prepare("embedder",
                                 "SELECT id, embedder_id FROM embedder WHERE EXISTS (SELECT 1 FROM vector WHERE "
                                 "vector.id BETWEEN embedder.id << 40 AND ((embedder.id + 1) << 40) - 1)");
  while (query.step()) rows[query.integer(0)].id = query.text(1);
  std::vector<Row> ordered;
  if (rows.size() > 1) {
    for (const auto& [embedder, faces] : count_faces_there(database)) rows[embedder].faces = faces;
  }
  for (const auto& [embedder, row] : rows) ordered.push_back(row);
  std::stable_sort(ordered.begin(), ordered.end(), [](const Row& a, const Row& b) { return a.faces > b.faces; });
  std::vector<std::string> ids;
  for (Row& row : ordered) ids.push_back(std::move(row.id));
  return ids;
}

std::string read_embedder_name(Database& database, std::string_view embedder_id) {
  Query query = database.prepare("embedder", "SELECT name FROM embedder WHERE embedder_id = ?");
  query.bind_text(embedder_id);
  return query.step() ? std::string(query.text(0)) : std::string();
}

void visit_vector_rows(Database& database, std::string_view embedder_id, FaceId after,
                       const std::function<void(const StoredVector&)>& visit) {
  const std::int64_t embedder = embedder_row(database, embedder_id);
  VectorReader reader(database, embedder, visit);
  Query query = database.prepare("vector", "SELECT face, key, half FROM vector WHERE id > ? AND id < ? ORDER BY id");
  query.bind(vector_row(embedder, after)).bind(vector_row(embedder + 1, 0));
  while (query.step()) reader.visit(query);
}

void visit_vectors_of(Database& database, std::string_view embedder_id, std::span<const FaceKey> keys,
                      const std::function<void(const StoredVector&)>& visit) {
  const std::int64_t embedder = embedder_row(database, embedder_id);
  VectorReader reader(database, embedder, visit);
  Query query = database.prepare("vector",
                                 "SELECT face, vector.key, half FROM face JOIN vector ON vector.id = (? << 40) + "
                                 "face.id WHERE face.key = ?");
  for (const FaceKey key : keys) {
    query.bind(embedder).bind(key);
    if (query.step()) reader.visit(query);
    query.reset();
  }
}

}  // namespace mien
