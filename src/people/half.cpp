#include "people/half.h"

#include <array>
#include <vector>

#include "base/half.h"

namespace mien {
namespace {

constexpr std::size_t kLanes = 8;
constexpr std::size_t kHalves = 65536;

const std::vector<double>& table() {
  static const std::vector<double> values = [] {
    std::vector<double> all(kHalves);
    for (std::uint32_t half = 0; half < kHalves; ++half) all[half] = from_half(static_cast<std::uint16_t>(half));
    return all;
  }();
  return values;
}

template <typename A, typename B>
double lanes_dot(std::size_t size, const A& a, const B& b) {
  std::array<double, kLanes> lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += a(i + lane) * b(i + lane);
  }
  for (; i < size; ++i) lanes[0] += a(i) * b(i);
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

}  // namespace

double half_value(std::uint16_t half) { return table()[half]; }

void add_halves(std::span<double> values, std::span<const std::uint16_t> halves) {
  const std::vector<double>& value = table();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += value[halves[i]];
}

double dot(std::span<const double> a, std::span<const double> b) {
  return lanes_dot(
      a.size(), [&](std::size_t i) { return a[i]; }, [&](std::size_t i) { return b[i]; });
}

double dot(std::span<const double> a, std::span<const std::uint16_t> b) {
  const double* const value = table().data();
  return lanes_dot(
      a.size(), [&](std::size_t i) { return a[i]; }, [&](std::size_t i) { return value[b[i]]; });
}

}  // namespace mien
