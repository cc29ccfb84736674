#include "service/metrics_text.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <sstream>
#include <vector>

namespace mien::service {
namespace {

// Whole numbers have no exponent, which people read with less trouble.
std::string number_text(double value) {
  constexpr double kWholeMost = 1e15;
  if (value == std::floor(value) && std::abs(value) < kWholeMost) return fmt::format("{:.0f}", value);
  return fmt::format("{}", value);
}

std::size_t count_descriptors() {
  std::size_t count = 0;
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  while (const dirent* const entry = ::readdir(folder)) count += entry->d_name[0] != '.' ? 1 : 0;
  ::closedir(folder);
  return count > 0 ? count - 1 : 0;  // the folder itself
}

// The fields of /proc/self/stat behind the name, which may hold blanks: the first is field 3.
std::vector<double> read_stat() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos) return {};
  std::istringstream rest(line.substr(end_of_name + 4));  // ") S "
  std::vector<double> fields{0};
  for (double value = 0; rest >> value;) fields.push_back(value);
  return fields;
}

double boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    double value = 0;
    if (word == "btime" && file >> value) return value;
  }
  return 0;
}

}  // namespace

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void MetricsText::put_label(std::string_view name, std::string_view value, char before) {
  text_ += before;
  text_ += name;
  text_ += "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') text_ += '\\';
    text_ += c == '\n' ? std::string_view("\\n") : std::string_view(&c, 1);
  }
  text_ += '"';
}

void MetricsText::sample(Labels labels, double value, std::string_view suffix) {
  text_ += name_;
  text_ += suffix;
  char before = '{';
  for (const auto& [label, content] : labels) {
    if (label.empty()) continue;
    put_label(label, content, before);
    before = ',';
  }
  text_ += fmt::format("{} {}\n", before == ',' ? "}" : "", number_text(value));
}

void MetricsText::histogram(std::pair<std::string_view, std::string_view> label, const Histogram& values,
                            const Histogram::Bounds& bounds) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    sum += values.counts[i];
    const std::string bound = i < bounds.size() ? number_text(bounds[i]) : "+Inf";
    sample({label, {"le", bound}}, static_cast<double>(sum), "_bucket");
  }
  sample({label}, values.sum, "_sum");
  sample({label}, static_cast<double>(sum), "_count");
}

void add_process(MetricsText& text) {
  // Numbers of proc(5), counted from the field behind the name.
  constexpr std::size_t kUserTime = 11, kSystemTime = 12, kThreads = 17, kStart = 19, kVirtual = 20, kResident = 21;
  const std::vector<double> stat = read_stat();
  const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  if (stat.size() > kResident) {
    text.family("process_cpu_seconds_total", "counter", "Time of processors that this process took.");
    text.sample({}, (stat[kUserTime] + stat[kSystemTime]) / ticks);
    text.family("process_threads", "gauge", "Threads of this process.");
    text.sample({}, stat[kThreads]);
    text.family("process_start_time_seconds", "gauge", "When this process began, since 1970.");
    text.sample({}, boot_time() + stat[kStart] / ticks);
    text.family("process_virtual_memory_bytes", "gauge", "Addresses that this process has taken.");
    text.sample({}, stat[kVirtual]);
    text.family("process_resident_memory_bytes", "gauge", "Memory that this process has.");
    text.sample({}, stat[kResident] * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  }
  text.family("process_open_fds", "gauge", "Files and connections that are open.");
  text.sample({}, static_cast<double>(count_descriptors()));
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  text.family("process_max_fds", "gauge", "Files and connections that may be open.");
  text.sample({}, static_cast<double>(limit.rlim_cur));
}

}  // namespace mien::service
