// Rows under column titles, for people.
#pragma once

#include <string>
#include <vector>

#include "cli/text.h"

namespace mien::cli {

struct Column {
  std::string title;
  Align align = Align::left;
  // Columns that may be cut when the terminal is narrow, and which end is kept then.
  bool may_shrink = false;
  Keep keep = Keep::start;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // One cell a column; cells are made printable here.
  void add(std::vector<std::string> cells);
  // Fits the width (0: as wide as needed). Where even the shortest columns are too wide together,
  // each row becomes a block of "title: value" lines.
  std::string render(int width) const;

 private:
  std::string render_blocks(int width) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace mien::cli
