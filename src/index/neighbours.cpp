// Rows are compared in fixed point (index/half_kernel.h): x = kFixedScale a + e, where no number of e is beyond 1/2.
// With d numbers each, and vectors no longer than kLengthMax, a sum of products differs from kFixedScale^2 times the
// similarity by
//   E = kFixedScale kLengthMax sqrt(d) + d / 4
// at most. So when `count` others have products of at least P, whoever has one below P - 2 E is not among the `count`
// most similar. kFixedRounding makes sure that this also holds of similarities that were rounded to floats, where ties
// are decided by keys: it is twice the distance of two floats. The few rows that are left are compared exactly.
//
// 8-bit codes would leave five times as many, and on processors without 8-bit products they are no faster.
#include "index/neighbours.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>
#include <string>
#include <utility>

#include "index/block_kernel.h"
#include "index/half_kernel.h"
#include "index/key_table.h"
#include "index/parallel.h"
#include "mien/result.h"

namespace mien {
namespace {

constexpr double kFixedOne = static_cast<double>(kFixedScale) * kFixedScale;
constexpr double kFixedRounding = 256;
static_assert(kFixedRounding > kFixedOne * 0x1p-23 * 2);

// Queries of a task and rows that it compares with them: packed they lie in the third cache while a block of rows in
// fixed point lies in the second and a panel of queries in the first.
constexpr std::size_t kStrip = 1024;
constexpr std::size_t kSpan = 8192;
constexpr std::size_t kBlock = 128;

struct NearPlace {
  std::int32_t product = 0;
  std::uint32_t place = 0;
};

// For each place those others that may be among its most similar. Threads may offer at once.
class Candidates {
 public:
  Candidates(std::size_t places, std::size_t count, std::size_t dimension)
      : count_(count), slack_(error_of(dimension) * 2 + kFixedRounding), lists_(places) {
    for (List& list : lists_) list.limit = static_cast<std::uint32_t>(3 * count + 16);
  }

  static double error_of(std::size_t dimension) {
    const double d = static_cast<double>(dimension);
    return kFixedScale * kLengthMax * std::sqrt(d) + d / 4;
  }

  std::int32_t least(std::size_t place) const { return lists_[place].least.load(std::memory_order_relaxed); }
  void set_least(std::size_t place, double product) {
    lists_[place].least = static_cast<std::int32_t>(std::max(std::floor(product), -0x1p31));
  }

  void offer(std::size_t place, const NearPlace& candidate) {
    if (candidate.product < least(place)) return;
    const std::lock_guard lock(mutexes_[place % mutexes_.size()]);
    List& list = lists_[place];
    list.items.push_back(candidate);
    if (list.items.size() >= list.limit) trim(place);
  }

  // Removes those that cannot be among the most similar any more.
  std::vector<NearPlace>& trim(std::size_t place) {
    List& list = lists_[place];
    if (list.items.size() > count_) {
      const auto last = list.items.begin() + static_cast<std::ptrdiff_t>(count_) - 1;
      std::nth_element(list.items.begin(), last, list.items.end(),
                       [](const NearPlace& a, const NearPlace& b) { return a.product > b.product; });
      set_least(place, std::max<double>(least(place), last->product - slack_));
    }
    std::erase_if(list.items, [&](const NearPlace& candidate) { return candidate.product < least(place); });
    list.limit = std::max(list.limit, static_cast<std::uint32_t>(2 * list.items.size()));
    return list.items;
  }

 private:
  struct List {
    std::vector<NearPlace> items;
    std::atomic<std::int32_t> least{std::numeric_limits<std::int32_t>::min()};
    std::uint32_t limit = 0;
  };

  const std::size_t count_;
  const double slack_;
  std::vector<List> lists_;
  std::array<std::mutex, 1024> mutexes_;
};

// Rows in an order of their own: at the first `stale` places those whose lists are made anew.
class Neighbourhood {
 public:
  Neighbourhood(const HalfRows& rows, std::size_t count, std::vector<std::uint32_t> order, std::size_t stale)
      : rows_(rows),
        count_(count),
        order_(std::move(order)),
        stale_(stale),
        stride_((rows.dimension + 1) / 2 * 2),
        candidates_(rows.size(), count, rows.dimension) {}

  void run(int threads, std::vector<NeighbourList>& lists) {
    for (std::size_t place = stale_; place < order_.size(); ++place) {
      const float last = lists[order_[place]].back().similarity;
      candidates_.set_least(place, last * kFixedOne - Candidates::error_of(rows_.dimension) - kFixedRounding);
    }
    run_in_threads(threads, [this] { compare_strips(); });
    next_ = 0;
    changed_.assign(order_.size(), 0);
    run_in_threads(threads, [this, &lists] { finish(lists); });
  }

