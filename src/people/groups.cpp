#include "people/groups.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "index/similarity.h"
#include "people/half.h"
#include "people/near_means.h"

namespace mien {
namespace {

void sort_edges(std::vector<FaceEdge>& edges) {
  const auto is_before = [](const FaceEdge& x, const FaceEdge& y) {
    if (x.similarity != y.similarity) return x.similarity > y.similarity;
    return x.a != y.a ? x.a < y.a : x.b < y.b;
  };
  constexpr std::size_t kWorthAThread = 50'000;
  if (edges.size() < kWorthAThread) {
    std::ranges::sort(edges, is_before);
    return;
  }
  const auto middle = edges.begin() + static_cast<std::ptrdiff_t>(edges.size() / 2);
  {
    const std::jthread other([&] { std::sort(middle, edges.end(), is_before); });
    std::sort(edges.begin(), middle, is_before);
  }
  std::inplace_merge(edges.begin(), middle, edges.end(), is_before);
}

// Faces by their rank among the keys. The groups form a forest; the list of a group's members is a ring.
class Grouping {
 public:
  explicit Grouping(const GroupInput& input);
  void run();
  std::vector<std::uint32_t> result();

 private:
  struct Facts {
    std::vector<PersonId> rejected;
    std::vector<SplitSide> sides;
  };

  std::uint32_t root(std::uint32_t face);
  const GroupFace& face(std::uint32_t rank) const { return input_.faces[by_rank_[rank]]; }
  std::span<const std::uint16_t> row(std::uint32_t rank) const;
  template <typename Visit>
  bool all_members(std::uint32_t root, const Visit& visit) const;

  double mean(std::uint32_t a, std::uint32_t b) const;
  bool facts_allow(std::uint32_t a, std::uint32_t b) const;
  bool images_allow(std::uint32_t a, std::uint32_t b);
  template <typename Clashes>
  bool no_image_clashes(std::uint32_t group, const Clashes& clashes);
  void merge(std::uint32_t a, std::uint32_t b);
  void begin_together();
  std::vector<FaceEdge> face_edges() const;
  bool merge_along(std::vector<FaceEdge> edges);
  bool merge_once(std::vector<FaceEdge>& edges);
  std::vector<FaceEdge> group_edges(const std::vector<bool>& is_new);

