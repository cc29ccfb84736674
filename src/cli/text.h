// Text as a terminal shows it: any bytes made safe, widths in columns, lines that fit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mien::cli {

// Control characters, characters that turn the direction of writing, and bytes that are not UTF-8
// become \x1B or \u{202E}: a file name must not be able to move the cursor or to forge a line.
std::string printable(std::string_view text);

// Columns that the printable text takes: 0 for combining marks, 2 for wide characters.
int display_width(std::string_view text);

enum class Keep { start, end };
struct Fit {
  int width = 80;
  Keep keep = Keep::start;
  std::string_view mark = "...";  // stands where something was cut
};
// The text itself when it fits, else as much of one end as fits together with the mark.
std::string fit(std::string_view text, const Fit& options);

enum class Align { left, right };
std::string pad(std::string_view text, int width, Align align);

// Breaks at spaces so that no line is wider, unless a single word is; lines after the first are
// indented.
std::string wrap(std::string_view text, int width, int indent);

// "1 face", "2 faces".
std::string counted(long long count, std::string_view singular, std::string_view plural);
std::string counted(long long count, std::string_view singular);  // plural with "s"

// As a POSIX shell must be given it to mean exactly these bytes.
std::string shell_quoted(std::string_view text);

// A command line as a POSIX shell must be given it.
std::string command_line(const std::vector<std::string>& typed);

// The candidate that was probably meant by a mistyped word; empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace mien::cli
