// `mien people`: who is on the photos of a store, and what is said of them.
#include "mien/tools/people.h"

#include <fmt/format.h>

#include <iostream>

#include "cli/actions.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/json.h"
#include "cli/people_view.h"
#include "cli/store_options.h"
#include "cli/text.h"

namespace mien::cli {
namespace {

// One action's call: its options, then the store and the people in it.
class PeopleCall {
 public:
  enum class Kind { change, look, list };  // a list needs no vectors
  PeopleCall(const Call& call, const std::string& action, const std::string& about, Kind kind = Kind::change)
      : call_(call), kind_(kind), arguments("mien people " + action, about) {
    store_options_.access = StoreOptions::Access::write;
    add_store_option(arguments, store_options_.path);
    arguments.flag({"--json", "", "print JSON"}, json);
  }
  // False when help was asked for.
  bool open() {
    if (!parse_or_help(call_, arguments)) return false;
    if (kind_ != Kind::change) store_options_.access = access_to_look(store_options_.path);
    store_.emplace(store_options_);
    people_ = std::make_unique<People>(*store_, load(call_.terminal), 0, kind_ != Kind::list);
    call_.terminal.make_out_private();
    return true;
  }
  People& people() { return *people_; }
  const Store& store() const { return *store_; }
  Terminal& terminal() const { return call_.terminal; }

 private:
  const Call& call_;
  Kind kind_;
  StoreOptions store_options_;
  std::optional<Store> store_;
  std::unique_ptr<People> people_;

 public:
  Arguments arguments;
  std::vector<std::string> words;
  bool json = false;
};

int print_change(PeopleCall& call, const PeopleChange& change, const std::string& what) {
  if (call.json) {
    call.terminal().print(json_text(
        {{"operation", change.operation == 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(change.operation)},
         {"name", text_or_null(change.name)},
         {"faces", change.faces},
         {"left_out", change.left_out}}));
    return 0;
  }
  if (change.operation == 0) {
    call.terminal().print("it was so already\n");
    return 0;
  }
  std::string line = fmt::format("{} (number {}; 'mien people undo' takes it back)", what, change.operation);
  if (change.left_out > 0) {
    line += fmt::format("; {} left out: on photos that show the person already, or said to be somebody else",
                        counted(change.left_out, "face"));
  }
  call.terminal().print(printable(line) + "\n");
  return 0;
}

int list_people(const Call& typed) {
  bool all = false;
  int faces_min = 2;
  PeopleCall call(typed, "list", "Lists the people, and groups of faces that are one person and have no name yet.",
                  PeopleCall::Kind::list);
  call.arguments.flag({"--all", "", "also hidden people, strangers, and groups of one face"}, all);
  call.arguments.integer({"--min-faces", "N", "leave out groups of fewer faces (default 2)"}, {1, 1e6}, faces_min);
  call.arguments.example("mien people list", "who is there");
  if (!call.open()) return 0;
  const std::vector<PersonEntry> entries = call.people().list(all, all ? 1 : faces_min);
  if (call.json) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const PersonEntry& entry : entries) rows.push_back(entry_json(entry));
    call.terminal().print(json_text(rows));
    return 0;
  }
  call.terminal().print(entries_table(call.terminal(), entries));
  call.terminal().note(statistics_line(call.people().statistics()));
  return 0;
}

int show(const Call& typed) {
  PeopleCall call(typed, "show", "Shows the faces of a person or a group: where they are, and how they came there.",
                  PeopleCall::Kind::look);
  call.arguments.positionals({"GROUP|NAME", 1, 1}, call.words);
  call.arguments.example("mien people show Anna", "her faces, as PHOTO#N");
  if (!call.open()) return 0;
  const PersonEntry entry = call.people().find(call.words[0]);
  const std::vector<PersonFace> faces = call.people().faces(entry);
  if (call.json) {
    call.terminal().print(json_text(export_json(call.people(), {entry})[0]));
    return 0;
  }
  call.terminal().print(printable(fmt::format("{}: {} in {}", shown_name(entry), counted(entry.faces, "face"),
                                              counted(entry.images, "photo"))) +
                        "\n" + faces_table(call.terminal(), faces));
  return 0;
}

