#include "base/env_file.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"

namespace mien {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool is_name(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto is_inner = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-'; };
  return !text.empty() && is_letter(text.front()) && std::all_of(text.begin(), text.end(), is_inner);
}

// Says whether nothing or only a comment stands behind a closing quote or a plain value.
bool is_end_of_value(std::string_view text) {
  const std::string_view rest = trim(text);
  return rest.empty() || rest.front() == '#';
}

std::string_view without_comment(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '#' && (i == 0 || is_blank(text[i - 1]))) return trim(text.substr(0, i));
  }
  return trim(text);
}

char unescape(char c) {
  if (c == 'n') return '\n';
  if (c == 'r') return '\r';
  if (c == 't') return '\t';
  return c;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  }

  EnvFile read() {
    while (!rest_.empty()) read_entry();
    return std::move(file_);
  }

 private:
  // The next line without its end; rest_ then starts at the line behind it.
  std::string_view take_line() {
    const std::size_t end = rest_.find('\n');
    std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    ++line_;
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
  }

  void problem(int line, std::string reason) { file_.problems.push_back({line, std::move(reason)}); }

  void read_entry() {
    std::string_view text = trim(take_line());
    const int line = line_;
    if (text.empty() || text.front() == '#') return;
    constexpr std::string_view kExport = "export";
    if (text.starts_with(kExport)) {
      const std::string_view behind = text.substr(kExport.size());
      if (!behind.empty() && is_blank(behind.front())) text = trim(behind);
    }
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return problem(line, "there is no '=' in it");
    const std::string_view name = trim(text.substr(0, equals));
    if (!is_name(name)) return problem(line, "what stands before '=' is not a name");
    const std::string_view value = trim(text.substr(equals + 1));
    if (value.empty() || (value.front() != '"' && value.front() != '\'')) {
      file_.entries.push_back({std::string(name), std::string(without_comment(value)), line});
      return;
    }
    std::optional<std::string> quoted = read_quoted(value, line);
    if (quoted) file_.entries.push_back({std::string(name), std::move(*quoted), line});
  }

  // `value` starts with its quote. Takes further lines until the quote is closed; when that does
  // not work out, those lines are put back and read as entries of their own.
  std::optional<std::string> read_quoted(std::string_view value, int line) {
    const char quote = value.front();
    const std::string_view rest_before = rest_;
    const int line_before = line_;
    const auto give_up = [&](std::string reason) {
      rest_ = rest_before;
      line_ = line_before;
      problem(line, std::move(reason));
      return std::nullopt;
    };
    std::string text;
    std::string_view piece = value.substr(1);
    for (;;) {
      for (std::size_t i = 0; i < piece.size(); ++i) {
        if (piece[i] == quote) {
          if (is_end_of_value(piece.substr(i + 1))) return text;
          return give_up("there is text behind the closing quote");
        }
        const bool escape = quote == '"' && piece[i] == '\\' && i + 1 < piece.size();
        text += escape ? unescape(piece[++i]) : piece[i];
      }
      if (rest_.empty()) break;
      text += '\n';
      piece = take_line();
    }
    return give_up("a quote is not closed");
  }

  std::string_view rest_;
  int line_ = 0;
  EnvFile file_;
};

}  // namespace

EnvFile parse_env_file(std::string_view text) { return Reader(text).read(); }

}  // namespace mien
