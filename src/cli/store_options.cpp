#include "cli/store_options.h"

#include <unistd.h>

#include <filesystem>

namespace mien::cli {

void add_store_option(Arguments& arguments, std::string& path) {
  arguments.text({"--store", "FILE", "the index of photos (default: mien/people.mien in the user's data folder)"},
                 path);
}

StoreOptions::Access access_to_look(const std::string& path) {
  const std::filesystem::path file = path.empty() ? default_store_path() : path;
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  const bool can_write = ::access(file.c_str(), W_OK) == 0 && ::access(folder.c_str(), W_OK) == 0;
  return can_write ? StoreOptions::Access::write : StoreOptions::Access::read;
}

std::string moment_text(const std::string& time) {
  std::string text = time.substr(0, 16);
  if (text.size() > 10) text[10] = ' ';
  return text;
}

}  // namespace mien::cli
