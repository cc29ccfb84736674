#include "cli/store_options.h"

namespace mien::cli {

void add_store_option(Arguments& arguments, std::string& path) {
  arguments.text({"--store", "FILE", "the index of photos (default: mien/people.mien in the user's data folder)"},
                 path);
}

std::string moment_text(const std::string& time) {
  std::string text = time.substr(0, 16);
  if (text.size() > 10) text[10] = ' ';
  return text;
}

}  // namespace mien::cli
