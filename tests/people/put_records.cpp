// Puts records, JSON lines as `mien scan --embeddings` writes them, into a store, as `mien index` would: for tests that
// need stores without models. Usage: put_records STORE SOURCE < RECORDS
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "mien/scan.h"
#include "mien/tools/store.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    mien::Store store({argv[1], mien::StoreOptions::Access::create});
    std::vector<mien::Record> records;
    for (std::string line; std::getline(std::cin, line);) {
      records.push_back(mien::record_from_json(line).take());
      if (records.back().terms.empty()) records.back().terms = "terms";
    }
    std::vector<mien::Store::Entry> entries;
    for (const mien::Record& record : records) entries.push_back({argv[2], record.source, &record});
    constexpr std::size_t kBatch = 200;
    for (std::size_t i = 0; i < entries.size(); i += kBatch) {
      store.put(std::span(entries).subspan(i, std::min(kBatch, entries.size() - i)));
    }
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "put_records: %s\n", failure.what());
    return 1;
  }
  return 0;
}
