// The program `mien`: a table of commands, and the one place where failures become exit codes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>
#include <thread>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "cli/command.h"
#include "cli/text.h"
#include "mien/log.h"
#include "mien/result.h"

namespace mien::cli {
namespace {

constexpr std::array<Command, 22> kCommands = {{
    {"scan", "find, measure and match the faces in files and folders", run_scan},
    {"index", "read your photos into the store of people", run_index},
    {"faces", "the faces of a few images, as a table", run_faces},
    {"people", "who is on the photos of an index, and corrections", run_people},
    {"find", "the photos of an index that show somebody", run_find},
    {"compare", "whether two photos show the same person", run_compare, 2},
    {"quality", "blur, brightness, contrast and sharpness of images", run_quality},
    {"enhance", "enlarge and sharpen a small image", run_enhance},
    {"crop", "cut a face out of an image", run_crop},
    {"thumbnail", "make a small copy of an image", run_thumbnail},
    {"devices", "the CPU and the GPUs that mien can run on", run_devices},
    {"doctor", "why a GPU is not used, and what to do", run_doctor},
    {"backends", "fetch, list and remove what runs on GPUs", run_backends},
    {"config", "every setting, its value and where that came from", run_config},
    {"models", "list, check and add models", run_models},
    {"bench", "measure each operation, on the CPU and on the GPU", run_bench},
    {"tune", "measure, and set the switches to what is fastest here", run_tune},
    {"store", "back up, restore and check the store of 'mien index'", run_store},
    {"serve", "answer other programs: HTTP, and Immich's recogniser", run_serve, 2},
    {"keys", "the keys that programs elsewhere need for 'mien serve'", run_keys},
    {"health", "whether 'mien serve' answers", run_health},
    {"version", "version, runtime, backends and formats", run_version},
}};

const Command* find_command(std::string_view name) {
  for (const Command& command : kCommands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

std::string help(int width) {
  std::string result =
      "usage: mien COMMAND [OPTIONS]\n\n" +
      wrap("mien finds, measures and recognises faces in images. Nothing leaves this computer unless you ask for it.",
           width, 0) +
      "\n\nCommands:\n";
  for (const Command& command : kCommands) {
    const std::string start = "  " + pad(command.name, 11, Align::left);
    result += wrap(start + std::string(command.summary), width, 13) + '\n';
  }
  result +=
      "\nExamples:\n"
      "  mien scan photos --report faces.html\n"
      "  mien scan photos --like me.jpg\n"
      "  mien compare one.jpg other.jpg\n"
      "\n'mien COMMAND --help' explains a command and its options.\n";
  return result;
}

[[noreturn]] void fail_unknown(std::string_view name) {
  std::vector<std::string> names;
  for (const Command& command : kCommands) names.emplace_back(command.name);
  const std::string meant = nearest(name, names);
  const bool option = name.starts_with('-');
  std::string advice = "'mien --help' lists the commands";
  if (!meant.empty()) advice = fmt::format("did you mean 'mien {}'? ({})", meant, advice);
  if (option) advice = "name the command first, then its options ('mien --help')";
  throw Exception(ErrorCode::invalid_argument,
                  fmt::format("unknown {} '{}': {}", option ? "option" : "command", name, advice));
}

const Command& command_of(std::string_view name) {
  const Command* const command = find_command(name == "--version" ? "version" : name);
  if (command == nullptr) fail_unknown(name);
  return *command;
}

int run(Terminal& terminal, std::vector<std::string> typed, const Command*& command) {
  std::vector<std::string> arguments(typed.begin() + (typed.empty() ? 0 : 1), typed.end());
  if (arguments.empty()) {
    terminal.note(help(terminal.help_width()));
    return error_exit_code(ErrorCode::invalid_argument);
  }
  // "mien help scan" is "mien scan --help".
  if (arguments[0] == "help" && arguments.size() > 1) arguments = {arguments[1], "--help"};
  if (arguments[0] == "help" || arguments[0] == "--help" || arguments[0] == "-h") {
    terminal.print(help(terminal.help_width()));
    return 0;
  }
  command = &command_of(arguments[0]);
  arguments.erase(arguments.begin());
  return command->run({terminal, std::move(arguments), std::move(typed)});
}

void report(Terminal& terminal, std::string_view message) {
  terminal.show_progress("");
  terminal.note(fmt::format("mien: {}\n", printable(message)));
}

int guarded_run(Terminal& terminal, std::vector<std::string> typed) {
  const Command* command = nullptr;
  const auto exit_code_of = [&](ErrorCode code) {
    const int exit_code = error_exit_code(code);
    return exit_code == 1 && command != nullptr ? command->exit_code_failure : exit_code;
  };
  try {
    return run(terminal, std::move(typed), command);
  } catch (const Exception& exception) {
    report(terminal, exception.error().message);
    return exit_code_of(exception.error().code);
  } catch (const std::bad_alloc&) {
    report(terminal, "out of memory: try fewer --threads");
  } catch (const std::exception& exception) {
    report(terminal, fmt::format("a defect of mien: {}: please report it with the command line", exception.what()));
  }
  return exit_code_of(ErrorCode::internal);
}

// glibc gives each thread a heap of its own, which keeps what was freed there. With a heap for two threads a scan takes
// as much time and an eighth less memory, because OpenVINO frees a lot after it has compiled. A number that
// the user has set stays.
void share_heaps() {
#ifdef __GLIBC__
  if (std::getenv("MALLOC_ARENA_MAX") != nullptr || std::getenv("GLIBC_TUNABLES") != nullptr) return;
  mallopt(M_ARENA_MAX, static_cast<int>(std::max(2U, std::thread::hardware_concurrency() / 2)));
#endif
}

}  // namespace
}  // namespace mien::cli

int main(int argc, char** argv) {
  mien::cli::share_heaps();
  mien::cli::open_missing_standard_files();
  // A reader that went away is seen as a failed write, which Terminal::finish() turns into a quiet
  // end; files that are being written are then closed properly.
  std::signal(SIGPIPE, SIG_IGN);
  // A file that may not grow any more (`ulimit -f`) is a write that fails, and not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  mien::cli::Terminal terminal;
  const int exit_code = mien::cli::guarded_run(terminal, std::vector<std::string>(argv, argv + argc));
  mien::set_log_sink(nullptr);
  return terminal.finish(exit_code);
}
