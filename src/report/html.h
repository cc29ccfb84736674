// Pieces of the report's page. Everything that comes from a record passes through html_text or
// json_text here: names of files may hold markup, quotes and invisible characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "mien/scan.h"

namespace mien::report {

// Valid UTF-8 in which control characters and those that change the direction of text or hide in it
// are spelled out as \u{202E}, so that no name can pretend to be another.
std::string display_text(std::string_view text);
// Display text, escaped for the content of an element and for quoted attributes.
std::string html_text(std::string_view text);
// Display text as a JSON string that may stand inside a script element.
std::string json_text(std::string_view text);

// 80000 -> "80,000"
std::string with_commas(std::int64_t value);
// "1 image", "2 images"
std::string counted(std::int64_t count, std::string_view singular);

struct PathParts {
  std::string_view folder;  // with its final slash; empty when there is none
  std::string_view name;
};
PathParts split_path(std::string_view path);

// The face that matches best; null without a match.
const Match* best_match(const Record& record);
// The best similarity of the record's matches, -2 when there are none.
float best_similarity(const Record& record);
// The best quality of the faces; -1 when no face has one.
double best_quality(const Record& record);

// A small version of an image for its card: either the data or the reason why there is none.
struct Thumbnail {
  std::string data_uri;
  int width = 0;
  int height = 0;
  std::string face_data_uri;  // the face that matches best, larger; empty when it was not asked for
  std::string problem;
};

// One list item: the picture with its boxes, the name, what was found.
std::string card_html(const Record& record, const Thumbnail& thumbnail, std::size_t faces_listed_max);
// Table rows for what has no card.
std::string match_row_html(const Record& record);
std::string failure_row_html(const Record& record);
// "3 faces, 29 faces larger than ..." for people who cannot see the picture.
std::string description(const Record& record);

}  // namespace mien::report
