// Vectors as embedders make them, in half floats, and the plain way to search them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/half.h"
#include "index/neighbours.h"
#include "index/search.h"

namespace mien::test {

using Half = std::vector<std::uint16_t>;

inline Half unit(const std::vector<double>& values) {
  double square = 0;
  for (const double value : values) square += value * value;
  const double inverse = square > 0 ? 1 / std::sqrt(square) : 0;
  Half half;
  for (const double value : values) half.push_back(to_half(static_cast<float>(value * inverse)));
  return half;
}

// In multiples of 2^-24, of which a half float is one.
inline std::int64_t steps_of(std::uint16_t half) {
  const std::int64_t fraction = half & 0x3ff;
  const int exponent = (half >> 10) & 0x1f;
  const std::int64_t magnitude = exponent == 0 ? fraction : (1024 + fraction) << (exponent - 1);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

// The scalar product in integers, rounded once.
inline float similarity_of(HalfSpan a, HalfSpan b) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += steps_of(a[i]) * steps_of(b[i]);
  return static_cast<float>(std::ldexp(static_cast<double>(sum), -48));
}

// Faces: each person is a direction, and a photo of it is somewhere near. Keys are in no order.
class Faces {
 public:
  explicit Faces(std::size_t dimension, unsigned seed = 1) : dimension_(dimension), random_(seed) {}

  Half direction() {
    std::vector<double> values(dimension_);
    for (double& value : values) value = normal_(random_);
    return unit(values);
  }
  // Noise of about that length beside a vector of length 1.
  Half near(const Half& half, double noise) {
    std::vector<double> values(dimension_);
    for (std::size_t i = 0; i < dimension_; ++i) {
      values[i] = from_half(half[i]) + noise * normal_(random_) / std::sqrt(static_cast<double>(dimension_));
    }
    return unit(values);
  }

  void add(const Half& half) {
    VectorKey key = 0;
    do key = static_cast<VectorKey>(random_() >> 1);
    while (places_.contains(key));
    places_[key] = keys_.size();
    keys_.push_back(key);
    halves_.insert(halves_.end(), half.begin(), half.end());
  }
  void add_people(std::size_t people, std::size_t photos) {
    for (std::size_t person = 0; person < people; ++person) {
      const Half face = direction();
      for (std::size_t photo = 0; photo < photos; ++photo) add(near(face, 0.8));
    }
  }
  // The last takes the place of one that goes.
  void remove(std::size_t i) {
    const std::size_t last = keys_.size() - 1;
    places_.erase(keys_[i]);
    if (i != last) {
      keys_[i] = keys_[last];
      places_[keys_[i]] = i;
      std::copy_n(halves_.begin() + static_cast<std::ptrdiff_t>(last * dimension_), dimension_,
                  halves_.begin() + static_cast<std::ptrdiff_t>(i * dimension_));
    }
    keys_.pop_back();
    halves_.resize(last * dimension_);
  }

  std::size_t size() const { return keys_.size(); }
  std::size_t dimension() const { return dimension_; }
  VectorKey key(std::size_t i) const { return keys_[i]; }
  std::size_t pick() { return random_() % keys_.size(); }
  HalfSpan row(std::size_t i) const { return rows().row(i); }
  HalfRows rows() const { return {dimension_, keys_, halves_}; }

  VectorRows coded() const {
    VectorRows coded(dimension_);
    for (std::size_t i = 0; i < size(); ++i) coded.append(keys_[i], row(i));
    return coded;
  }
  FetchVectors fetch() const {
    return [this](std::span<const VectorKey> keys, const VectorVisit& visit) {
      for (const VectorKey key : keys) {
        if (const auto found = places_.find(key); found != places_.end()) visit(key, row(found->second));
      }
    };
  }

  // All of them, in order.
  std::vector<Similar> ranking(HalfSpan query) const {
    std::vector<Similar> all;
    for (std::size_t i = 0; i < size(); ++i) all.push_back({keys_[i], similarity_of(query, row(i))});
    std::sort(all.begin(), all.end(), [](const Similar& a, const Similar& b) {
      return a.similarity != b.similarity ? a.similarity > b.similarity : a.key < b.key;
    });
    return all;
  }

 private:
  std::size_t dimension_;
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
  std::vector<VectorKey> keys_;
  std::vector<std::uint16_t> halves_;
  std::map<VectorKey, std::size_t> places_;
};

inline std::vector<Similar> first_of(std::vector<Similar> ranking, std::size_t count) {
  ranking.resize(std::min(count, ranking.size()));
  return ranking;
}

inline std::vector<Similar> above(std::vector<Similar> ranking, float similarity) {
  std::erase_if(ranking, [similarity](const Similar& one) { return one.similarity < similarity; });
  return ranking;
}

// Of whom there are 20,000 faces; fewer where sanitizers make a full scan slow.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr std::size_t kManyPeople = 300;
#else
inline constexpr std::size_t kManyPeople = 2820;
#endif

// A shuffle of all that is hard: people, copies of one face to the bit and nearly, vectors that are zero, vectors of
// one number, vectors whose codes are as wrong as can be.
inline Faces hard_faces(std::size_t dimension, std::size_t people, unsigned seed = 1) {
  Faces faces(dimension, seed);
  faces.add_people(people, 7);
  const Half one = faces.direction();
  for (int i = 0; i < 40; ++i) faces.add(one);
  for (int i = 0; i < 200; ++i) faces.add(faces.near(one, 1e-3));
  for (int i = 0; i < 40; ++i) faces.add(faces.near(one, 1e-2));
  for (int i = 0; i < 15; ++i) faces.add(Half(dimension, 0));
  for (std::size_t i = 0; i < std::min<std::size_t>(dimension, 5); ++i) {
    std::vector<double> values(dimension);
    values[i] = i % 2 == 0 ? 1 : -1;
    faces.add(unit(values));
    // Beside the largest number all others are in the middle between two codes.
    std::fill(values.begin(), values.end(), 0.5 / 127);
    values[i] = 1;
    faces.add(unit(values));
  }
  return faces;
}

}  // namespace mien::test
