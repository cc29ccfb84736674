#include "scan/source_state.h"

namespace mien {

FoundSource compare_source(const std::string& name, const ItemState& state, std::int64_t size_bytes,
                           std::int64_t mtime_ns, Identities& identities) {
  FoundSource found{SourceNow::changed, identities.of(name, state)};
  if (state.is_gone) found.now = SourceNow::gone;
  if (state.size_bytes >= 0 && state.size_bytes == size_bytes && state.mtime_ns == mtime_ns) {
    found.now = SourceNow::unchanged;
  }
  return found;
}

}  // namespace mien
