// Runs a fuzz target without libFuzzer: over seeds, and over deterministic mutants of them.
//
//   fuzz_TARGET [--mutants N] [--seed S] [--write NUMBER] FILE|FOLDER...
//     --mutants N       after the seeds, mutants 0 .. N - 1
//     --seed S          of the mutants (1)
//     --write NUMBER    that one mutant's bytes on standard output, and nothing else
// Ends with 1 when an input takes more than two seconds of CPU time; a defect ends it by a signal, behind a line that
// names the input.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "mutate.h"
#include "target.h"

namespace mien::fuzz {
namespace {

constexpr double kHangMs = 2000;
constexpr unsigned kStuckSeconds = 120;  // of wall time, for one input on a busy machine

struct Call {
  std::uint64_t mutants = 0;
  std::uint64_t seed = 1;
  bool write = false;
  std::uint64_t number = 0;
  std::vector<std::string> paths;
};

// The line about the input that runs now, for the handler of signals.
std::array<char, 256> running;

void on_death(int signal_number) {
  const std::size_t length = std::strlen(running.data());
  if (::write(STDERR_FILENO, running.data(), length) < 0) ::_exit(1);
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);
}

bool read_call(int argc, char** argv, Call& call) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool takes_number = argument == "--mutants" || argument == "--seed" || argument == "--write";
    if (!takes_number) {
      call.paths.push_back(argument);
      continue;
    }
    if (++i == argc) return false;
    const std::uint64_t value = std::strtoull(argv[i], nullptr, 10);
    if (argument == "--mutants") call.mutants = value;
    if (argument == "--seed") call.seed = value;
    if (argument == "--write") {
      call.write = true;
      call.number = value;
    }
  }
  return !call.paths.empty();
}

ByteVector read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return ByteVector(std::istreambuf_iterator<char>(file), {});
}

// Sorted, so that the same folder gives the same mutants everywhere.
std::vector<std::filesystem::path> list_files(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> files;
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      files.emplace_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

double cpu_now_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

class Runner {
 public:
  void run(const ByteVector& input, const std::string& name) {
    std::snprintf(running.data(), running.size(), "this input ended the program: %s\n", name.c_str());
    alarm(kStuckSeconds);
    const double begin_ms = cpu_now_ms();
    LLVMFuzzerTestOneInput(input.data(), input.size());
    const double took_ms = cpu_now_ms() - begin_ms;
    alarm(0);
    ++count_;
    if (took_ms > kHangMs) {
      std::printf("%s takes %.0f ms\n", name.c_str(), took_ms);
      ++hangs_;
    }
    if (took_ms <= slowest_ms_) return;
    slowest_ms_ = took_ms;
    slowest_ = name;
  }

  int finish() const {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::printf("%llu inputs; slowest: %s, %.1f ms of CPU time; peak memory %ld MB\n",
                static_cast<unsigned long long>(count_), slowest_.c_str(), slowest_ms_, usage.ru_maxrss / 1024);
    return hangs_ == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }

 private:
  std::uint64_t count_ = 0;
  std::uint64_t hangs_ = 0;
  double slowest_ms_ = 0;
  std::string slowest_;
};

int run(const Call& call) {
  for (const int signal_number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM, SIGTRAP}) {
    std::signal(signal_number, on_death);
  }
  Runner runner;
  std::vector<ByteVector> seeds;
  for (const std::filesystem::path& path : list_files(call.paths)) {
    seeds.push_back(read(path));
    runner.run(seeds.back(), path.string());
  }
  std::erase_if(seeds, [](const ByteVector& seed) { return seed.empty(); });
  if (seeds.empty()) {
    std::fprintf(stderr, "there are no seeds in %s\n", call.paths.front().c_str());
    return 2;
  }
  for (std::uint64_t number = 0; number < call.mutants; ++number) {
    runner.run(make_mutant(seeds, call.seed, number),
               "--seed " + std::to_string(call.seed) + " --write " + std::to_string(number));
  }
  return runner.finish();
}

int write_mutant(const Call& call) {
  std::vector<ByteVector> seeds;
  for (const std::filesystem::path& path : list_files(call.paths)) seeds.push_back(read(path));
  std::erase_if(seeds, [](const ByteVector& seed) { return seed.empty(); });
  if (seeds.empty()) return 2;
  const ByteVector mutant = make_mutant(seeds, call.seed, call.number);
  return std::fwrite(mutant.data(), 1, mutant.size(), stdout) == mutant.size() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace mien::fuzz

int main(int argc, char** argv) {
  mien::fuzz::Call call;
  if (!mien::fuzz::read_call(argc, argv, call)) {
    std::fprintf(stderr, "usage: %s [--mutants N] [--seed S] [--write NUMBER] FILE|FOLDER...\n", argv[0]);
    return 2;
  }
  return call.write ? mien::fuzz::write_mutant(call) : mien::fuzz::run(call);
}