int name(const Call& typed) {
  PeopleCall call(typed, "name", "Says who a group is, or gives a person another name.");
  call.arguments.positionals({"GROUP|NAME NAME", 2, 2}, call.words);
  call.arguments.example("mien people name 12 Anna", "group 12 is Anna");
  if (!call.open()) return 0;
  const PeopleChange change = call.people().name(call.words[0], call.words[1]);
  return print_change(call, change, fmt::format("{}: {} named", change.name, counted(change.faces, "face")));
}

int is(const Call& typed) {
  PeopleCall call(typed, "is", "Says that a face is a person. It stays so until it is said otherwise.");
  call.arguments.positionals({"PHOTO#N NAME", 2, 2}, call.words);
  call.arguments.example("mien people is photos/lake.jpg#0 Anna", "the first face in lake.jpg is Anna");
  if (!call.open()) return 0;
  const PeopleChange change = call.people().is(call.words[0], call.words[1]);
  return print_change(call, change, fmt::format("{} is {}", call.words[0], change.name));
}

int is_not(const Call& typed) {
  PeopleCall call(typed, "not", "Says that a face is not a person. It never comes back unless that is said.");
  call.arguments.positionals({"PHOTO#N NAME", 2, 2}, call.words);
  call.arguments.example("mien people not photos/lake.jpg#1 Anna", "the second face in lake.jpg is somebody else");
  if (!call.open()) return 0;
  const PeopleChange change = call.people().is_not(call.words[0], call.words[1]);
  return print_change(call, change, fmt::format("{} is not {}", call.words[0], call.words[1]));
}

int merge(const Call& typed) {
  PeopleCall call(typed, "merge", "Says that two people or groups are one. The name of the first stays.");
  call.arguments.positionals({"GROUP|NAME GROUP|NAME", 2, 2}, call.words);
  call.arguments.example("mien people merge Anna 31", "group 31 is Anna too");
  if (!call.open()) return 0;
  const PeopleChange change = call.people().merge(call.words[0], call.words[1]);
  return print_change(call, change, fmt::format("{} and {} are one person", call.words[0], call.words[1]));
}

int split(const Call& typed) {
  PeopleCall call(typed, "split", "Takes faces out of a group: they are one group of their own, without a name.");
  call.arguments.positionals({"GROUP|NAME PHOTO#N...", 2, SIZE_MAX}, call.words);
  call.arguments.example("mien people split 12 photos/lake.jpg#1", "this face is not with the others of group 12");
  if (!call.open()) return 0;
  const PeopleChange change = call.people().split(call.words[0], {call.words.begin() + 1, call.words.end()});
  return print_change(call, change, fmt::format("{} split off", counted(change.faces, "face")));
}

int hide(const Call& typed) {
  PeopleCall call(typed, "hide", "Leaves a person or a group out of the list; --all shows them.");
  call.arguments.positionals({"GROUP|NAME", 1, 1}, call.words);
  call.arguments.example("mien people hide 40", "not on the list any more");
  if (!call.open()) return 0;
  return print_change(call, call.people().hide(call.words[0]), call.words[0] + " hidden");
}

int stranger(const Call& typed) {
  PeopleCall call(typed, "stranger", "Says that a group is somebody whom nobody wants to see. Nobody asks about them.");
  call.arguments.positionals({"GROUP", 1, 1}, call.words);
  call.arguments.example("mien people stranger 40", "somebody in the background");
  if (!call.open()) return 0;
  return print_change(call, call.people().stranger(call.words[0]), call.words[0] + " is a stranger");
}

