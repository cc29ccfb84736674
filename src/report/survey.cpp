#include "report/survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "base/utf8.h"
#include "ops/compare.h"
#include "report/html.h"

namespace mien::report {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 16;
constexpr std::size_t kLineBytesMax = std::size_t{64} << 20;
constexpr std::size_t kPlacementsMax = 100;   // distinct ones; more would be noise
constexpr std::size_t kReasonBytesMax = 160;  // of an error, in the table

Kind kind_of(const Record& record) {
  if (record.error) return Kind::failed;
  if (!record.matches.empty()) return Kind::match;
  return record.analysis.faces.empty() ? Kind::no_face : Kind::faces;
}

// "0.93", or null below the lowest value that means something.
std::string two_digits(double value, double lowest) { return value < lowest ? "null" : fmt::format("{:.2f}", value); }

// Collects what the table needs, folder names once each.
class TableRows {
 public:
  TableRows(Survey& survey, std::size_t bytes_max) : survey_(survey), bytes_max_(bytes_max) {}

  void add(const Record& record, Kind kind) {
    if (survey_.rows_json.size() + survey_.folders_json.size() > bytes_max_) return;
    const PathParts path = split_path(record.source);
    const std::string reason =
        record.error ? replace_invalid_utf8(std::string_view(record.error->message).substr(0, kReasonBytesMax))
                     : std::string();
    float score = -1;
    for (const Face& face : record.analysis.faces) score = std::max(score, face.det_score);
    survey_.rows_json +=
        fmt::format("{}[{},{},{},{},{},{},{},{},{}{}]", survey_.rows > 0 ? ",\n" : "", folder_index(path.folder),
                    json_text(path.name), record.analysis.width, record.analysis.height,
                    kind == Kind::failed ? std::string("null") : std::to_string(record.analysis.faces.size()),
                    two_digits(score, 0), two_digits(best_quality(record), 0), two_digits(best_similarity(record), -1),
                    static_cast<int>(kind), reason.empty() ? std::string() : "," + json_text(reason));
    ++survey_.rows;
  }

 private:
  std::size_t folder_index(std::string_view folder) {
    const auto [place, added] = folders_.try_emplace(std::string(folder), folders_.size());
    if (added) {
      survey_.folders_json += (place->second > 0 ? ",\n" : "") + json_text(folder);
    }
    return place->second;
  }

  Survey& survey_;
  std::size_t bytes_max_;
  std::unordered_map<std::string, std::size_t> folders_;
};

void count_placement(Survey& survey, const Analysis& analysis) {
  for (const Placement& one : analysis.placement) {
    std::vector<std::string> key = {one.operation, one.requested, one.ran,
                                    one.runtime,   one.device,    one.reason.value_or("")};
    const auto place = survey.placements.find(key);
    if (place != survey.placements.end()) {
      ++place->second;
    } else if (survey.placements.size() < kPlacementsMax) {
      survey.placements.emplace(std::move(key), 1);
    }
  }
  if (!analysis.models.detector.empty()) ++survey.detectors[analysis.models.detector];
  if (!analysis.models.embedder.empty()) ++survey.embedders[analysis.models.embedder];
}

void count_record(Survey& survey, const Record& record, std::int64_t offset, std::size_t places_max) {
  const auto keep = [&](std::vector<Place>& places) {
    if (places.size() < places_max) places.push_back({offset, 0});
  };
  ++survey.images;
  survey.faces += static_cast<std::int64_t>(record.analysis.faces.size());
  survey.poor_faces += std::ranges::count_if(record.analysis.faces, is_poor);
  survey.compare_anyway = survey.compare_anyway || record.compare_anyway;
  if (!record.analysis.faces.empty()) ++survey.with_faces;
  if (!record.analysis.warnings.empty()) ++survey.with_warnings;
  survey.like = survey.like || record.like;
  switch (kind_of(record)) {
    case Kind::failed:
      ++survey.failed;
      keep(survey.failures);
      break;
    case Kind::match:
      ++survey.matched;
      survey.matches.push_back({offset, best_similarity(record)});
      break;
    case Kind::faces: keep(survey.faces_places); break;
    case Kind::no_face: keep(survey.empty_places); break;
  }
  count_placement(survey, record.analysis);
}

}  // namespace

LineReader::LineReader(const std::string& path) : file_(path, std::ios::binary), path_(path), buffer_(kBufferBytes) {
  if (!file_) throw_io(errno);
}

void LineReader::throw_io(int error_number) const {
  throw Exception(ErrorCode::io, fmt::format("cannot read the records {}: {}", replace_invalid_utf8(path_),
                                             std::generic_category().message(error_number)));
}

bool LineReader::fill() {
  errno = 0;
  file_.read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
  if (file_.bad()) throw_io(errno != 0 ? errno : EIO);
  begin_ = 0;
  end_ = static_cast<std::size_t>(file_.gcount());
  return end_ > 0;
}

bool LineReader::next(std::string& line, std::int64_t& offset) {
  offset = offset_;
  line.clear();
  last_line_complete_ = false;
  // std::getline would read a file without newlines into memory, whatever its size.
  while (!last_line_complete_ && (begin_ < end_ || fill())) {
    const std::string_view left(buffer_.data() + begin_, end_ - begin_);
    const std::size_t newline = left.find('\n');
    last_line_complete_ = newline != std::string_view::npos;
    const std::size_t taken = last_line_complete_ ? newline : left.size();
    line.append(left.substr(0, taken));
    const std::size_t consumed = taken + (last_line_complete_ ? 1 : 0);
    begin_ += consumed;
    offset_ += static_cast<std::int64_t>(consumed);
    if (line.size() > kLineBytesMax) {
      ++line_number_;
      throw_bad_line(fmt::format("it is longer than {} MiB", kLineBytesMax >> 20));
    }
  }
  if (offset == offset_) return false;
  ++line_number_;
  return true;
}

void LineReader::throw_bad_line(std::string_view problem) const {
  throw Exception(ErrorCode::bad_data,
                  fmt::format("line {} of {}: {}", line_number_, replace_invalid_utf8(path_), problem));
}

Record LineReader::read_at(std::int64_t offset) {
  file_.clear();
  file_.seekg(offset);
  offset_ = offset;
  begin_ = end_ = 0;
  std::string line;
  std::int64_t place = 0;
  if (!file_ || !next(line, place)) {
    throw Exception(ErrorCode::io, "cannot read the records " + replace_invalid_utf8(path_) +
                                       " a second time: they have become shorter");
  }
  return record_from_json(line).take();
}

Survey survey_records(LineReader& reader, const SurveyLimits& limits) {
  Survey survey;
  TableRows table(survey, limits.table_bytes_max);
  std::string line;
  std::int64_t offset = 0;
  while (reader.next(line, offset)) {
    if (line.empty()) continue;
    const Result<Record> record = record_from_json(line);
    if (!record && !reader.last_line_complete()) {
      survey.cut_off = true;
      break;
    }
    if (!record) {
      reader.throw_bad_line(record.error().message);
    }
    count_record(survey, *record, offset, limits.places_max);
    table.add(*record, kind_of(*record));
  }
  std::stable_sort(survey.matches.begin(), survey.matches.end(),
                   [](const Place& a, const Place& b) { return a.similarity > b.similarity; });
  return survey;
}

}  // namespace mien::report
