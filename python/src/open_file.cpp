#include "open_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "process.h"

namespace mien::python {
namespace {

std::vector<OpenFile::Row>& open_files() {
  static std::vector<OpenFile::Row>& rows = *new std::vector<OpenFile::Row>();  // for objects that end after statics
  return rows;
}

OpenFile::Row row_of(const std::string& path) {
  OpenFile::Row row{.opened_in = fork_count()};
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return row;
  row.device = status.st_dev;
  row.inode = status.st_ino;
  return row;
}

bool is_inherited(const OpenFile::Row& row) {
  return row.inode != 0 && std::ranges::any_of(open_files(), [&](const OpenFile::Row& other) {
           return other.device == row.device && other.inode == row.inode && other.opened_in != row.opened_in;
         });
}

}  // namespace

OpenFile::OpenFile(const std::string& path) : row_(row_of(path)) {
  if (is_inherited(row_)) refuse_inherited(path);
  open_files().push_back(row_);
}

OpenFile::~OpenFile() {
  if (row_.opened_in != fork_count()) return;
  const auto found = std::ranges::find(open_files(), row_);
  if (found != open_files().end()) open_files().erase(found);
}

void OpenFile::look_again(const std::string& path) {
  if (row_.inode != 0) return;
  *std::ranges::find(open_files(), row_) = row_of(path);
  row_ = row_of(path);
}

void refuse_inherited(const std::string& path) {
  throw Exception(ErrorCode::invalid_argument,
                  "the store " + path +
                      " was open when this process was forked, and SQLite's locks are not inherited: "
                      "close it before the fork, or start processes by multiprocessing's 'spawn' or 'forkserver'");
}

}  // namespace mien::python
