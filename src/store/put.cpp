#include "store/put.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "base/one_to_one.h"
#include "ops/detect.h"
#include "store/encode.h"
#include "store/places.h"
#include "store/schema.h"

namespace mien {
namespace {

constexpr float kSizeSlack = 0.02F;  // of two sizes that are one, but for rounding

bool is_about(float a, float b) { return std::abs(a - b) <= kSizeSlack * std::max(a, b); }

Box scaled(const Box& box, float factor) {
  return {box.x1 * factor, box.y1 * factor, box.x2 * factor, box.y2 * factor};
}

struct OldFace {
  FaceId id = 0;
  FaceKey key = 0;
  Box box;
};

// For each new face the old one that it is, or nothing.
std::vector<std::optional<std::size_t>> match_faces(const std::vector<OldFace>& old_faces,
                                                    const std::vector<Face>& new_faces) {
  const auto overlap = [&](std::size_t old_face, std::size_t new_face) {
    return intersection_over_union(old_faces[old_face].box, new_faces[new_face].bbox);
  };
  std::vector<std::optional<std::size_t>> matches(new_faces.size());
  for (const auto& [old_face, new_face] :
       pair_one_to_one(old_faces.size(), new_faces.size(), kSameFaceOverlap, overlap)) {
    matches[new_face] = old_face;
  }
  return matches;
}

std::vector<FaceKey> keys_of(std::string_view sha256, const std::vector<Face>& faces) {
  std::vector<FaceKey> keys;
  for (const Face& face : faces) {
    std::uint32_t ordinal = 0;
    FaceKey key = face_key(sha256, face.bbox, ordinal);
    while (std::find(keys.begin(), keys.end(), key) != keys.end()) key = face_key(sha256, face.bbox, ++ordinal);
    keys.push_back(key);
  }
  return keys;
}

class RecordPutter {
 public:
  explicit RecordPutter(Database& database) : database_(database), sources_(read_sources(database)) {}

  void put(const Store::Entry& entry) {
    const Record& record = *entry.record;
    const PlaceKey place = place_key(entry);
    ImageId image = 0;
    bool says_place = record.error.has_value();  // whether the image does not say what became of the file
    if (!record.sha256.empty()) {
      const std::string sha256 = sha256_bytes(record.sha256);
      if (sha256.empty()) {
        throw Exception(ErrorCode::invalid_argument, "a record has no SHA-256 but '" + record.sha256 + "'");
      }
      if (!record.error) carry_suppressed(place, record, sha256);
      std::tie(image, says_place) = put_image(record, sha256);
    }
    put_place(place, record, image, says_place);
  }

 private:
  std::pair<ImageId, bool> put_image(const Record& record, const std::string& sha256) {
    Query query = database_.prepare("image", "SELECT id, terms, error FROM image WHERE sha256 = ?");
    query.bind_blob(sha256);
    if (!query.step()) {
      const ImageId image = insert_image(record, sha256);
      if (!record.error) put_faces(record, sha256, image);
      return {image, false};
    }
    const ImageId image = query.integer(0);
    const bool is_same = query.text(1) == record.terms;
    const std::string error(query.text(2));
    query.reset();
    // What was read once is not lost because it cannot be read in another way.
    if (record.error && error.empty()) return {image, true};
    if (is_same && error == (record.error ? error_code_name(record.error->code) : "")) return {image, false};
    update_image(record, image);
    if (!record.error) put_faces(record, sha256, image);
    return {image, false};
  }

