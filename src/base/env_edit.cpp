#include "base/env_edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/env_file.h"
#include "base/settings_table.h"
#include "base/text.h"

namespace mien {
namespace {

// The lines keep their ends.
std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::size_t length = end == std::string_view::npos ? text.size() : end + 1;
    lines.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

std::string_view without_end(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Accepts both ways to write a setting's name.
bool names_setting(std::string_view written, std::string_view name) {
  const std::string key = upper(written);
  return key == name || (!name.starts_with(kSettingPrefix) && key == std::string(kSettingPrefix) + std::string(name));
}

class Editor {
 public:
  Editor(std::string_view text, std::string_view mark)
      : lines_(split_lines(text)), entries_(parse_env_file(text).entries), mark_(mark) {
    line_end_ = text.find("\r\n") != std::string_view::npos ? "\r\n" : "\n";
  }

  void apply(const EnvChange& change) {
    const EnvEntry* own = nullptr;
    for (const EnvEntry& entry : entries_) {
      if (!names_setting(entry.name, change.name) || entry.value.empty()) continue;
      if (!is_own(entry)) {
        edit_.kept.emplace_back(change.name, entry.line);
        return;
      }
      own = &entry;  // of several lines the last one counts
    }
    const std::string line = fmt::format("{}={}  # {}: {}", change.name, change.value, mark_, change.value);
    if (own == nullptr) {
      added_.push_back(line);
    } else if (own->value != change.value) {
      lines_[static_cast<std::size_t>(own->line) - 1] = line + line_end_;
    } else {
      return;
    }
    edit_.changed.push_back(change.name);
  }

  EnvEdit finish() {
    for (const std::string& line : lines_) edit_.text += line;
    if (!added_.empty() && !edit_.text.empty() && !edit_.text.ends_with('\n')) edit_.text += line_end_;
    for (const std::string& line : added_) edit_.text += line + line_end_;
    return std::move(edit_);
  }

 private:
  bool is_own(const EnvEntry& entry) const {
    return without_end(lines_[static_cast<std::size_t>(entry.line) - 1])
        .ends_with(fmt::format("# {}: {}", mark_, entry.value));
  }

  std::vector<std::string> lines_;
  std::vector<EnvEntry> entries_;
  std::string mark_;
  std::string line_end_;
  std::vector<std::string> added_;
  EnvEdit edit_;
};

}  // namespace

EnvEdit edit_env_text(std::string_view text, const std::vector<EnvChange>& changes, std::string_view mark) {
  Editor editor(text, mark);
  for (const EnvChange& change : changes) editor.apply(change);
  return editor.finish();
}

}  // namespace mien
