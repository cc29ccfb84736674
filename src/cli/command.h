// The commands of main.cpp's table, and the call that each of them gets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"
#include "cli/terminal.h"

namespace mien::cli {

struct Call {
  Terminal& terminal;
  std::vector<std::string> arguments;  // behind the command's name
  std::vector<std::string> typed;      // the whole command line
};

// False when help was asked for and printed: the command has nothing more to do.
[[nodiscard]] inline bool parse_or_help(const Call& call, Arguments& arguments) {
  if (arguments.parse(call.arguments)) return true;
  call.terminal.print(arguments.help(call.terminal.help_width()));
  return false;
}

struct Command {
  std::string_view name;
  std::string_view summary;
  // Returns the exit code. Failures that end the command are Exceptions; main reports them.
  int (*run)(const Call& call);
  // The exit code of a failure that is nobody's wrong call; `compare` needs 1 for an answer.
  int exit_code_failure = 1;
};

int run_scan(const Call& call);
int run_index(const Call& call);
int run_faces(const Call& call);
int run_people(const Call& call);
int run_people_import(const Call& call);
int run_people_write_xmp(const Call& call);
int run_find(const Call& call);
int run_compare(const Call& call);
int run_quality(const Call& call);
int run_enhance(const Call& call);
int run_crop(const Call& call);
int run_thumbnail(const Call& call);
int run_devices(const Call& call);
int run_doctor(const Call& call);
int run_backends(const Call& call);
int run_config(const Call& call);
int run_models(const Call& call);
int run_bench(const Call& call);
int run_tune(const Call& call);
int run_store(const Call& call);
int run_serve(const Call& call);
int run_keys(const Call& call);
int run_health(const Call& call);
int run_version(const Call& call);

}  // namespace mien::cli