  // Whether this row's list is another than before.
  bool has_changed(std::size_t row) const { return changed_[row] != 0; }

 private:
  struct Scratch {
    std::vector<std::int16_t> codes;
    std::vector<std::int32_t> panels;
    std::vector<BlockHit> hits;
    std::array<std::int32_t, kPanelMax> query_least;
    std::array<std::int32_t, kBlock> row_least;
  };

  // Each pair of places is looked at once, by the strip of the one before: for both lists.
  void compare_strips() {
    Scratch scratch;
    const std::size_t spans = (order_.size() + kSpan - 1) / kSpan;
    const std::size_t strips = (stale_ + kStrip - 1) / kStrip;
    scratch.hits.resize(panel_queries() * kBlock);
    for (std::size_t task = next_++; task < strips * spans; task = next_++) {
      const std::size_t strip = task / spans * kStrip;
      const std::size_t begin = std::max(task % spans * kSpan, strip);
      const std::size_t end = std::min((task % spans + 1) * kSpan, order_.size());
      if (begin < end) compare(strip, std::min(strip + kStrip, stale_), begin, end, scratch);
    }
  }

  void make_fixed(std::size_t begin, std::size_t end, std::vector<std::int16_t>& codes) const {
    codes.assign((end - begin) * stride_, 0);
    for (std::size_t place = begin; place < end; ++place) {
      to_fixed(rows_.row(order_[place]).data(), rows_.dimension, codes.data() + (place - begin) * stride_);
    }
  }

  void compare(std::size_t strip, std::size_t strip_end, std::size_t begin, std::size_t end, Scratch& scratch) {
    const std::size_t width = panel_queries();
    const std::size_t panel_size = width * stride_ / 2;
    make_fixed(strip, strip_end, scratch.codes);
    scratch.panels.resize((strip_end - strip + width - 1) / width * panel_size);
    for (std::size_t q = 0; strip + q < strip_end; q += width) {
      pack_panel(scratch.codes.data() + q * stride_, std::min(width, strip_end - strip - q), stride_,
                 scratch.panels.data() + q / width * panel_size);
    }
    for (std::size_t first = begin; first < end; first += kBlock) {
      const std::size_t block_end = std::min(first + kBlock, end);
      make_fixed(first, block_end, scratch.codes);
      for (std::size_t place = first; place < block_end; ++place) {
        scratch.row_least[place - first] = candidates_.least(place);
      }
      for (std::size_t q = 0; strip + q < strip_end; q += width) {
        BlockInput input;
        input.panel = scratch.panels.data() + q / width * panel_size;
        input.rows = scratch.codes.data();
        input.row_count = block_end - first;
        input.stride = stride_;
        multiply(input, {strip, strip_end}, strip + q, first, scratch);
      }
    }
  }

  struct Range {
    std::size_t begin, end;
  };

  void multiply(BlockInput& input, Range strip, std::size_t first_query, std::size_t first_row, Scratch& scratch) {
    for (std::size_t q = 0; q < panel_queries(); ++q) {
      // Places behind the strip are none of its queries.
      scratch.query_least[q] =
          first_query + q < strip.end ? candidates_.least(first_query + q) : std::numeric_limits<std::int32_t>::max();
    }
    input.query_least = scratch.query_least.data();
    input.row_least = scratch.row_least.data();
    const std::size_t found = multiply_block(input, scratch.hits.data());
    for (std::size_t i = 0; i < found; ++i) {
      const BlockHit& hit = scratch.hits[i];
      const std::size_t query = first_query + hit.query;
      const std::size_t row = first_row + hit.row;
      if (query >= strip.end || query == row) continue;
      candidates_.offer(query, {hit.product, static_cast<std::uint32_t>(row)});
      // Pairs inside the strip come twice.
      if (row >= strip.end) {
        candidates_.offer(row, {hit.product, static_cast<std::uint32_t>(query)});
      }
    }
  }

  void finish(std::vector<NeighbourList>& lists) {
    for (std::size_t first = next_.fetch_add(kBlock); first < order_.size(); first = next_.fetch_add(kBlock)) {
      for (std::size_t place = first; place < std::min(first + kBlock, order_.size()); ++place) {
        finish(place, lists[order_[place]]);
      }
    }
  }

