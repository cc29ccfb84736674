#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <memory>

#include "base/archive.h"
#include "base/dynamic_library.h"
#include "base/part_file.h"
#include "base/utf8.h"

namespace mien {
namespace {

constexpr int kEntriesMax = 1000;
constexpr std::size_t kBlockBytes = 64 * 1024;

struct Library {
  DynamicLibrary library{MIEN_ARCHIVE_SONAME, "libarchive13"};
  decltype(&archive_read_new) read_new = library["archive_read_new"];
  decltype(&archive_read_free) read_free = library["archive_read_free"];
  decltype(&archive_read_support_format_zip) support_zip = library["archive_read_support_format_zip"];
  decltype(&archive_read_open_filename) open_filename = library["archive_read_open_filename"];
  decltype(&archive_read_next_header) next_header = library["archive_read_next_header"];
  decltype(&archive_read_data) read_data = library["archive_read_data"];
  decltype(&archive_error_string) error_string = library["archive_error_string"];
  decltype(&archive_entry_pathname) entry_pathname = library["archive_entry_pathname"];
  decltype(&archive_entry_filetype) entry_filetype = library["archive_entry_filetype"];
};

class Reader {
 public:
  Reader(const Library& library, const std::string& path)
      : library_(library), shown_path_(replace_invalid_utf8(path)), archive_(library.read_new(), library.read_free) {
    if (!archive_) throw Exception(ErrorCode::internal, "libarchive cannot be used");
    library_.support_zip(archive_.get());
    if (library_.open_filename(archive_.get(), path.c_str(), kBlockBytes) != ARCHIVE_OK) fail();
  }

  // The name of the next regular file without its folders, or "" for another kind of entry; false at the end.
  bool next(std::string& name) {
    archive_entry* entry = nullptr;
    const int code = library_.next_header(archive_.get(), &entry);
    if (code == ARCHIVE_EOF) return false;
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) fail();
    const char* const path = library_.entry_pathname(entry);
    name = path == nullptr || library_.entry_filetype(entry) != AE_IFREG ? "" : path;
    name.erase(0, name.find_last_of("/\\") + 1);
    return true;
  }

  void write(const ArchiveMember& member) {
    PartFile file(member.target_path);
    file.clear();
    std::vector<char> block(kBlockBytes);
    for (;;) {
      const la_ssize_t count = library_.read_data(archive_.get(), block.data(), block.size());
      if (count < 0) fail();
      if (count == 0) return;
      // The size that an archive states of a member proves nothing: what comes out is counted.
      if (file.size() + count > member.bytes_max) {
        throw Exception(ErrorCode::limit_exceeded, fmt::format("{} in {} holds more than the {} bytes that it may",
                                                               member.name, shown_path_, member.bytes_max));
      }
      file.append(block.data(), static_cast<std::size_t>(count));
    }
  }

  [[noreturn]] void fail() const {
    const char* const reason = library_.error_string(archive_.get());
    throw Exception(ErrorCode::bad_data, fmt::format("{} is not a zip archive that can be read: {}", shown_path_,
                                                     reason != nullptr ? replace_invalid_utf8(reason) : "damaged"));
  }

 private:
  const Library& library_;
  std::string shown_path_;
  std::unique_ptr<archive, decltype(&archive_read_free)> archive_;
};

}  // namespace

void extract_members(const std::string& archive_path, const std::vector<ArchiveMember>& wanted) {
  const Result<Library>& library = opened_once<Library>();
  if (!library) throw Exception(library.error());
  Reader reader(*library, archive_path);
  std::vector<bool> found(wanted.size());
  std::string name;
  for (int entries = 0; reader.next(name); ++entries) {
    if (entries == kEntriesMax) {
      throw Exception(ErrorCode::bad_data,
                      fmt::format("{} holds more than {} entries", replace_invalid_utf8(archive_path), kEntriesMax));
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i].name != name) continue;
      if (found[i]) {
        throw Exception(ErrorCode::bad_data,
                        fmt::format("{} holds {} twice", replace_invalid_utf8(archive_path), name));
      }
      reader.write(wanted[i]);
      found[i] = true;
    }
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (found[i]) continue;
    throw Exception(ErrorCode::bad_data,
                    fmt::format("{} holds no {}", replace_invalid_utf8(archive_path), wanted[i].name));
  }
}

}  // namespace mien
