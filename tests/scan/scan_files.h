// A folder of its own for each test of the scan, gone afterwards.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stop_token>
#include <string>
#include <vector>

#include "sources/source.h"

namespace mien {

class ScanFilesTest : public ::testing::Test {
 protected:
  ScanFilesTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mien_scan_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~ScanFilesTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string put(const std::string& name, const std::string& text = "x") const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  static std::string get(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  static std::vector<std::string> lines(const std::string& file) {
    std::vector<std::string> result;
    std::istringstream stream(get(file));
    for (std::string line; std::getline(stream, line);) result.push_back(line);
    return result;
  }
  static mode_t mode(const std::string& file) {
    struct stat status {};
    EXPECT_EQ(::stat(file.c_str(), &status), 0) << file;
    return status.st_mode & 0777;
  }
  // Paths below the test's folder, "!" in front of those that are errors.
  std::vector<std::string> read_all(Source& source) const {
    std::vector<std::string> found;
    while (std::optional<Item> item = source.next({})) {
      std::string name = item->path;
      if (name.starts_with(folder_ + "/")) name.erase(0, folder_.size() + 1);
      found.push_back((item->error ? "!" : "") + name);
    }
    return found;
  }

  std::string folder_;
};

}  // namespace mien
