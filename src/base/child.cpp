#include "base/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <system_error>

#include "base/descriptor.h"

namespace mien {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kOutputBytesMax = 64 * 1024;
constexpr int kPollMilliseconds = 50;

// The variables of this process, with the wanted ones in the place of those of the same names.
std::vector<std::string> environment_of(const ChildRun& wanted) {
  std::vector<std::string> result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    bool is_replaced = false;
    for (const auto& [name, value] : wanted.environment) {
      is_replaced = is_replaced || (text.starts_with(name) && text.substr(name.size()).starts_with('='));
    }
    if (!is_replaced) result.emplace_back(text);
  }
  for (const auto& [name, value] : wanted.environment) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// Zero, or errno. The child gets a group of its own, so that what it starts ends with it.
int start(const ChildRun& wanted, int output, pid_t& child) {
  std::vector<std::string> arguments = wanted.command;
  std::vector<std::string> variables = environment_of(wanted);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output, 1);
  ::posix_spawn_file_actions_adddup2(&actions, output, 2);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int code = ::posix_spawnp(&child, arguments[0].c_str(), &actions, &attributes, pointers(arguments).data(),
                                  pointers(variables).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  return code;
}

// Reads until the other end is closed, the time is over or a stop is asked for. Says why it ended early.
std::string collect(const ChildRun& wanted, int input, std::string& output) {
  const Clock::time_point deadline = Clock::now() + wanted.limit;
  std::array<char, 4096> piece{};
  for (;;) {
    if (wanted.stop.stop_requested()) return "it was stopped";
    if (Clock::now() >= deadline) return fmt::format("it did not end within {} s", wanted.limit.count());
    pollfd waiting{input, POLLIN, 0};
    if (::poll(&waiting, 1, kPollMilliseconds) <= 0) continue;
    const ssize_t count = ::read(input, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return "";
    output.append(piece.data(), static_cast<std::size_t>(count));
    if (output.size() > 2 * kOutputBytesMax) output.erase(0, output.size() - kOutputBytesMax);
  }
}

}  // namespace

ChildResult run_program(const ChildRun& wanted) {
  ChildResult result;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    result.problem = std::generic_category().message(errno);
    return result;
  }
  const Descriptor output(ends[0]);
  Descriptor input(ends[1]);
  pid_t child = -1;
  const int code = start(wanted, input.get(), child);
  (void)input.close();
  if (code == 0) {
    result.problem = collect(wanted, output.get(), result.output);
    if (!result.problem.empty()) ::kill(-child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
    if (result.problem.empty() && WIFSIGNALED(status)) {
      result.problem = fmt::format("it was ended by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
    }
  } else {
    result.problem = fmt::format("{} cannot be started: {}", wanted.command[0], std::generic_category().message(code));
  }
  return result;
}

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  const std::size_t start = text.rfind('\n');
  return std::string(start == std::string_view::npos ? text : text.substr(start + 1));
}

}  // namespace mien
