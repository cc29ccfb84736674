#include "store/check.h"

namespace mien {

std::vector<std::string> check_store(Database& database) {
  std::vector<std::string> findings;
  Query query = database.prepare("", "PRAGMA integrity_check");
  while (query.step()) {
    if (query.text(0) != "ok") findings.emplace_back(query.text(0));
  }
  return findings;
}

}  // namespace mien
