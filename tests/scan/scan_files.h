// A folder of its own for each test of the scan, gone afterwards.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "scan/loop.h"
#include "sources/source.h"

namespace mien {

// The bytes of an item, in the place of the file system.
using ReadItem = std::function<Result<std::vector<std::uint8_t>>(const std::string& name, std::size_t bytes_max)>;

// Items of another source, whose bytes a function reads. It must own what it uses.
class SourceReadBy : public Source {
 public:
  SourceReadBy(std::unique_ptr<Source> source, ReadItem read)
      : source_(std::move(source)), reader_(std::make_shared<const Reader>(std::move(read))) {}
  std::optional<Item> next(const std::stop_token& stop) override {
    std::optional<Item> item = source_->next(stop);
    if (item && !item->error) item->reader = reader_;
    return item;
  }

 private:
  class Reader : public ItemReader {
   public:
    explicit Reader(ReadItem read) : read_(std::move(read)) {}
    ItemState state(const std::string& name) const override { return open_item(name).state(); }
    Result<std::vector<std::uint8_t>> read(const std::string& name, std::size_t bytes_max) const override {
      return read_(name, bytes_max);
    }

   private:
    ReadItem read_;
  };
  std::unique_ptr<Source> source_;
  std::shared_ptr<const Reader> reader_;
};

// The analysis of a stream, by that of an image.
inline AnalyzeStream one_by_one(Analyze analyze) {
  return [analyze = std::move(analyze)](const ImageStream& images, Workspace& workspace) {
    std::size_t count = 0;
    while (const std::optional<Bytes> bytes = images.next(std::nullopt)) {
      images.on_result(count++, analyze(*bytes, workspace));
    }
  };
}

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
      std::string name = item->name;
      if (name.starts_with(folder_ + "/")) name.erase(0, folder_.size() + 1);
      found.push_back((item->error ? "!" : "") + name);
    }
    return found;
  }

  std::string folder_;
};

}  // namespace mien
