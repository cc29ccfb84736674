// Rows under column titles, for people.
#pragma once

#include <string>
#include <vector>

#include "cli/terminal.h"
#include "cli/text.h"

namespace mien::cli {

struct Column {
  // Implicit, so that a title alone is a column of text.
  Column(const char* title_, Align align_ = Align::left, bool may_shrink_ = false,  // NOLINT
         Keep keep_ = Keep::start)
      : title(title_), align(align_), may_shrink(may_shrink_), keep(keep_) {}
  std::string title;
  Align align;
  bool may_shrink;  // when the terminal is narrow
  Keep keep;        // the end that stays then
};
inline Column right(const char* title) { return {title, Align::right}; }
inline Column shrinking(const char* title, Keep keep = Keep::start) { return {title, Align::left, true, keep}; }

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

// Says below a table what the numbers in it are; nothing where stdout is no terminal.
std::string legend(const Terminal& terminal, std::string_view text);

}  // namespace mien::cli
