// The first pass over the records: it finds what there is, and what of it gets a place on the page.
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mien/scan.h"

namespace mien::report {

enum class Kind { match, failed, faces, no_face };  // the numbers are those of page.cpp

// Where a record stands in the file of records.
struct Place {
  std::int64_t offset = 0;
  float similarity = 0;  // the best match's
};

// Reads one line after another, with a limit on their length.
class LineReader {
 public:
  explicit LineReader(const std::string& path);
  // Reads a record's line, and says where it begins. Returns false at the end.
  bool next(std::string& line, std::int64_t& offset);
  // Reads the record at this place again.
  Record read_at(std::int64_t offset);
  // Throws Exception(bad_data) that names the file and the line read last.
  [[noreturn]] void throw_bad_line(std::string_view problem) const;
  bool last_line_complete() const { return last_line_complete_; }

 private:
  bool fill();
  [[noreturn]] void throw_io(int error_number) const;

  std::ifstream file_;
  std::string path_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of what is not consumed yet in buffer_
  std::size_t end_ = 0;
  std::int64_t offset_ = 0;
  std::int64_t line_number_ = 0;
  bool last_line_complete_ = true;
};

struct Survey {
  std::int64_t images = 0;
  std::int64_t faces = 0;
  std::int64_t with_faces = 0;
  std::int64_t matched = 0;
  std::int64_t failed = 0;
  std::int64_t with_warnings = 0;
  bool like = false;                // whether the scan looked for somebody
  bool compare_anyway = false;      // whether poor faces matched by the threshold alone
  std::int64_t poor_faces = 0;      // too poor to be told from other poor faces
  bool cut_off = false;             // whether the last line is incomplete and was left out
  std::vector<Place> matches;       // by falling similarity, all of them
  std::vector<Place> failures;      // up to a limit, in the order of the records
  std::vector<Place> faces_places;  // likewise
  std::vector<Place> empty_places;  // likewise
  // "operation, requested, ran, runtime, device, reason" -> number of images
  std::map<std::vector<std::string>, std::int64_t> placements;
  std::map<std::string, std::int64_t> detectors;
  std::map<std::string, std::int64_t> embedders;
  // JSON for the table of all images, up to a limit of bytes.
  std::string folders_json;
  std::string rows_json;
  std::int64_t rows = 0;  // in rows_json
};

struct SurveyLimits {
  std::size_t places_max = 2000;    // of each kind but matches
  std::size_t table_bytes_max = 0;  // of rows_json and folders_json together
};

// Throws Exception: io, bad_data for a line that is no record (a last line without its newline, as
// an interrupted scan leaves it, is left out).
Survey survey_records(LineReader& reader, const SurveyLimits& limits);

}  // namespace mien::report
