#include "backends/probe.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>

#include "base/text.h"

namespace mien {
namespace {

constexpr std::size_t kSmallFileBytes = 64 * 1024;

std::optional<std::string> variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// The device that a word of the variable names; -1: none.
int device_named(std::string_view word, int count, const std::vector<std::string>& uuids) {
  int index = -1;
  const std::from_chars_result number = std::from_chars(word.data(), word.data() + word.size(), index);
  if (number.ec == std::errc() && number.ptr == word.data() + word.size()) return index < count ? index : -1;
  for (std::size_t i = 0; i < uuids.size() && !word.empty(); ++i) {
    if (uuids[i].starts_with(word)) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

ProbeRoots real_probe_roots() {
  ProbeRoots roots;
  roots.cuda_visible = variable("CUDA_VISIBLE_DEVICES");
  roots.rocm_visible = variable("HIP_VISIBLE_DEVICES");
  if (!roots.rocm_visible) roots.rocm_visible = variable("ROCR_VISIBLE_DEVICES");
  return roots;
}

std::vector<int> visible_devices(const std::optional<std::string>& variable, int count,
                                 const std::vector<std::string>& uuids) {
  std::vector<int> visible;
  // A slice of a GPU has a name of its own, which only the driver can place.
  const bool names_slices = variable && variable->find("MIG-") != std::string::npos;
  if (!variable || names_slices) {
    for (int i = 0; i < count; ++i) visible.push_back(i);
    return visible;
  }
  std::string_view rest = *variable;
  for (;;) {
    const std::size_t comma = rest.find(',');
    const int index = device_named(trim(rest.substr(0, comma)), count, uuids);
    if (index < 0 || std::find(visible.begin(), visible.end(), index) != visible.end()) return visible;
    visible.push_back(index);
    if (comma == std::string_view::npos) return visible;
    rest.remove_prefix(comma + 1);
  }
}

std::map<int, std::filesystem::path> numbered_entries(const std::filesystem::path& folder, std::string_view prefix) {
  namespace fs = std::filesystem;
  std::map<int, fs::path> entries;
  std::error_code failure;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end; entry.increment(failure)) {
    const std::string name = entry->path().filename();
    int number = 0;
    if (!name.starts_with(prefix)) continue;
    const char* const last = name.data() + name.size();
    const std::from_chars_result result = std::from_chars(name.data() + prefix.size(), last, number);
    if (result.ec == std::errc() && result.ptr == last) entries.emplace(number, entry->path());
  }
  return entries;
}

std::string read_small_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kSmallFileBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return std::string(trim(text));
}

}  // namespace mien
