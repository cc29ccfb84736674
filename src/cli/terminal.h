// The program's two outputs and what is on their other end.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace mien::cli {

enum class Style { plain, strong, good, bad, faint };

// Safe to call from many threads: the scan, the log and the progress line share one screen.
class Terminal {
 public:
  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  bool out_is_terminal() const { return out_is_terminal_; }
  bool shows_progress() const { return shows_progress_; }
  int width() const;        // columns of the screen, now; 80 when there is none
  int table_width() const;  // for Table::render: 0, without a limit, when stdout is no terminal
  int help_width() const;   // comfortable for reading
  std::string_view cut_mark() const { return utf8_ ? "…" : "..."; }
  // For stdout; plain where colours are not wanted (NO_COLOR) or not understood.
  std::string styled(Style style, std::string_view text) const;

  // What a shell opened for `mien ... > FILE` gets mode 0600 before its first byte, for output about faces. A file that
  // holds something already, as a log does, stays as it is.
  void make_out_private() const;

  // To stdout, at once. A failure is remembered, and nothing more is written then.
  void print(std::string_view text);
  // To stderr; failures are ignored, there is nowhere to tell.
  void note(std::string_view text);
  // The line at the bottom of the screen, in the place of the one before; "" takes it away.
  void show_progress(std::string text);

  bool out_failed() const;
  // The exit code that the program ends with, once what went wrong with stdout is considered: a
  // reader that went away (`mien ... | head`) is nothing to talk about, a full disk is.
  int finish(int exit_code);

 private:
  void erase_progress();  // all three: mutex_ is held
  void draw_progress();
  void write_out(std::string_view text);

  bool out_is_terminal_ = false;
  bool shows_progress_ = false;
  bool utf8_ = false;
  bool colours_ = false;
  mutable std::mutex mutex_;  // guards everything below, and the order of what is written
  std::string progress_;
  bool progress_drawn_ = false;
  int out_error_ = 0;  // errno
};

// Files that are opened later must not get the numbers 0, 1 or 2 because the caller closed those:
// what is printed would go into them. What is printed fails then, and so does reading.
void open_missing_standard_files();

}  // namespace mien::cli
