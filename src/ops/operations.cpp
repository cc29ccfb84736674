#include "ops/operations.h"

#include <cassert>

namespace mien {
namespace {

// The rows stand where their ids say, and each flag is spelled as the settings derive it from the
// name.
consteval bool table_is_consistent() {
  for (std::size_t i = 0; i < kOperations.size(); ++i) {
    const Operation& row = kOperations[i];
    if (static_cast<std::size_t>(row.id) != i) return false;
    if (row.flag.size() != row.name.size() + 4 || !row.flag.ends_with("_GPU")) return false;
    for (std::size_t c = 0; c < row.name.size(); ++c) {
      const char lower = row.name[c];
      const char upper = lower == '_' ? '_' : static_cast<char>(lower - 'a' + 'A');
      if (row.flag[c] != upper) return false;
    }
  }
  return true;
}
static_assert(table_is_consistent());

}  // namespace

const Operation* find_operation(std::string_view name) {
  for (const Operation& row : kOperations) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

std::string_view operation_name(std::size_t index) {
  assert(index < kOperations.size());
  return kOperations[index].name;
}

}  // namespace mien
