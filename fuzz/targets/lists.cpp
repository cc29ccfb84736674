// A list of paths, with or without NUL bytes; globs; a command line.
#include <vector>

#include "../scratch_file.h"
#include "base/glob.h"
#include "cli/arguments.h"
#include "sources/file_kinds.h"
#include "sources/source.h"

namespace {

using namespace mien;

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

void read_list(const std::string& path, bool is_nul_separated) {
  PathList list({path, is_nul_separated});
  try {
    while (const std::optional<std::string> name = list.next({})) {
      fuzz::require(name->find('\0') == std::string::npos || !is_nul_separated, "a separator is not part of a name");
      (void)has_image_extension(*name);
      (void)skipped_name(*name, true);
      (void)skipped_name(*name, false);
    }
  } catch (const Exception& error) {
    fuzz::require(error.error().code == ErrorCode::limit_exceeded, "only a name that is too long ends a list");
  }
}

void parse_arguments(const std::vector<std::string>& words) {
  enum class Colour { red, blue };
  bool flag = false;
  std::string text;
  std::vector<std::string> several;
  int number = 0;
  double fraction = 0;
  Colour colour = Colour::red;
  std::vector<std::string> positionals;
  cli::Arguments arguments("mien fuzz", "A command with an option of each kind.");
  arguments.flag({"--flag", "", "on", "-f"}, flag);
  arguments.text({"--text", "TEXT", "words", "-t"}, text);
  arguments.list({"--each", "TEXT", "again and again"}, several);
  arguments.integer({"--number", "N", "whole", "-n"}, {1, 100}, number);
  arguments.number({"--fraction", "F", "decimal"}, {0, 1}, [&](double value) { fraction = value; });
  arguments.choice<Colour>({"--colour", "NAME", "one of two"}, {{"red", Colour::red}, {"blue", Colour::blue}}, colour);
  arguments.positionals({"FILE...", 0, 5}, positionals);
  try {
    if (!arguments.parse(words)) return;
    fuzz::require(number >= 0 && number <= 100 && fraction >= 0 && fraction <= 1, "numbers are within their bounds");
    fuzz::require(positionals.size() <= 5, "no more files than allowed");
  } catch (const Exception& error) {
    fuzz::require(error.error().code == ErrorCode::invalid_argument, "a wrong call is a wrong argument");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::ScratchFile scratch;
  const std::string& path = scratch.put({data, size});
  read_list(path, true);
  read_list(path, false);
  std::vector<std::string> words = split(fuzz::as_text({data, size}));
  // Arguments of a process and paths of a file system hold no NUL bytes.
  for (std::string& word : words) word = word.substr(0, word.find('\0'));
  parse_arguments(words);
  // fnmatch takes time exponential in the number of stars: patterns come from the user alone, so that a few do.
  constexpr std::size_t kPatternBytes = 16;
  if (words.size() >= 2 && words[0].size() <= kPatternBytes && words[1].size() <= 4 * kPatternBytes) {
    (void)GlobList({words[0]}).matches(words[1]);
  }
  return 0;
}
