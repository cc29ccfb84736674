// Search and neighbours over vectors of a file, as the store would have them (bench/vector_search.py makes the files
// and compares with others).
//
//   vector_search search FOLDER DIMENSION COUNT THREADS QUERIES_TIMED
//   vector_search neighbours FOLDER DIMENSION COUNT THREADS ROWS NEW
//
// FOLDER holds keys.i64, rows.f16 and, for search, queries.f16; the answers go to answers.bin there, key and similarity
// of COUNT for each query. Prints one JSON object. Reading the same bytes takes turns with the queries.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "index/neighbours.h"
#include "index/parallel.h"
#include "index/search.h"

namespace {

using mien::HalfRows;
using mien::HalfSpan;
using mien::Similar;
using mien::VectorKey;

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

double memory_mb(const char* name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::stod(line.substr(std::strlen(name))) / 1024;
  }
  return 0;
}

template <typename T>
std::vector<T> read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::vector<T> values(static_cast<std::size_t>(file.tellg()) / sizeof(T));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
  return values;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

// Adds up all codes as words, as fast as memory gives them.
std::uint64_t read_codes(const mien::VectorRows& rows, std::size_t begin, std::size_t end) {
  std::uint64_t sums[8] = {};
  for (std::size_t row = begin; row < end; ++row) {
    const std::int8_t* codes = rows.codes(row);
    for (std::size_t i = 0; i < rows.stride(); i += 64) {
      __builtin_prefetch(codes + 4096 + i);
      std::uint64_t words[8];
      std::memcpy(words, codes + i, 64);
      for (int k = 0; k < 8; ++k) sums[k] += words[k];
    }
  }
  return std::accumulate(std::begin(sums), std::end(sums), std::uint64_t{0});
}

// Threads take shares as a search does, so that a thread that has to wait costs both the same.
std::uint64_t read_codes(const mien::VectorRows& rows, int threads) {
  constexpr std::size_t kShare = 4096;
  std::atomic<std::size_t> next{0};
  std::atomic<std::uint64_t> total{0};
  const auto read = [&] {
    std::uint64_t sum = 0;
    for (std::size_t row = next.fetch_add(kShare); row < rows.size(); row = next.fetch_add(kShare)) {
      sum += read_codes(rows, row, std::min(row + kShare, rows.size()));
    }
    total += sum;
  };
  mien::run_in_threads(threads, read);
  return total;
}