  void finish(std::size_t place, NeighbourList& list) {
    std::vector<NearPlace>& candidates = candidates_.trim(place);
    NeighbourList made;
    if (place >= stale_) {
      if (candidates.empty()) return;
      made = list;
    }
    const std::size_t known = made.size();
    for (const NearPlace& candidate : candidates) {
      const std::size_t other = order_[candidate.place];
      const VectorKey key = rows_.keys[other];
      // A row that was only renewed may be in lists already.
      const auto same = [key](const Similar& one) { return one.key == key; };
      if (std::any_of(made.begin(), made.begin() + static_cast<std::ptrdiff_t>(known), same)) continue;
      made.push_back({key, exact_similarity(rows_.row(order_[place]), rows_.row(other))});
    }
    std::vector<NearPlace>().swap(candidates);
    std::sort(made.begin(), made.end(), is_before);
    if (made.size() > count_) made.resize(count_);
    made.shrink_to_fit();
    changed_[order_[place]] = made == list ? 0 : 1;
    list = std::move(made);
  }

  const HalfRows& rows_;
  const std::size_t count_;
  const std::vector<std::uint32_t> order_;  // the row at each place
  const std::size_t stale_;
  const std::size_t stride_;
  Candidates candidates_;
  std::atomic<std::size_t> next_{0};
  std::vector<char> changed_;
};

KeyTable checked_keys(const HalfRows& rows) {
  if (rows.dimension == 0 || rows.dimension > kDimensionsMax || rows.halves.size() != rows.size() * rows.dimension ||
      rows.size() > std::numeric_limits<std::int32_t>::max()) {
    throw Exception(ErrorCode::invalid_argument,
                    std::to_string(rows.size()) + " keys and " + std::to_string(rows.halves.size()) +
                        " numbers are no vectors of " + std::to_string(rows.dimension) + " numbers");
  }
  KeyTable keys(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!keys.insert(rows.keys[i], i)) {
      throw Exception(ErrorCode::invalid_argument, "two vectors have the key " + std::to_string(rows.keys[i]));
    }
  }
  return keys;
}

// Looks at every vector and every list: whether a list has so many keys, all of which are there.
std::vector<char> find_right_lists(const HalfRows& rows, const KeyTable& keys, std::size_t expected, int threads,
                                   const std::vector<NeighbourList>& lists) {
  std::vector<char> is_right(rows.size());
  std::atomic<std::size_t> next{0};
  const auto is_known = [&keys](const Similar& one) { return keys.contains(one.key); };
  run_in_threads(threads, [&] {
    for (std::size_t first = next.fetch_add(kStrip); first < rows.size(); first = next.fetch_add(kStrip)) {
      for (std::size_t row = first; row < std::min(first + kStrip, rows.size()); ++row) {
        check_searchable(rows.row(row), rows.dimension, rows.keys[row]);
        const NeighbourList& list = lists[row];
        is_right[row] = list.size() == expected && std::all_of(list.begin(), list.end(), is_known) ? 1 : 0;
      }
    }
  });
  return is_right;
}

}  // namespace

std::vector<NeighbourList> find_neighbours(const HalfRows& rows, std::size_t count, int threads) {
  std::vector<NeighbourList> lists(rows.size());
  update_neighbours(rows, count, threads, lists);
  return lists;
}

std::vector<std::size_t> update_neighbours(const HalfRows& rows, std::size_t count, int threads,
                                           std::vector<NeighbourList>& lists) {
  const KeyTable keys = checked_keys(rows);
  if (lists.size() != rows.size()) {
    throw Exception(ErrorCode::invalid_argument, std::to_string(lists.size()) +
                                                     " lists of neighbours are not those of " +
                                                     std::to_string(rows.size()) + " vectors");
  }
  const std::size_t expected = rows.size() == 0 ? 0 : std::min(count, rows.size() - 1);
  const std::vector<char> is_right = find_right_lists(rows, keys, expected, threads, lists);
  std::vector<std::size_t> changed;
  if (expected == 0) {
    for (std::size_t i = 0; i < lists.size(); ++i) {
      if (!lists[i].empty()) changed.push_back(i);
      lists[i].clear();
    }
    return changed;
  }
  std::vector<std::uint32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto stale_end =
      std::stable_partition(order.begin(), order.end(), [&](std::uint32_t row) { return is_right[row] == 0; });
  const std::size_t stale = static_cast<std::size_t>(stale_end - order.begin());
  if (stale == 0) return changed;
  Neighbourhood neighbourhood(rows, expected, std::move(order), stale);
  neighbourhood.run(threads, lists);
  for (std::size_t row = 0; row < lists.size(); ++row) {
    if (neighbourhood.has_changed(row)) changed.push_back(row);
  }
  return changed;
}

}  // namespace mien
