#include "store/check.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <functional>
#include <vector>

#include "base/half.h"
#include "base/utf8.h"
#include "store/encode.h"
#include "store/facts.h"
#include "store/read.h"
#include "store/schema.h"

namespace mien {
namespace {

constexpr std::size_t kFindingsMax = 100;  // of one kind: a damaged file would fill the screen
constexpr double kLengthSlack = 0.01;      // of a vector that was rounded to half floats

class Check {
 public:
  explicit Check(Database& database) : database_(database) {}

  std::vector<std::string> run() {
    attempt("the file", [this] { check_pages(); });
    for (const char* table : {"source", "image", "place", "face", "embedder", "vector", "neighbour", "stale",
                              "grouping", "person", "operation", "verdict", "suppressed", "forgotten", "state"}) {
      attempt(fmt::format("table {}", table), [this, table] { read_all(table); });
    }
    attempt("the references of the tables", [this] { check_references(); });
    attempt("table image", [this] { check_images(); });
    attempt("table face", [this] { check_faces(); });
    attempt("table vector", [this] { check_vectors(); });
    attempt("table neighbour", [this] { check_neighbours(); });
    attempt("table operation", [this] { visit_operation_rows(database_, [](const PersonOperation&) {}); });
    return std::move(findings_);
  }

 private:
  void attempt(const std::string& what, const std::function<void()>& part) {
    found_ = 0;
    try {
      part();
    } catch (const Exception& failure) {
      found(what + " cannot be read to its end: " + failure.error().message);
    }
  }

  void found(std::string finding) {
    if (++found_ < kFindingsMax) findings_.push_back(std::move(finding));
    if (found_ == kFindingsMax) findings_.emplace_back("more of the same kind is not listed");
  }

  void check_pages() {
    Query query = database_.prepare("", fmt::format("PRAGMA integrity_check({})", kFindingsMax));
    while (query.step()) {
      if (query.text(0) != "ok")
        found("the file: " + replace_controls(replace_invalid_utf8(std::string(query.text(0)))));
    }
  }

  // Every value of every row, so that what cannot be read has a table and a row.
  void read_all(const std::string& table) {
    Query query = database_.prepare(table, "SELECT * FROM " + table);
    while (query.step()) query.at_row(query.integer(0));
  }

  void check_references() {
    Query query = database_.prepare("", "PRAGMA foreign_key_check");
    while (query.step()) {
      found(fmt::format("table {}, row {}: it belongs to a row of table {} that is not there", query.text(0),
                        query.integer(1), query.text(2)));
    }
  }

  void check_images() {
    Query query = database_.prepare("image", "SELECT id, record FROM image ORDER BY id");
    while (query.step()) {
      query.at_row(query.integer(0));
      const Result<Record> record = record_of(query.blob(1));
      if (!record) found(fmt::format("table image, row {}: {}", query.integer(0), record.error().message));
    }
  }

  void check_faces() {
    Query query = database_.prepare("face",
                                    "SELECT face.id, key, box, sha256 FROM face JOIN image ON image.id = face.image "
                                    "ORDER BY face.id");
    constexpr std::array<std::uint32_t, 4> kOrdinals = {0, 1, 2, 3};
    while (query.step()) {
      query.at_row(query.integer(0));
      bool is_known = false;
      for (const std::uint32_t ordinal : kOrdinals) {
        is_known = is_known || face_key(query.blob(3), box_of(query.blob(2)), ordinal) == query.integer(1);
      }
      if (!is_known)
        found(fmt::format("table face, row {}: its key is not that of its image and box", query.integer(0)));
    }
  }

  void check_vectors() {
    Query query =
        database_.prepare("vector",
                          "SELECT vector.id, half, dimensions, vector.key = face.key FROM vector JOIN embedder "
                          "ON embedder.id = embedder JOIN face ON face.id = face ORDER BY vector.id");
    HalfVector half;
    while (query.step()) {
      query.at_row(query.integer(0));
      if (query.integer(3) == 0)
        found(fmt::format("table vector, row {}: its key is not its face's", query.integer(0)));
      if (query.blob(1).size() != static_cast<std::size_t>(query.integer(2)) * sizeof(std::uint16_t)) {
        found(fmt::format("table vector, row {}: it has {} bytes and not {}", query.integer(0), query.blob(1).size(),
                          query.integer(2) * static_cast<std::int64_t>(sizeof(std::uint16_t))));
        continue;
      }
      read_half(query.blob(1), half);
      double sum = 0;
      for (const std::uint16_t value : half) sum += double{from_half(value)} * from_half(value);
      if (!(std::abs(sum - 1) <= kLengthSlack)) {
        found(fmt::format("table vector, row {}: its length is not 1", query.integer(0)));
      }
    }
  }

  void check_neighbours() {
    Query query = database_.prepare("neighbour", "SELECT id, list FROM neighbour ORDER BY id");
    while (query.step()) {
      query.at_row(query.integer(0));
      float before = INFINITY;
      for (const Neighbour& one : neighbours_of(query.blob(1))) {
        if (!(one.similarity <= before)) {
          found(fmt::format("table neighbour, row {}: it is not in order", query.integer(0)));
          break;
        }
        before = one.similarity;
      }
    }
  }

  Database& database_;
  std::vector<std::string> findings_;
  std::size_t found_ = 0;
};

}  // namespace

std::vector<std::string> check_store(Database& database) { return Check(database).run(); }

}  // namespace mien