int not_a_face(const Call& typed) {
  PeopleCall call(typed, "not-a-face", "Says that faces are none, as those of statues: they are nobody's.");
  call.arguments.positionals({"PHOTO#N...", 1, SIZE_MAX}, call.words);
  call.arguments.example("mien people not-a-face photos/park.jpg#2", "a statue");
  if (!call.open()) return 0;
  const PeopleChange change = call.people().not_a_face(call.words);
  return print_change(call, change,
                      fmt::format("{} that {} none", counted(change.faces, "face"), change.faces == 1 ? "is" : "are"));
}

int page(const Call& typed) {
  PeopleCall call(typed, "page",
                  "Says that photos are album pages or contact sheets, where one person may be seen several times.");
  call.arguments.positionals({"PHOTO|FOLDER", 1, 1}, call.words);
  call.arguments.example("mien people page scans/albums", "all photos below it, as far as they are in the store");
  if (!call.open()) return 0;
  const PeopleChange change = call.people().page(call.words[0]);
  return print_change(call, change, counted(change.faces, "page"));
}

int undo(const Call& typed) {
  bool lists = false;
  PeopleCall call(typed, "undo", "Takes back what was said last, or what has this number.");
  call.arguments.flag({"--list", "", "list what was said, the newest first"}, lists);
  call.arguments.positionals({"NUMBER", 0, 1}, call.words);
  call.arguments.example("mien people undo", "the last thing that was said does not hold");
  if (!call.open()) return 0;
  if (lists) {
    const std::vector<PersonOperation> history = call.people().history();
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const PersonOperation& operation : history) rows.push_back(operation_json(operation));
    call.terminal().print(call.json ? json_text(rows) : history_table(call.terminal(), history));
    return 0;
  }
  std::optional<OperationId> number;
  if (!call.words.empty()) {
    const std::string& word = call.words[0];
    if (word.size() > 18 || word.find_first_not_of("0123456789") != std::string::npos) {
      call.arguments.fail(fmt::format("'{}' is no number", word), "'mien people undo --list' shows them");
    }
    number = std::stoll(word);
  }
  const PersonOperation undone = call.people().undo(number);
  if (call.json) {
    call.terminal().print(json_text(operation_json(undone)));
  } else {
    call.terminal().print(
        printable(fmt::format("undone: number {}, {} {}", undone.id, operation_name(undone.kind), undone.text)) + "\n");
  }
  return 0;
}

// What the user types at a question; nothing where the input ends.
std::optional<char> read_answer(Terminal& terminal) {
  for (;;) {
    terminal.print("  yes, no, later, quit [y/n/l/q]? ");
    std::string line;
    if (!std::getline(std::cin, line)) return std::nullopt;
    if (line == "y" || line == "yes") return 'y';
    if (line == "n" || line == "no") return 'n';
    if (line == "q" || line == "quit") return std::nullopt;
    if (line.empty() || line == "l" || line == "later") return 'l';
  }
}

int suggest(const Call& typed) {
  bool lists = false;
  int count = 50;
  PeopleCall call(typed, "suggest",
                  "Asks whether groups that are nearly alike are one person, and whether faces that were named with "
                  "their group are that person. No answer changes anything but what it says.");
  call.arguments.flag({"--list", "", "list the questions without asking"}, lists);
  call.arguments.integer({"--count", "N", "at most so many questions (default 50)"}, {1, 1e6}, count);
  call.arguments.example("mien people suggest", "answer y, n or l (later), q ends");
  if (!call.open()) return 0;
  const std::vector<Suggestion> questions = call.people().suggest(count);
  if (call.json) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const Suggestion& question : questions) rows.push_back(suggestion_json(question));
    call.terminal().print(json_text(rows));
    return 0;
  }
  for (const Suggestion& question : questions) {
    if (!call.people().is_open(question)) continue;  // an answer to another one was one to this
    call.terminal().print(question_text(question));
    if (lists) continue;
    const std::optional<char> answer = read_answer(call.terminal());
    if (!answer) break;
    if (*answer == 'l') continue;
    print_change(call, call.people().answer(question, *answer == 'y'), "noted");
  }
  if (questions.empty()) call.terminal().print("nothing to ask\n");
  return 0;
}

