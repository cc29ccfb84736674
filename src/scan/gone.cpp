#include "scan/gone.h"

#include <filesystem>
#include <string_view>
#include <system_error>

#include "sources/source.h"

namespace mien {
namespace {

std::string_view folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  return path.substr(0, slash == 0 ? 1 : slash);
}

}  // namespace

GoneSources::GoneSources(const std::vector<std::string>& sources) {
  for (const std::string& source : sources) sources_.insert(canonical_path(source));
}

void GoneSources::add_there(const std::string& file) {
  const std::string_view folder = folder_of(file);
  if (folder == folder_there_) return;  // as a rule: records stand in the order of the folders
  folder_there_ = folder;
  folders_there_.insert(folder_there_);
}

void GoneSources::add_gone(const std::string& file) {
  bool is_below_source = false;
  std::string folder(folder_of(file));
  for (std::string_view above = folder; !above.empty(); above = above == "/" ? "" : folder_of(above)) {
    const auto source = sources_.find(std::string(above));
    if (source == sources_.end()) continue;
    ++gone_[*source];
    is_below_source = true;
  }
  if (!is_below_source && !folder.empty()) ++gone_[nearest_folder(folder)];
}

const std::string& GoneSources::nearest_folder(const std::string& folder) {
  const auto [place, is_new] = nearest_.try_emplace(folder);
  if (!is_new) return place->second;
  std::string above = folder;
  std::error_code ignored;
  while (above != "/" && !above.empty() && !std::filesystem::is_directory(above, ignored)) above = folder_of(above);
  place->second = std::move(above);
  return place->second;
}

std::optional<GoneSource> GoneSources::find_source_all_gone() const {
  for (const auto& [folder, count] : gone_) {
    const std::string below = folder.ends_with('/') ? folder : folder + '/';
    const auto first = folders_there_.lower_bound(below);
    const bool is_some_there =
        folders_there_.contains(folder) || (first != folders_there_.end() && first->starts_with(below));
    if (!is_some_there) return GoneSource{folder, count};
  }
  return std::nullopt;
}

}  // namespace mien
