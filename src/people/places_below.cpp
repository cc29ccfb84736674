#include "people/places_below.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "sources/source.h"
#include "store/places.h"

namespace mien {

std::vector<StoredPlace> places_below(const Store& store, const std::vector<std::string>& named) {
  std::vector<std::string> sources;
  for (const std::string& source : named) sources.push_back(canonical_path(source));
  std::vector<bool> is_known(sources.size());
  std::vector<StoredPlace> places;
  store.visit_places([&](const StoredPlace& place) {
    bool is_wanted = sources.empty();
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (!path_below(sources[i], place.path)) continue;
      is_known[i] = is_wanted = true;
    }
    if (is_wanted) places.push_back(place);
  });
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (is_known[i]) continue;
    throw Exception(ErrorCode::not_found,
                    fmt::format("the store knows no photo below {}: index it first", replace_invalid_utf8(named[i])));
  }
  std::ranges::stable_sort(places, {}, &StoredPlace::path);
  const auto is_same = [](const StoredPlace& a, const StoredPlace& b) { return a.path == b.path; };
  places.erase(std::unique(places.begin(), places.end(), is_same), places.end());
  return places;
}

}  // namespace mien