  ImageId insert_image(const Record& record, const std::string& sha256) {
    Query insert = database_.prepare("image",
                                     "INSERT INTO image (width, height, phash, taken, terms, error, record, sha256) "
                                     "VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    const std::string bytes = record_bytes(record);
    bind_image(insert, record, bytes);
    insert.bind_blob(sha256).run();
    return database_.last_id();
  }

  void update_image(const Record& record, ImageId image) {
    Query update = database_.prepare("image",
                                     "UPDATE image SET width = ?, height = ?, phash = ?, taken = ?, terms = ?, "
                                     "error = ?, record = ? WHERE id = ?");
    const std::string bytes = record_bytes(record);
    bind_image(update, record, bytes);
    update.bind(image).run();
  }

  static void bind_image(Query& statement, const Record& record, const std::string& bytes) {
    statement.bind(std::int64_t{record.analysis.width}).bind(std::int64_t{record.analysis.height});
    statement.bind_text(record.analysis.phash).bind_text(record.analysis.taken).bind_text(record.terms);
    statement.bind_text_or_null(record.error ? error_code_name(record.error->code) : std::string_view());
    statement.bind_blob(bytes);
  }

  void put_faces(const Record& record, const std::string& sha256, ImageId image) {
    const std::vector<Face>& faces = record.analysis.faces;
    const std::vector<OldFace> old_faces = read_faces(image);
    const std::vector<std::optional<std::size_t>> matches = match_faces(old_faces, faces);
    const std::vector<FaceKey> keys = keys_of(sha256, faces);
    for (std::size_t i = 0; i < old_faces.size(); ++i) {
      if (std::find(matches.begin(), matches.end(), std::optional(i)) != matches.end()) continue;
      mark_face_stale(database_, old_faces[i].id);
      database_.prepare("face", "DELETE FROM face WHERE id = ?").bind(old_faces[i].id).run();
    }
    for (std::size_t i = 0; i < faces.size(); ++i) {
      FaceId id = 0;
      if (matches[i]) {
        id = old_faces[*matches[i]].id;
        if (old_faces[*matches[i]].key != keys[i]) change_key(id, keys[i]);
      } else {
        database_
            .prepare("face", "INSERT INTO face (image, key, number, box, det_score) VALUES (?, ?, 0, zeroblob(16), 0)")
            .bind(image)
            .bind(keys[i])
            .run();
        id = database_.last_id();
      }
      update_face(id, faces[i], i);
      put_vector(record.analysis.models, sha256, id, keys[i], faces[i]);
    }
  }

  std::vector<OldFace> read_faces(ImageId image) {
    std::vector<OldFace> faces;
    Query query = database_.prepare("face", "SELECT id, key, box FROM face WHERE image = ? ORDER BY id");
    query.bind(image);
    while (query.step()) faces.push_back({query.integer(0), query.integer(1), box_of(query.blob(2))});
    return faces;
  }

  void change_key(FaceId face, FaceKey key) {
    mark_face_stale(database_, face);
    database_.prepare("face", "UPDATE face SET key = ? WHERE id = ?").bind(key).bind(face).run();
    database_.prepare("vector", "UPDATE vector SET key = ? WHERE face = ?").bind(key).bind(face).run();
  }

  void update_face(FaceId id, const Face& face, std::size_t number) {
    Query update = database_.prepare("face",
                                     "UPDATE face SET number = ?, box = ?, det_score = ?, recognition_quality = ?, "
                                     "poor_reason = ? WHERE id = ?");
    const std::string box = box_bytes(face.bbox);
    update.bind(static_cast<std::int64_t>(number)).bind_blob(box).bind(double{face.det_score});
    if (face.recognition_quality) {
      update.bind(double{*face.recognition_quality});
    } else {
      update.bind_null();
    }
    update.bind_text_or_null(face.poor_reason ? poor_reason_name(*face.poor_reason) : std::string_view());
    update.bind(id).run();
  }

  void put_vector(const ModelNames& models, const std::string& sha256, FaceId face, FaceKey key, const Face& from) {
    if (from.embedding.empty() || models.embedder_id.empty()) return;
    const std::string half = half_bytes(unit_half(from.embedding));
    if (half.empty() || is_suppressed(database_, sha256, from.bbox)) return;
    const std::int64_t embedder = embedder_of(models, from.embedding.size());
    const std::int64_t row = vector_row(embedder, face);
    Query query = database_.prepare("vector", "SELECT half = ? FROM vector WHERE id = ?");
    query.bind_blob(half).bind(row);
    if (query.step()) {
      if (query.integer(0) != 0) return;
      query.reset();
      mark_face_stale(database_, face);
      database_.prepare("neighbour", "DELETE FROM neighbour WHERE id = ?").bind(row).run();
      database_.prepare("vector", "UPDATE vector SET half = ? WHERE id = ?").bind_blob(half).bind(row).run();
      return;
    }
    database_.prepare("vector", "INSERT INTO vector (id, embedder, face, key, half) VALUES (?, ?, ?, ?, ?)")
        .bind(row)
        .bind(embedder)
        .bind(face)
        .bind(key)
        .bind_blob(half)
        .run();
  }

  std::int64_t embedder_of(const ModelNames& models, std::size_t dimensions) {
    if (const auto known = embedders_.find(models.embedder_id); known != embedders_.end()) {
      require_dimensions(models, known->second.second, dimensions);
      return known->second.first;
    }
    Query query = database_.prepare("embedder", "SELECT id, dimensions FROM embedder WHERE embedder_id = ?");
    query.bind_text(models.embedder_id);
    std::pair<std::int64_t, std::size_t> row{0, dimensions};
    if (query.step()) {
      if (query.integer(1) <= 0) database_.fail_damaged("table embedder, row " + std::to_string(query.integer(0)));
      row = {query.integer(0), static_cast<std::size_t>(query.integer(1))};
    } else {
      database_.prepare("embedder", "INSERT INTO embedder (embedder_id, name, dimensions) VALUES (?, ?, ?)")
          .bind_text(models.embedder_id)
          .bind_text(models.embedder)
          .bind(static_cast<std::int64_t>(dimensions))
          .run();
      row.first = database_.last_id();
    }
    embedders_.emplace(models.embedder_id, row);
    require_dimensions(models, row.second, dimensions);
    return row.first;
  }

  void require_dimensions(const ModelNames& models, std::size_t stored, std::size_t dimensions) const {
    if (stored == dimensions) return;
    throw Exception(ErrorCode::invalid_argument, "embeddings of " + models.embedder_id + " have " +
                                                     std::to_string(stored) + " numbers in " + database_.shown_path() +
                                                     " and not " + std::to_string(dimensions));
  }

  // Who was forgotten stays so when the file at this path is another now, as when an editor wrote into it, made it
  // smaller or turned it. Whether it was turned to the left or to the right is not known.
  void carry_suppressed(const PlaceKey& place, const Record& record, const std::string& sha256) {
    Query query = database_.prepare("suppressed",
                                    "SELECT box, width, height FROM place JOIN image ON image.id = place.image JOIN "
                                    "suppressed ON suppressed.sha256 = image.sha256 WHERE place.source = ? AND "
                                    "place.path = ? AND image.sha256 <> ?");
    query.bind(place.source).bind_blob(place.path).bind_blob(sha256);
    std::vector<Box> boxes;
    const auto width = static_cast<float>(record.analysis.width);
    const auto height = static_cast<float>(record.analysis.height);
    while (query.step()) {
      const auto old_width = static_cast<float>(query.integer(1));
      const auto old_height = static_cast<float>(query.integer(2));
      const Box box = box_of(query.blob(0));
      if (is_about(width * old_height, height * old_width)) boxes.push_back(scaled(box, width / old_width));
      if (is_about(width * old_width, height * old_height)) {
        const Box large = scaled(box, width / old_height);
        boxes.push_back({width - large.y2, large.x1, width - large.y1, large.x2});
        boxes.push_back({large.y1, height - large.x2, large.y2, height - large.x1});
      }
    }
    Query put = database_.prepare("suppressed", "INSERT OR IGNORE INTO suppressed (sha256, box) VALUES (?, ?)");
    for (const Box& box : boxes) {
      const std::string bytes = box_bytes(box);
      put.bind_blob(sha256).bind_blob(bytes).run();
    }
    // FILE.forgotten is to be written again.
    if (!boxes.empty()) database_.run("INSERT OR IGNORE INTO state (name) VALUES ('forget')");
  }

  void put_place(const PlaceKey& key, const Record& record, ImageId image, bool says_place) {
    Query put = database_.prepare(
        "place",
        "INSERT INTO place (source, path, size, mtime_ns, image, error, terms, gone) VALUES (?, ?, ?, ?, ?, ?, ?, 0) "
        "ON CONFLICT (source, path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, "
        "image = excluded.image, error = excluded.error, terms = excluded.terms, gone = 0 "
        "WHERE (size, mtime_ns, gone) <> (excluded.size, excluded.mtime_ns, 0) OR image IS NOT excluded.image "
        "OR error IS NOT excluded.error OR terms IS NOT excluded.terms");
    put.bind(key.source).bind_blob(key.path).bind(record.source_size).bind(record.source_mtime_ns);
    put.bind_id_or_null(image);
    put.bind_text_or_null(says_place ? error_code_name(record.error->code) : std::string_view());
    put.bind_text_or_null(says_place ? std::string_view(record.terms) : std::string_view()).run();
  }

  PlaceKey place_key(const Store::Entry& entry) {
    if (sources_.size() > 1 || (sources_.size() == 1 && sources_[0].folder != entry.source)) {
      if (const std::optional<PlaceRow> row = find_place(database_, sources_, entry.path)) return row->key;
    }
    const auto is_it = [&entry](const SourceRow& source) { return source.folder == entry.source; };
    auto source = std::find_if(sources_.begin(), sources_.end(), is_it);
    if (source == sources_.end()) {
      source = sources_.insert(source, {add_source(database_, entry.source), entry.source});
    }
    return {source->id, path_below(entry.source, entry.path).value_or(entry.path)};
  }

  Database& database_;
  std::vector<SourceRow> sources_;
  std::map<std::string, std::pair<std::int64_t, std::size_t>> embedders_;  // id, dimensions
};

}  // namespace

bool is_suppressed(Database& database, std::string_view sha256_bytes, const Box& box) {
  Query query = database.prepare("suppressed", "SELECT box FROM suppressed WHERE sha256 = ?");
  query.bind_blob(sha256_bytes);
  while (query.step()) {
    if (intersection_over_union(box_of(query.blob(0)), box) >= kSameFaceOverlap) return true;
  }
  return false;
}

void mark_face_stale(Database& database, FaceId face) {
  database.prepare("stale", "INSERT OR IGNORE INTO stale SELECT embedder, key FROM vector WHERE face = ?")
      .bind(face)
      .run();
  // The number of vectors may be what it was: groups must be made again all the same.
  database.run("DELETE FROM grouped");
}

void put_records(Database& database, std::span<const Store::Entry> batch) {
  Transaction transaction(database);
  RecordPutter putter(database);
  for (const Store::Entry& entry : batch) putter.put(entry);
  transaction.commit();
}

}  // namespace mien