  const GroupInput& input_;
  std::vector<std::uint32_t> by_rank_;  // rank to place in the input
  std::vector<std::uint32_t> rank_of_;
  std::vector<std::uint32_t> parent_;
  std::vector<std::uint32_t> next_;   // in the ring of members
  std::vector<std::uint32_t> size_;   // of roots
  std::vector<std::uint32_t> first_;  // of roots: the lowest rank
  std::vector<PersonId> person_;      // of roots
  std::vector<bool> has_more_;        // of roots
  std::vector<bool> is_new_;          // of roots: since the last edges of groups were made
  std::unordered_map<std::uint32_t, Facts> facts_;
  std::unordered_map<std::uint32_t, std::vector<double>> sums_;  // of roots with several members
  std::vector<std::uint32_t> by_image_;                          // ranks, those of an image one after another
  std::vector<std::uint32_t> image_begin_;                       // of a rank: where its image begins there
  std::vector<bool> is_page_;                                    // of a rank: its image
};

Grouping::Grouping(const GroupInput& input) : input_(input) {
  const std::size_t count = input.faces.size();
  by_rank_.resize(count);
  std::iota(by_rank_.begin(), by_rank_.end(), 0U);
  std::sort(by_rank_.begin(), by_rank_.end(),
            [&](std::uint32_t a, std::uint32_t b) { return input.faces[a].key < input.faces[b].key; });
  rank_of_.resize(count);
  for (std::uint32_t rank = 0; rank < count; ++rank) rank_of_[by_rank_[rank]] = rank;
  parent_.resize(count);
  std::iota(parent_.begin(), parent_.end(), 0U);
  next_ = first_ = parent_;
  size_.assign(count, 1);
  person_.resize(count);
  has_more_.resize(count);
  is_new_.assign(count, true);
  for (std::uint32_t rank = 0; rank < count; ++rank) {
    const GroupFace& face = this->face(rank);
    person_[rank] = face.person;
    has_more_[rank] = face.has_more;
    if (!face.rejected.empty() || !face.sides.empty()) facts_[rank] = {face.rejected, face.sides};
  }
  by_image_ = parent_;
  std::ranges::sort(by_image_, {}, [this](std::uint32_t rank) { return face(rank).image; });
  image_begin_.resize(count);
  is_page_.resize(count);
  for (std::uint32_t rank = 0; rank < count; ++rank) is_page_[rank] = face(rank).is_page;
  for (std::uint32_t i = 0, begin = 0; i < count; ++i) {
    if (face(by_image_[i]).image != face(by_image_[begin]).image) begin = i;
    image_begin_[by_image_[i]] = begin;
  }
}

std::uint32_t Grouping::root(std::uint32_t face) {
  while (parent_[face] != face) {
    parent_[face] = parent_[parent_[face]];
    face = parent_[face];
  }
  return face;
}

std::span<const std::uint16_t> Grouping::row(std::uint32_t rank) const {
  const std::size_t dimension = static_cast<std::size_t>(input_.dimension);
  return input_.rows.subspan(input_.row_of[by_rank_[rank]] * dimension, dimension);
}

template <typename Visit>
bool Grouping::all_members(std::uint32_t root, const Visit& visit) const {
  std::uint32_t member = root;
  do {
    if (!visit(member)) return false;
    member = next_[member];
  } while (member != root);
  return true;
}

double Grouping::mean(std::uint32_t a, std::uint32_t b) const {
  const auto sum_a = sums_.find(a);
  const auto sum_b = sums_.find(b);
  const double pairs = static_cast<double>(size_[a]) * size_[b];
  if (sum_a != sums_.end() && sum_b != sums_.end()) return dot(sum_a->second, sum_b->second) / pairs;
  if (sum_a != sums_.end()) return dot(sum_a->second, row(b)) / pairs;
  if (sum_b != sums_.end()) return dot(sum_b->second, row(a)) / pairs;
  return exact_similarity(row(a), row(b));
}

bool Grouping::facts_allow(std::uint32_t a, std::uint32_t b) const {
  if (person_[a] != 0 && person_[b] != 0 && person_[a] != person_[b]) return false;
  if (facts_.empty()) return true;
  const auto rejects = [&](std::uint32_t group, PersonId person) {
    const auto facts = facts_.find(group);
    return person != 0 && facts != facts_.end() && std::ranges::count(facts->second.rejected, person) != 0;
  };
  if (rejects(a, person_[b]) || rejects(b, person_[a])) return false;
  const auto facts_a = facts_.find(a);
  const auto facts_b = facts_.find(b);
  if (facts_a == facts_.end() || facts_b == facts_.end()) return true;
  return std::ranges::none_of(facts_a->second.sides, [&](const SplitSide& side) {
    return std::ranges::count(facts_b->second.sides, SplitSide{side.split, !side.is_off}) != 0;
  });
}

// Whether no face of the group shares its image with another one that `clashes`.
template <typename Clashes>
bool Grouping::no_image_clashes(std::uint32_t group, const Clashes& clashes) {
  return all_members(group, [&](std::uint32_t member) {
    if (is_page_[member]) return true;
    const std::uint32_t begin = image_begin_[member];
    for (std::size_t i = begin; i < by_image_.size() && image_begin_[by_image_[i]] == begin; ++i) {
      if (by_image_[i] != member && clashes(root(by_image_[i]))) return false;
    }
    return true;
  });
}

bool Grouping::images_allow(std::uint32_t a, std::uint32_t b) {
  // Groups of one person: each image was looked at when a face joined them.
  if (person_[a] != 0 && person_[b] != 0) return true;
  if (person_[a] == 0 && person_[b] == 0) {
    if (size_[a] > size_[b]) std::swap(a, b);
    return no_image_clashes(a, [&](std::uint32_t other) { return other == b; });
  }
  if (person_[a] != 0) std::swap(a, b);
  return no_image_clashes(a, [&](std::uint32_t other) { return person_[other] == person_[b]; });
}

void Grouping::merge(std::uint32_t a, std::uint32_t b) {
  if (size_[a] < size_[b] || (size_[a] == size_[b] && a > b)) std::swap(a, b);
  std::vector<double>& sum = sums_[a];
  if (sum.empty()) {
    sum.assign(static_cast<std::size_t>(input_.dimension), 0);
    add_halves(sum, row(a));
  }
  if (const auto other = sums_.find(b); other != sums_.end()) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += other->second[i];
    sums_.erase(other);
  } else {
    add_halves(sum, row(b));
  }
  if (const auto facts = facts_.find(b); facts != facts_.end()) {
    Facts moved = std::move(facts->second);
    facts_.erase(facts);
    Facts& kept = facts_[a];
    kept.rejected.insert(kept.rejected.end(), moved.rejected.begin(), moved.rejected.end());
    kept.sides.insert(kept.sides.end(), moved.sides.begin(), moved.sides.end());
  }
  parent_[b] = a;
  std::swap(next_[a], next_[b]);
  size_[a] += size_[b];
  first_[a] = std::min(first_[a], first_[b]);
  if (person_[a] == 0) person_[a] = person_[b];
  if (has_more_[b]) has_more_[a] = true;
  is_new_[a] = true;
}

void Grouping::begin_together() {
  std::unordered_map<OperationId, std::uint32_t> firsts;
  for (std::uint32_t rank = 0; rank < parent_.size(); ++rank) {
    if (face(rank).together == 0 || !face(rank).joins) continue;
    const auto [first, is_first] = firsts.try_emplace(face(rank).together, rank);
    if (is_first) continue;
    const std::uint32_t a = root(first->second);
    if (facts_allow(a, rank) && images_allow(a, rank)) merge(a, rank);
  }
}

// Pairs below the threshold decide nothing: the mean of two groups is at least the threshold only where one of their
// pairs is.
std::vector<FaceEdge> Grouping::face_edges() const {
  std::vector<FaceEdge> edges;
  for (const FaceEdge& edge : input_.edges) {
    if (edge.similarity < input_.threshold || edge.a == edge.b) continue;
    if (!input_.faces[edge.a].joins || !input_.faces[edge.b].joins) continue;
    const auto [a, b] = std::minmax({rank_of_[edge.a], rank_of_[edge.b]});
    edges.push_back({a, b, edge.similarity});
  }
  return edges;
}

// One way along the edges. Drops those that can never join two groups any more.
bool Grouping::merge_once(std::vector<FaceEdge>& edges) {
  bool has_merged = false;
  std::unordered_set<std::uint64_t> tried;
  std::erase_if(edges, [&](const FaceEdge& edge) {
    const auto [a, b] = std::minmax({root(edge.a), root(edge.b)});
    if (a == b || !facts_allow(a, b)) return true;
    const bool are_faces = size_[a] == 1 && size_[b] == 1;
    if ((are_faces ? edge.similarity : mean(a, b)) < input_.threshold) return false;
    if (!images_allow(a, b)) return true;
    merge(a, b);
    has_merged = true;
    return true;
  });
  // Of several edges between two groups the first is enough.
  std::erase_if(edges, [&](const FaceEdge& edge) {
    const auto [a, b] = std::minmax({root(edge.a), root(edge.b)});
    return a == b || !tried.insert(std::uint64_t{a} << 32U | b).second;
  });
  return has_merged;
}

bool Grouping::merge_along(std::vector<FaceEdge> edges) {
  sort_edges(edges);
  bool has_merged = false;
  while (merge_once(edges)) has_merged = true;
  return has_merged;
}

// All pairs of groups with such a mean that no edge of their faces may have shown: both have faces with more similar
// ones than are kept. Pairs that were there before, unchanged, are left out.
std::vector<FaceEdge> Grouping::group_edges(const std::vector<bool>& is_new) {
  std::vector<std::uint32_t> groups;
  NearMeans means(input_.dimension);
  for (std::uint32_t rank = 0; rank < parent_.size(); ++rank) {
    if (parent_[rank] != rank || !has_more_[rank] || !face(rank).joins) continue;
    groups.push_back(rank);
    const auto sum = sums_.find(rank);
    if (sum != sums_.end()) {
      means.add(sum->second, size_[rank], is_new[rank]);
    } else {
      means.add(row(rank), is_new[rank]);
    }
  }
  std::vector<FaceEdge> edges;
  for (const auto& [x, y] : means.pairs_above(input_.threshold)) {
    const std::uint32_t a = groups[x];
    const std::uint32_t b = groups[y];
    const double similarity = mean(std::min(a, b), std::max(a, b));
    if (similarity < input_.threshold) continue;
    const auto [first, second] = std::minmax({first_[a], first_[b]});
    edges.push_back({first, second, static_cast<float>(similarity)});
  }
  return edges;
}

void Grouping::run() {
  begin_together();
  merge_along(face_edges());
  bool is_done = false;
  while (!is_done) {
    const std::vector<bool> is_new = is_new_;
    std::fill(is_new_.begin(), is_new_.end(), false);
    is_done = !merge_along(group_edges(is_new));
  }
}

std::vector<std::uint32_t> Grouping::result() {
  std::vector<std::uint32_t> groups(parent_.size(), kNoGroup);
  for (std::uint32_t rank = 0; rank < parent_.size(); ++rank) {
    if (!face(rank).joins && face(rank).person == 0) continue;
    groups[by_rank_[rank]] = by_rank_[first_[root(rank)]];
  }
  return groups;
}

}  // namespace

std::vector<std::uint32_t> group_faces(const GroupInput& input) {
  Grouping grouping(input);
  grouping.run();
  return grouping.result();
}

void VectorSum::add(std::span<const std::uint16_t> half) {
  values.resize(half.size());
  add_halves(values, half);
  ++count;
}

double mean_similarity(const VectorSum& a, const VectorSum& b) {
  if (a.count == 0 || b.count == 0) return 0;
  return dot(a.values, b.values) / (static_cast<double>(a.count) * static_cast<double>(b.count));
}

}  // namespace mien