int export_people(const Call& typed) {
  std::string format = "json";
  bool all = false;
  PeopleCall call(typed, "export", "Prints people and groups with their faces, for other programs.",
                  PeopleCall::Kind::look);
  call.arguments.text({"--format", "json|csv", "default json"}, format);
  call.arguments.flag({"--all", "", "also hidden people, strangers, and groups of one face"}, all);
  call.arguments.example("mien people export > people.json", "a list of groups with id, name and faces[].source");
  if (!call.open()) return 0;
  if (format != "json" && format != "csv") call.arguments.fail("--format is json or csv", "not '" + format + "'");
  const std::vector<PersonEntry> entries = call.people().list(all, all ? 1 : 2);
  call.terminal().print(format == "csv" ? csv(call.people(), entries) : json_text(export_json(call.people(), entries)));
  return 0;
}

int forget(const Call& typed) {
  bool yes = false;
  PeopleCall call(typed, "forget",
                  "Removes a person for good: the name, what was said, and the embeddings of the faces. It cannot be "
                  "undone.");
  call.arguments.flag({"--yes", "", "do not ask"}, yes);
  call.arguments.positionals({"GROUP|NAME", 1, 1}, call.words);
  call.arguments.example("mien people forget Anna", "asks first");
  if (!call.open()) return 0;
  const PersonEntry entry = call.people().find(call.words[0]);
  if (!yes) {
    call.terminal().print(printable(fmt::format("forget {} with {} for good? It cannot be undone [y/N] ",
                                                shown_name(entry), counted(entry.faces, "face"))));
    std::string line;
    if (!std::getline(std::cin, line) || (line != "y" && line != "yes")) {
      call.terminal().print("\nnothing was changed\n");
      return 0;
    }
  }
  const ForgottenPerson forgotten = call.people().forget(call.words[0]);
  if (call.json) {
    call.terminal().print(json_text({{"statements", forgotten.verdicts},
                                     {"faces", forgotten.faces},
                                     {"embeddings", forgotten.vectors},
                                     {"places", forgotten.places.size()}}));
    return 0;
  }
  call.terminal().print(printable(fmt::format("forgotten: {}, {}, {}. {} will not be embedded again",
                                              counted(forgotten.verdicts, "statement"),
                                              counted(forgotten.faces, "face"), counted(forgotten.vectors, "embedding"),
                                              counted(static_cast<long long>(forgotten.places.size()), "place"))) +
                        "\n");
  call.terminal().note(
      "backups, exports, records of scans and folders of links lie outside the store: remove them "
      "yourself; 'mien people write-xmp' takes out what it wrote into sidecars\n");
  return 0;
}

}  // namespace

int run_people(const Call& call) {
  return run_action(call, "mien people", "Who is on the photos that 'mien index' has read.",
                    {{"list", list_people, "who is there"},
                     {"show", show, "the faces of somebody"},
                     {"name", name, "who a group is"},
                     {"is", is, "who a face is"},
                     {"not", is_not, "who a face is not"},
                     {"merge", merge, "two are one"},
                     {"split", split, "faces are not with their group"},
                     {"hide", hide, "not on the list"},
                     {"not-a-face", not_a_face, "it is none"},
                     {"stranger", stranger, "nobody wants to see them"},
                     {"page", page, "one person may be on it twice"},
                     {"undo", undo, "take back what was said"},
                     {"suggest", suggest, "questions worth asking"},
                     {"import", run_people_import, "names that other programs wrote beside photos"},
                     {"write-xmp", run_people_write_xmp, "names into sidecars, for other programs"},
                     {"forget", forget, "remove somebody for good"},
                     {"export", export_people, "people and faces as JSON or CSV"}},
                    {{"mien people list", "who is there"}, {"mien people name 12 Anna", "group 12 is Anna"}});
}

}  // namespace mien::cli
