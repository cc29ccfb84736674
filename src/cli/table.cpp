#include "cli/table.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <utility>

namespace mien::cli {
namespace {

constexpr int kGap = 2;         // columns between two cells
constexpr int kShrunkMin = 10;  // a shrinking column keeps this much

std::string without_trailing_space(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
  assert(cells.size() == columns_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::render(int width) const {
  std::vector<int> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    int widest = display_width(columns_[c].title);
    for (const auto& row : rows_) widest = std::max(widest, display_width(row[c]));
    widths.push_back(widest);
  }
  const int gaps = kGap * (static_cast<int>(columns_.size()) - 1);
  int excess = width == 0 ? 0 : std::accumulate(widths.begin(), widths.end(), gaps) - width;
  for (std::size_t c = 0; c < columns_.size() && excess > 0; ++c) {
    if (!columns_[c].may_shrink) continue;
    const int taken = std::clamp(widths[c] - kShrunkMin, 0, excess);
    widths[c] -= taken;
    excess -= taken;
  }
  if (excess > 0) return render_blocks(width);

  std::string result;
  const auto add_line = [&](const auto& cell_of) {
    std::string line;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (c > 0) line += std::string(kGap, ' ');
      const std::string cell = fit(cell_of(c), {.width = widths[c], .keep = columns_[c].keep});
      line += pad(cell, widths[c], columns_[c].align);
    }
    result += without_trailing_space(std::move(line)) + '\n';
  };
  add_line([&](std::size_t c) -> const std::string& { return columns_[c].title; });
  for (const auto& row : rows_) {
    add_line([&](std::size_t c) -> const std::string& { return row[c]; });
  }
  return result;
}

std::string Table::render_blocks(int width) const {
  std::string result;
  for (const auto& row : rows_) {
    if (!result.empty()) result += '\n';
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (row[c].empty()) continue;
      const std::string indent = c == 0 ? "" : "  ";
      result += wrap(indent + columns_[c].title + ": " + row[c], width, 4) + '\n';
    }
  }
  return result;
}

std::string legend(const Terminal& terminal, std::string_view text) {
  return terminal.out_is_terminal() ? "\n" + wrap(text, terminal.width(), 2) + "\n" : "";
}

}  // namespace mien::cli
