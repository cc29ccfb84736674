#include <fmt/format.h>

#include "cli/actions.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/text.h"
#include "service/keys.h"

namespace mien::cli {
namespace {

// The file that --key-file, MIEN_KEY_FILE or the user's folder names.
service::KeyFile open_keys(const Call& call, const SettingsSources& sources) {
  const Settings settings = load(call.terminal, sources);
  const std::string path = settings.key_file.empty() ? service::default_key_file() : settings.key_file;
  if (path.empty()) {
    throw Exception(ErrorCode::invalid_argument, "there is no home folder for the keys: name a file with --key-file");
  }
  return service::KeyFile(path);
}

void add_key_file_option(Arguments& arguments, SettingsSources& sources) {
  add_override(arguments, sources, {"--key-file", "FILE", "the file of the keys (~/.config/mien/keys)"},
               "MIEN_KEY_FILE");
}

void note_reload(const Call& call, const service::KeyFile& keys) {
  call.terminal.note(printable(fmt::format("{}: a service that runs reads it again on SIGHUP", keys.path())) + "\n");
}

int add_key(const Call& call) {
  SettingsSources sources;
  std::vector<std::string> names;
  bool opens_people = false;
  Arguments arguments("mien keys add",
                      "Makes a key for 'mien serve' and prints it, once: what is stored is its SHA-256, from which "
                      "nobody can make it again.");
  arguments.positionals({"NAME", 1, 1}, names);
  arguments.flag({"--people", "", "it opens the people of 'mien serve --store' too, beside all that others open"},
                 opens_people);
  add_key_file_option(arguments, sources);
  arguments.example("mien keys add crawler", "then send 'Authorization: Bearer KEY'");
  arguments.example("mien keys add me --people", "to see and name people from another computer");
  if (!parse_or_help(call, arguments)) return 0;
  service::KeyFile keys = open_keys(call, sources);
  call.terminal.make_out_private();
  call.terminal.print(keys.add(names[0], opens_people) + "\n");
  note_reload(call, keys);
  return 0;
}

int list_keys(const Call& call) {
  SettingsSources sources;
  Arguments arguments(
      "mien keys list",
      "Prints the names of the keys, a line each, with 'people' behind those that open people. The keys "
      "themselves are nowhere.");
  add_key_file_option(arguments, sources);
  arguments.example("mien keys list --key-file /etc/mien/keys", "those of another file");
  if (!parse_or_help(call, arguments)) return 0;
  const service::KeyFile keys = open_keys(call, sources);
  for (const service::Key& key : keys.keys()) {
    call.terminal.print(key.name + (key.opens_people ? " people" : "") + "\n");
  }
  return 0;
}

int remove_key(const Call& call) {
  SettingsSources sources;
  std::vector<std::string> names;
  Arguments arguments("mien keys remove", "Takes a key out of the file: who has it is no longer answered.");
  arguments.positionals({"NAME", 1, 1}, names);
  add_key_file_option(arguments, sources);
  arguments.example("mien keys remove crawler", "then SIGHUP to a service that runs");
  if (!parse_or_help(call, arguments)) return 0;
  service::KeyFile keys = open_keys(call, sources);
  keys.remove(names[0]);
  note_reload(call, keys);
  return 0;
}

}  // namespace

int run_keys(const Call& call) {
  return run_action(
      call, "mien keys", "",
      {{"add", add_key, "make one"}, {"list", list_keys, "their names"}, {"remove", remove_key, "take one away"}},
      {{"mien keys add crawler", "prints the key, once"}, {"mien keys remove crawler", "and no more"}});
}

}  // namespace mien::cli