struct Vectors {
  Vectors(const std::string& folder, std::size_t dim)
      : dimension(dim),
        keys(read_all<VectorKey>(folder + "/keys.i64")),
        halves(read_all<std::uint16_t>(folder + "/rows.f16")) {
    order.resize(keys.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
  }

  HalfRows rows() const { return {dimension, keys, halves}; }
  HalfSpan find(VectorKey key) const {
    const auto found = std::lower_bound(order.begin(), order.end(), key,
                                        [this](std::size_t row, VectorKey wanted) { return keys[row] < wanted; });
    return rows().row(*found);
  }

  std::size_t dimension;
  std::vector<VectorKey> keys;
  std::vector<std::uint16_t> halves;
  std::vector<std::size_t> order;
};

nlohmann::json run_search(const Vectors& vectors, const std::string& folder, std::size_t count, int threads,
                          std::size_t timed) {
  const std::vector<std::uint16_t> queries = read_all<std::uint16_t>(folder + "/queries.f16");
  const double before_mb = memory_mb("VmRSS:");
  double begin = seconds();
  mien::VectorRows rows(vectors.dimension);
  for (std::size_t i = 0; i < vectors.keys.size(); ++i) rows.append(vectors.keys[i], vectors.rows().row(i));
  nlohmann::json out = {{"rows", rows.size()}, {"build_s", seconds() - begin}};
  out["bytes_a_row"] = (memory_mb("VmRSS:") - before_mb) * 1048576 / static_cast<double>(rows.size());
  std::size_t fetched = 0;
  const mien::FetchVectors fetch = [&](std::span<const VectorKey> keys, const mien::VectorVisit& visit) {
    fetched += keys.size();
    for (const VectorKey key : keys) visit(key, vectors.find(key));
  };
  std::ofstream answers(folder + "/answers.bin", std::ios::binary);
  std::vector<double> search_ms, read_ms, ratios, cpu_ms;
  std::uint64_t sum = 0;
  const std::size_t query_count = queries.size() / vectors.dimension;
  for (std::size_t i = 0; i < query_count; ++i) {
    const HalfSpan query = HalfSpan(queries).subspan(i * vectors.dimension, vectors.dimension);
    begin = seconds();
    const double cpu = cpu_seconds();
    const std::vector<Similar> answer = mien::search(rows, query, count, fetch, threads);
    search_ms.push_back((seconds() - begin) * 1e3);
    cpu_ms.push_back((cpu_seconds() - cpu) * 1e3);
    for (const Similar& one : answer) {
      answers.write(reinterpret_cast<const char*>(&one.key), sizeof one.key);
      answers.write(reinterpret_cast<const char*>(&one.similarity), sizeof one.similarity);
    }
    if (i >= timed) continue;
    begin = seconds();
    sum += read_codes(rows, threads);
    read_ms.push_back((seconds() - begin) * 1e3);
    ratios.push_back(search_ms.back() / read_ms.back());
  }
  out.update({{"queries", query_count},
              {"query_ms", median(search_ms)},
              {"query_ms_least", *std::min_element(search_ms.begin(), search_ms.end())},
              {"query_cpu_ms", median(cpu_ms)},
              {"read_ms", median(read_ms)},
              {"read_ms_least", read_ms.empty() ? 0 : *std::min_element(read_ms.begin(), read_ms.end())},
              {"ratio", median(ratios)},
              {"fetched_a_query", static_cast<double>(fetched) / static_cast<double>(query_count)},
              {"sum", sum}});
  std::vector<VectorKey> gone;
  for (std::size_t i = 0; i < vectors.keys.size(); i += 1000) gone.push_back(vectors.keys[i]);
  begin = seconds();
  out["removed"] = rows.remove(gone);
  out["remove_ms"] = (seconds() - begin) * 1e3;
  return out;
}

nlohmann::json run_neighbours(const Vectors& vectors, std::size_t count, int threads, std::size_t row_count,
                              std::size_t new_count) {
  HalfRows rows = vectors.rows();
  rows.keys = rows.keys.first(row_count);
  rows.halves = rows.halves.first(row_count * rows.dimension);
  const double before_mb = memory_mb("VmRSS:");
  const double begin = seconds();
  const double cpu = cpu_seconds();
  std::vector<mien::NeighbourList> lists = mien::find_neighbours(rows, count, threads);
  nlohmann::json out = {{"rows", row_count}, {"all_s", seconds() - begin}, {"all_cpu_s", cpu_seconds() - cpu}};
  out["bytes_a_row"] = (memory_mb("VmHWM:") - before_mb) * 1048576 / static_cast<double>(row_count);
  // The last of them come again.
  for (std::size_t row = row_count - new_count; row < row_count; ++row) lists[row].clear();
  const double update_begin = seconds();
  const double update_cpu = cpu_seconds();
  out["changed"] = mien::update_neighbours(rows, count, threads, lists).size();
  out["new"] = new_count;
  out["update_s"] = seconds() - update_begin;
  out["update_cpu_s"] = cpu_seconds() - update_cpu;
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto number = [&](std::size_t i) { return std::stoul(words.at(i)); };
  if (words.size() == 6 && words[0] == "search") {
    const Vectors vectors(words[1], number(2));
    std::printf("%s\n", run_search(vectors, words[1], number(3), std::stoi(words[4]), number(5)).dump().c_str());
  } else if (words.size() == 7 && words[0] == "neighbours") {
    const Vectors vectors(words[1], number(2));
    std::printf("%s\n", run_neighbours(vectors, number(3), std::stoi(words[4]), number(5), number(6)).dump().c_str());
  } else {
    std::fprintf(stderr,
                 "usage: %s search FOLDER DIMENSION COUNT THREADS QUERIES_TIMED\n       %s neighbours FOLDER "
                 "DIMENSION COUNT THREADS ROWS NEW\n",
                 argv[0], argv[0]);
    return 2;
  }
}
