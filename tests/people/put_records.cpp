// Puts records, JSON lines as `mien scan --embeddings` writes them, into a store, as `mien index` would: for tests that
// need stores without models. Between them lines of what has happened to files, as the index finds it:
// {"gone": [PATH...]}, {"prune": []}, {"move": [FROM, TO]}. Usage: put_records STORE SOURCE < LINES
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mien/scan.h"
#include "mien/tools/store.h"
#include "scan/store_sink.h"

namespace {

void change_files(mien::Store& store, const nlohmann::json& line) {
  if (line.contains("gone")) store.set_gone(line["gone"].get<std::vector<std::string>>(), true);
  if (line.contains("prune")) store.prune({});
  if (line.contains("move")) store.move_source(line["move"][0], line["move"][1]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    mien::Store store({argv[1], mien::StoreOptions::Access::create});
    const std::unique_ptr<mien::Sink> sink = mien::store_sink(store, {argv[2]});
    for (std::string line; std::getline(std::cin, line);) {
      if (!line.starts_with("{\"source\"")) {
        sink->finish();
        change_files(store, nlohmann::json::parse(line));
        continue;
      }
      mien::Record record = mien::record_from_json(line).take();
      if (record.terms.empty()) record.terms = "terms";
      sink->append(record, {});
    }
    sink->finish();
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "put_records: %s\n", failure.what());
    return 1;
  }
  return 0;
}
