// The proof. Each row's similarity lies between two ends (index/coded_query.cpp). Let L be the `count`-th largest of
// the lower ends of the rows that were read: so many rows are at least as similar as L, and a row whose upper end is
// below L is none of the answer, not even by its key, because the ends are wider than roundings of similarities to
// floats. All others are compared by exact_similarity().
#include "index/search.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <limits>
#include <mutex>
#include <queue>
#include <string>
#include <utility>

#include "index/coded_query.h"
#include "index/parallel.h"
#include "index/scan_kernel.h"
#include "mien/result.h"

namespace mien {
namespace {

// Rows that a thread takes at a time: their codes fill a huge page. Few rows are not worth a thread.
constexpr std::size_t kShare = 4096;
constexpr std::size_t kRowsPerThread = 16384;
// Rows of one call of the kernel. The least similarity is looked up between calls.
constexpr std::size_t kChunk = 256;
// Vectors that are fetched at a time.
constexpr std::size_t kFetch = 512;
constexpr float kNothing = -std::numeric_limits<float>::infinity();

struct Candidate {
  std::size_t row = 0;
  float most = 0;  // upper end of its similarity
};

// Finds the rows that may belong to an answer.
class Scan {
 public:
  // A row must be at least as similar as `least`, and as the `count`-th; 0: as any.
  Scan(const VectorRows& rows, const CodedQuery& query, float least, std::size_t count)
      : rows_(rows), query_(query), count_(count), least_(least) {}

  std::vector<Candidate> run(int threads) {
    const std::size_t useful = rows_.size() / kRowsPerThread + 1;
    run_in_threads(static_cast<int>(std::min(useful, static_cast<std::size_t>(std::max(threads, 1)))),
                   [this] { work(); });
    const float least = least_;
    std::erase_if(found_, [least](const Candidate& candidate) { return candidate.most < least; });
    std::sort(found_.begin(), found_.end(), [](const Candidate& a, const Candidate& b) { return a.most > b.most; });
    return std::move(found_);
  }

 private:
  // The largest lower ends that a thread has seen; the smallest of them on top.
  using Best = std::priority_queue<float, std::vector<float>, std::greater<>>;

  void work() {
    std::array<ScanHit, kChunk> hits;
    std::vector<Candidate> found;
    Best best;
    for (std::size_t begin = next_.fetch_add(kShare); begin < rows_.size(); begin = next_.fetch_add(kShare)) {
      const std::size_t end = std::min(begin + kShare, rows_.size());
      for (std::size_t first = begin; first < end; first += kChunk) {
        const std::size_t hit_count = scan_rows(query_.scan(), rows_.codes(first), rows_.scales() + first,
                                                std::min(kChunk, end - first), least_, hits.data());
        for (std::size_t i = 0; i < hit_count; ++i) {
          found.push_back({first + hits[i].row, hits[i].similarity + hits[i].error});
          if (count_ != 0) rise(hits[i].similarity - hits[i].error, best);
        }
      }
    }
    const std::lock_guard lock(mutex_);
    found_.insert(found_.end(), found.begin(), found.end());
  }

  // What so many rows of one thread exceed, so many rows of all do.
  void rise(float lower_end, Best& best) {
    if (best.size() == count_ && lower_end <= best.top()) return;
    best.push(lower_end);
    if (best.size() > count_) best.pop();
    if (best.size() < count_) return;
    float least = least_;
    while (least < best.top() && !least_.compare_exchange_weak(least, best.top())) {
    }
  }

  const VectorRows& rows_;
  const CodedQuery& query_;
  const std::size_t count_;
  std::atomic<float> least_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
  std::vector<Candidate> found_;
};

// Compares candidates by their stored vectors.
class Comparison {
 public:
  Comparison(const VectorRows& rows, HalfSpan query, const FetchVectors& fetch)
      : rows_(rows), query_(query), fetch_(fetch) {}

  // Appends those of the candidates that are still stored; returns how many are not.
  std::size_t compare(std::span<const Candidate> candidates, std::vector<Similar>& out) const {
    std::vector<VectorKey> keys;
    for (const Candidate& candidate : candidates) keys.push_back(rows_.keys()[candidate.row]);
    const std::size_t before = out.size();
    fetch_(keys, [&](VectorKey key, HalfSpan half) {
      if (half.size() != query_.size()) {
        throw Exception(ErrorCode::bad_data, "the stored vector of key " + std::to_string(key) + " has " +
                                                 std::to_string(half.size()) + " numbers and not " +
                                                 std::to_string(query_.size()));
      }
      out.push_back({key, exact_similarity(query_, half)});
    });
    return candidates.size() - (out.size() - before);
  }

 private:
  const VectorRows& rows_;
  HalfSpan query_;
  const FetchVectors& fetch_;
};

void keep_best(std::vector<Similar>& all, std::size_t count) {
  std::sort(all.begin(), all.end(), is_before);
  if (all.size() > count) all.resize(count);
}

}  // namespace

std::vector<Similar> search(const VectorRows& rows, HalfSpan query, std::size_t count, const FetchVectors& fetch,
                            int threads) {
  check_searchable(query, rows.dimension(), std::nullopt);
  count = std::min(count, rows.size());
  if (count == 0) return {};
  const CodedQuery prepared(query, rows.stride());
  const Comparison comparison(rows, query, fetch);
  // Rows that are not stored any more may have kept others from being candidates: then as many more are asked for.
  for (std::size_t wanted = count;;) {
    const std::vector<Candidate> candidates = Scan(rows, prepared, kNothing, wanted).run(threads);
    std::vector<Similar> best;
    std::size_t missing = 0;
    for (std::size_t first = 0; first < candidates.size();) {
      // The most promising come first, so that the first few mostly decide.
      if (best.size() == count && candidates[first].most < best.back().similarity) break;
      const std::size_t end = std::min(candidates.size(), first + std::max(kFetch, count));
      missing += comparison.compare(std::span(candidates).subspan(first, end - first), best);
      keep_best(best, count);
      first = end;
    }
    if (missing <= wanted - count) return best;
    wanted = count + missing;
  }
}

std::vector<Similar> search_above(const VectorRows& rows, HalfSpan query, float similarity, const FetchVectors& fetch,
                                  int threads) {
  check_searchable(query, rows.dimension(), std::nullopt);
  const CodedQuery prepared(query, rows.stride());
  const std::vector<Candidate> candidates = Scan(rows, prepared, similarity, 0).run(threads);
  const Comparison comparison(rows, query, fetch);
  std::vector<Similar> all;
  for (std::size_t first = 0; first < candidates.size(); first += kFetch) {
    comparison.compare(std::span(candidates).subspan(first, std::min(kFetch, candidates.size() - first)), all);
  }
  std::erase_if(all, [similarity](const Similar& one) { return one.similarity < similarity; });
  std::sort(all.begin(), all.end(), is_before);
  return all;
}

}  // namespace mien
