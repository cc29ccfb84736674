#include "people/groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <set>

#include "base/half.h"

namespace mien {
namespace {

constexpr int kDimension = 32;
constexpr float kThreshold = 0.5F;
constexpr std::size_t kListed = 10;

// Faces of a few people with facts and images, and all that is known of them.
struct Scene {
  std::vector<GroupFace> faces;
  std::vector<std::vector<float>> vectors;
};

std::vector<float> near_vector(const std::vector<float>& centre, float noise, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> vector = centre;
  float length = 0;
  for (float& value : vector) {
    value += noise * normal(random) / std::sqrt(static_cast<float>(kDimension));
    length += value * value;
  }
  for (float& value : vector) value = from_half(to_half(value / std::sqrt(length)));
  return vector;
}

Scene make_scene(std::uint32_t seed, std::size_t count) {
  std::mt19937 random(seed);
  const std::vector<float> zero(kDimension);
  std::vector<std::vector<float>> centres;
  for (int i = 0; i < 6; ++i) centres.push_back(near_vector(zero, 1, random));
  Scene scene;
  for (std::size_t i = 0; i < count; ++i) {
    GroupFace face;
    face.key = static_cast<FaceKey>(random()) << 20U | static_cast<FaceKey>(i);
    face.image = random() % (count / 2);
    face.is_page = face.image % 7 == 0;
    face.joins = random() % 20 != 0;
    if (random() % 12 == 0) face.person = 1 + random() % 2;
    if (random() % 12 == 0) face.rejected = {1 + static_cast<PersonId>(random() % 2)};
    if (!face.rejected.empty() && face.rejected[0] == face.person) face.rejected.clear();
    if (random() % 10 == 0) face.sides = {{5, random() % 2 == 0}};
    scene.vectors.push_back(near_vector(centres[random() % 6], 0.9F, random));
    scene.faces.push_back(face);
  }
  return scene;
}

float product(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return static_cast<float>(sum);
}

// Groups of the scene in this order of faces, as group numbers of the faces in the scene's own order.
std::vector<FaceKey> groups_in_order(const Scene& scene, const std::vector<std::size_t>& order) {
  GroupInput input;
  std::vector<std::uint16_t> rows;
  input.dimension = kDimension;
  input.threshold = kThreshold;
  for (std::size_t i = 0; i < order.size(); ++i) {
    input.faces.push_back(scene.faces[order[i]]);
    input.row_of.push_back(i);
    for (const float value : scene.vectors[order[i]]) rows.push_back(to_half(value));
    std::vector<FaceEdge> list;
    for (std::size_t j = 0; j < order.size(); ++j) {
      const float similarity = product(scene.vectors[order[i]], scene.vectors[order[j]]);
      if (j != i) list.push_back({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j), similarity});
    }
    std::ranges::sort(list, [&](const FaceEdge& a, const FaceEdge& b) {
      if (a.similarity != b.similarity) return a.similarity > b.similarity;
      return scene.faces[order[a.b]].key < scene.faces[order[b.b]].key;
    });
    list.resize(std::min(list.size(), kListed));
    input.faces.back().has_more = list.size() == kListed && list.back().similarity >= kThreshold;
    input.edges.insert(input.edges.end(), list.begin(), list.end());
  }
  input.rows = rows;
  const std::vector<std::uint32_t> groups = group_faces(input);
  std::vector<FaceKey> result(order.size(), -1);
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (groups[i] != kNoGroup) result[order[i]] = input.faces[groups[i]].key;
  }
  return result;
}

std::vector<std::size_t> natural_order(std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

using Members = std::map<FaceKey, std::vector<std::size_t>>;

Members members_of(const std::vector<FaceKey>& groups) {
  Members members;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i] != -1) members[groups[i]].push_back(i);
  }
  return members;
}

PersonId person_of(const Scene& scene, const std::vector<std::size_t>& group) {
  PersonId person = 0;
  for (const std::size_t face : group) person = std::max(person, scene.faces[face].person);
  return person;
}

