#include "measure/measure.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <numeric>
#include <string>

namespace mien {

double wall_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double clock_ms(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double resident_mb() {
  std::ifstream file("/proc/self/statm");
  double pages_all = 0, pages = 0;
  file >> pages_all >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

double peak_memory_mb() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  }
  return resident_mb();
}

void reset_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const double count = static_cast<double>(values.size());
  const std::size_t half = values.size() / 2;
  Spread spread;
  spread.mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  spread.median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  for (const double value : values) spread.std += (value - spread.mean) * (value - spread.mean) / count;
  spread.std = std::sqrt(spread.std);
  spread.min = values.front();
  spread.max = values.back();
  spread.p95 = values[static_cast<std::size_t>(std::ceil(0.95 * count)) - 1];
  return spread;
}

}  // namespace mien
