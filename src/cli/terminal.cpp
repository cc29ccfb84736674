#include "cli/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "cli/text.h"

namespace mien::cli {
namespace {

constexpr int kWidthUnknown = 80;
constexpr int kWidthMin = 20;
constexpr int kHelpWidthMax = 100;
constexpr int kExitBrokenPipe = 141;  // 128 + SIGPIPE: what a shell reports of a program it ended

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool locale_is_utf8() {
  // The first that is set decides, as in setlocale().
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value = environment(name);
    if (value.empty()) continue;
    std::transform(value.begin(), value.end(), value.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

// 0, or the errno of what kept the text from being written.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      // Somebody made the pipe non-blocking: wait until it takes more.
      pollfd ready{.fd = descriptor, .events = POLLOUT, .revents = 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

std::string_view code_of(Style style) {
  constexpr std::array<std::string_view, 5> kCodes = {"", "1", "32", "31", "2"};
  return kCodes[static_cast<std::size_t>(style)];
}

}  // namespace

Terminal::Terminal() {
  const bool understands_codes = environment("TERM") != "dumb";
  out_is_terminal_ = ::isatty(STDOUT_FILENO) == 1;
  shows_progress_ = ::isatty(STDERR_FILENO) == 1 && understands_codes;
  utf8_ = locale_is_utf8();
  colours_ = out_is_terminal_ && understands_codes && environment("NO_COLOR").empty();
}

Terminal::~Terminal() { show_progress(""); }

int Terminal::width() const {
  for (const int descriptor : {STDERR_FILENO, STDOUT_FILENO}) {
    winsize size{};
    if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
      return std::max<int>(size.ws_col, kWidthMin);
    }
  }
  return kWidthUnknown;
}

int Terminal::table_width() const { return out_is_terminal_ ? width() : 0; }

int Terminal::help_width() const { return std::min(width(), kHelpWidthMax); }

std::string Terminal::styled(Style style, std::string_view text) const {
  if (!colours_ || style == Style::plain || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code_of(style), text);
}

void Terminal::make_out_private() const {
  constexpr mode_t kOthersMode = 0077;
  constexpr mode_t kPrivateMode = 0600;
  struct stat status {};
  if (::fstat(STDOUT_FILENO, &status) != 0 || !S_ISREG(status.st_mode)) return;
  const bool is_ours = status.st_size == 0 && status.st_uid == ::geteuid();
  if (is_ours && (status.st_mode & kOthersMode) != 0) ::fchmod(STDOUT_FILENO, kPrivateMode);
}

void Terminal::print(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  if (out_is_terminal_) erase_progress();
  write_out(text);
  if (out_is_terminal_) draw_progress();
}

void Terminal::note(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  erase_progress();
  write_all(STDERR_FILENO, text);
  draw_progress();
}

void Terminal::show_progress(std::string text) {
  if (!shows_progress_) return;
  const std::scoped_lock lock(mutex_);
  erase_progress();
  progress_ = std::move(text);
  draw_progress();
}

bool Terminal::out_failed() const {
  const std::scoped_lock lock(mutex_);
  return out_error_ != 0;
}

int Terminal::finish(int exit_code) {
  show_progress("");
  const std::scoped_lock lock(mutex_);
  if (out_error_ == 0) return exit_code;
  if (out_error_ == EPIPE) return kExitBrokenPipe;
  write_all(STDERR_FILENO, fmt::format("mien: cannot write the result: standard output: {}\n",
                                       std::generic_category().message(out_error_)));
  return exit_code == 0 ? 1 : exit_code;
}

void Terminal::erase_progress() {
  if (!progress_drawn_) return;
  write_all(STDERR_FILENO, "\r\x1b[K");
  progress_drawn_ = false;
}

void Terminal::draw_progress() {
  if (progress_.empty()) return;
  // The last column stays free: many terminals wrap as soon as it is filled.
  write_all(STDERR_FILENO, fit(progress_, {.width = width() - 1, .mark = ""}));
  progress_drawn_ = true;
}

void Terminal::write_out(std::string_view text) {
  if (out_error_ == 0) out_error_ = write_all(STDOUT_FILENO, text);
}

void open_missing_standard_files() {
  struct Standard {
    int descriptor;
    int flags;  // the wrong way round: a result that nobody gets is an error, and no input is not an empty one
  };
  for (const Standard& one : {Standard{STDIN_FILENO, O_WRONLY}, {STDOUT_FILENO, O_RDONLY}, {STDERR_FILENO, O_RDWR}}) {
    // open() takes the lowest number that is free, which is this one.
    if (::fcntl(one.descriptor, F_GETFD) == -1 && ::open("/dev/null", one.flags) != one.descriptor) return;
  }
}

}  // namespace mien::cli
