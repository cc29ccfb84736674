#include "backends/elf.h"

#include <elf.h>

#include <algorithm>
#include <fstream>

namespace mien {
namespace {

constexpr std::size_t kEntriesMax = 4096;   // of each table
constexpr std::size_t kNameBytesMax = 256;  // of a library
constexpr std::size_t kLibrariesMax = 256;

template <typename T>
bool read_at(std::ifstream& file, std::uint64_t offset, T& value) {
  file.clear();
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(&value), sizeof(value));
  return file.gcount() == sizeof(value);
}

std::vector<Elf64_Phdr> read_segments(std::ifstream& file) {
  Elf64_Ehdr header{};
  const bool is_elf = read_at(file, 0, header) && std::equal(header.e_ident, header.e_ident + SELFMAG, ELFMAG) &&
                      header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_phentsize == sizeof(Elf64_Phdr);
  std::vector<Elf64_Phdr> segments;
  for (std::size_t i = 0; is_elf && i < std::min<std::size_t>(header.e_phnum, kEntriesMax); ++i) {
    Elf64_Phdr segment{};
    if (!read_at(file, header.e_phoff + i * sizeof(segment), segment)) return {};
    segments.push_back(segment);
  }
  return segments;
}

// Where in the file an address of the loaded library lies; 0: nowhere.
std::uint64_t file_offset(const std::vector<Elf64_Phdr>& segments, std::uint64_t address) {
  for (const Elf64_Phdr& segment : segments) {
    const bool holds =
        segment.p_type == PT_LOAD && address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz;
    if (holds) return segment.p_offset + (address - segment.p_vaddr);
  }
  return 0;
}

std::string read_name(std::ifstream& file, std::uint64_t offset) {
  std::string name(kNameBytesMax, '\0');
  file.clear();
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(name.data(), static_cast<std::streamsize>(name.size()));
  name.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  const std::size_t end = name.find('\0');
  return end == std::string::npos ? "" : name.substr(0, end);
}

}  // namespace

std::vector<std::string> needed_libraries(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<Elf64_Phdr> segments = read_segments(file);
  std::vector<std::uint64_t> offsets;
  std::uint64_t strings = 0;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_DYNAMIC) continue;
    for (std::size_t i = 0; i < std::min<std::size_t>(segment.p_filesz / sizeof(Elf64_Dyn), kEntriesMax); ++i) {
      Elf64_Dyn entry{};
      if (!read_at(file, segment.p_offset + i * sizeof(entry), entry) || entry.d_tag == DT_NULL) break;
      if (entry.d_tag == DT_STRTAB) strings = file_offset(segments, entry.d_un.d_ptr);
      if (entry.d_tag == DT_NEEDED && offsets.size() < kLibrariesMax) offsets.push_back(entry.d_un.d_val);
    }
  }
  std::vector<std::string> names;
  for (const std::uint64_t offset : offsets) {
    std::string name = strings == 0 ? "" : read_name(file, strings + offset);
    if (!name.empty()) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace mien