// Written from what groups.h promises, pair by pair.
bool may_be_one(const Scene& scene, const Members& all, const std::vector<std::size_t>& a,
                const std::vector<std::size_t>& b) {
  const PersonId person_a = person_of(scene, a);
  const PersonId person_b = person_of(scene, b);
  if (person_a != 0 && person_b != 0 && person_a != person_b) return false;
  const PersonId person = std::max(person_a, person_b);
  std::vector<std::size_t> both = a;
  both.insert(both.end(), b.begin(), b.end());
  for (const std::size_t x : both) {
    const GroupFace& face = scene.faces[x];
    if (person != 0 && std::ranges::count(face.rejected, person) != 0) return false;
    for (const std::size_t y : both) {
      for (const SplitSide& side : face.sides) {
        if (std::ranges::count(scene.faces[y].sides, SplitSide{side.split, !side.is_off}) != 0) return false;
      }
    }
  }
  if (person_a != 0 && person_b != 0) return true;
  std::vector<std::size_t> together = both;
  for (const auto& [key, group] : all) {
    if (person != 0 && person_of(scene, group) == person) together.insert(together.end(), group.begin(), group.end());
  }
  for (const std::size_t x : person_a != 0 ? b : a) {
    for (const std::size_t y : together) {
      const GroupFace& one = scene.faces[x];
      if (x != y && one.image == scene.faces[y].image && !one.is_page) return false;
    }
  }
  return true;
}

double mean(const Scene& scene, const std::vector<std::size_t>& a, const std::vector<std::size_t>& b) {
  double sum = 0;
  for (const std::size_t x : a) {
    for (const std::size_t y : b) sum += product(scene.vectors[x], scene.vectors[y]);
  }
  return sum / static_cast<double>(a.size() * b.size());
}

TEST(Groups, ThatCouldBeOneAreOne) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const Scene scene = make_scene(seed, 90);
    const Members members = members_of(groups_in_order(scene, natural_order(90)));
    EXPECT_LT(members.size(), 70U);
    for (const auto& [key_a, a] : members) {
      for (const auto& [key_b, b] : members) {
        if (key_a >= key_b || !scene.faces[a[0]].joins || !scene.faces[b[0]].joins) continue;
        if (mean(scene, a, b) < kThreshold + 1e-5) continue;
        EXPECT_FALSE(may_be_one(scene, members, a, b)) << seed << ": " << key_a << " and " << key_b;
      }
    }
  }
}

TEST(Groups, HoldNothingThatFactsForbid) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const Scene scene = make_scene(seed, 90);
    for (const auto& [key, group] : members_of(groups_in_order(scene, natural_order(90)))) {
      std::set<PersonId> persons;
      for (const std::size_t x : group) {
        const GroupFace& face = scene.faces[x];
        if (face.person != 0) persons.insert(face.person);
        EXPECT_TRUE(face.joins || (face.person != 0 && group.size() == 1));
        for (const std::size_t y : group) {
          if (x == y) continue;
          const bool both_said = face.person != 0 && scene.faces[y].person != 0;
          EXPECT_TRUE(face.image != scene.faces[y].image || face.is_page || both_said);
          for (const PersonId rejected : face.rejected) EXPECT_NE(scene.faces[y].person, rejected);
        }
      }
      EXPECT_LE(persons.size(), 1U);
    }
  }
}

TEST(Groups, AreTheSameInAnyOrder) {
  const Scene scene = make_scene(77, 150);
  std::vector<std::size_t> order = natural_order(150);
  const std::vector<FaceKey> expected = groups_in_order(scene, order);
  std::mt19937 random(3);
  for (int round = 0; round < 20; ++round) {
    std::ranges::shuffle(order, random);
    EXPECT_EQ(groups_in_order(scene, order), expected);
  }
}

// Thirty copies of two photos use up all the neighbours that are kept: the groups of copies find one another.
TEST(Groups, AreNotTornByCopies) {
  std::mt19937 random(4);
  const std::vector<float> centre = near_vector(std::vector<float>(kDimension), 1, random);
  Scene scene;
  for (int photo = 0; photo < 2; ++photo) {
    const std::vector<float> face = near_vector(centre, 0.5F, random);
    for (int copy = 0; copy < 30; ++copy) {
      GroupFace one;
      one.key = one.image = photo * 100 + copy + 1;
      scene.faces.push_back(one);
      scene.vectors.push_back(near_vector(face, 0.05F, random));
    }
  }
  EXPECT_EQ(members_of(groups_in_order(scene, natural_order(60))).size(), 1U);
}

TEST(Groups, FacesThatWereSplitOffBeginTogether) {
  std::mt19937 random(5);
  Scene scene;
  for (int i = 0; i < 4; ++i) {
    GroupFace face;
    face.key = face.image = i + 1;
    face.together = i < 2 ? 9 : 0;
    face.sides = {{9, i < 2}};
    scene.faces.push_back(face);
    scene.vectors.push_back(near_vector(std::vector<float>(kDimension), 1, random));
  }
  const std::vector<FaceKey> groups = groups_in_order(scene, natural_order(4));
  EXPECT_EQ(groups[0], groups[1]);
  EXPECT_NE(groups[2], groups[3]);
}

}  // namespace
}  // namespace mien
