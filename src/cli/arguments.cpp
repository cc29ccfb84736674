#include "cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <charconv>

#include "cli/text.h"

namespace mien::cli {
namespace {

constexpr int kNamesWidthMax = 26;  // of the left column of the help

// Whether an argument can be the value of the option before it. "-" is standard input or output,
// "-0.2" is a number; anything else with a dash is an option whose predecessor lost its value.
bool is_value(std::string_view argument) {
  if (!argument.starts_with('-') || argument.size() == 1) return true;
  const char next = argument[1];
  return (next >= '0' && next <= '9') || next == '.';
}

}  // namespace

Arguments::Arguments(std::string command, std::string description)
    : command_(std::move(command)), description_(std::move(description)) {}

void Arguments::flag(Option option, bool& target) {
  assert(option.placeholder.empty());
  custom(std::move(option), [&target](const std::string&) { target = true; });
}

void Arguments::text(Option option, std::string& target) {
  custom(std::move(option), [&target](const std::string& value) { target = value; });
}

void Arguments::list(Option option, std::vector<std::string>& target) {
  option.may_repeat = true;
  custom(std::move(option), [&target](const std::string& value) { target.push_back(value); });
}

template <typename Number>
void Arguments::parsed(const Option& option, NumberRange range, std::string_view kind,
                       std::function<void(Number)> set) {
  const std::string name = option.name;
  custom(option, [this, name, range, kind, set = std::move(set)](const std::string& value) {
    Number number = 0;
    const char* const end = value.data() + value.size();
    const std::from_chars_result result = std::from_chars(value.data(), end, number);
    const bool is_number = result.ec == std::errc() && result.ptr == end;
    // A value that is not a number lies in no range.
    if (!is_number || !(number >= range.low && number <= range.high)) {
      fail(fmt::format("{}={} is not valid", name, value),
           fmt::format("use a {} from {} to {}", kind, range.low, range.high));
    }
    set(number);
  });
}

void Arguments::integer(const Option& option, NumberRange range, int& target) {
  parsed<int>(option, range, "whole number", [&target](int value) { target = value; });
}

void Arguments::number(const Option& option, NumberRange range, std::function<void(double)> set) {
  parsed<double>(option, range, "number", std::move(set));
}

void Arguments::custom(Option option, std::function<void(const std::string&)> set) {
  rows_.push_back({.option = std::move(option), .set = std::move(set)});
}

void Arguments::positionals(Positionals description, std::vector<std::string>& target) {
  positionals_ = std::move(description);
  positionals_target_ = &target;
}

void Arguments::example(std::string command, std::string meaning) {
  examples_.emplace_back(std::move(command), std::move(meaning));
}

bool Arguments::parse(const std::vector<std::string>& arguments) {
  // Help wins over everything else on the line, mistakes included.
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument == "--help" || argument == "-h") return false;
  }
  std::vector<std::string> found;
  bool options_ended = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (!options_ended && argument == "--") {
      options_ended = true;
    } else if (!options_ended && argument.starts_with('-') && argument.size() > 1) {
      i += take_option(arguments, i);
    } else {
      found.push_back(argument);
    }
  }
  if (found.size() > positionals_.count_max) {
    fail(fmt::format("there is no place for '{}'", found[positionals_.count_max]), usage());
  }
  if (found.size() < positionals_.count_min) {
    fail(fmt::format("{} is missing", positionals_.placeholder), usage());
  }
  if (positionals_target_ != nullptr) *positionals_target_ = std::move(found);
  return true;
}

Arguments::Row& Arguments::find(const std::string& name) {
  for (Row& row : rows_) {
    if (name == row.option.name || name == row.option.short_name) return row;
  }
  std::vector<std::string> names = {"--help"};
  for (const Row& row : rows_) names.push_back(row.option.name);
  const std::string meant = nearest(name, names);
  fail(fmt::format("unknown option {}", name), meant.empty() ? "" : fmt::format("did you mean {}?", meant));
}

// Returns how many arguments behind the option belong to it.
std::size_t Arguments::take_option(const std::vector<std::string>& arguments, std::size_t index) {
  const std::string& argument = arguments[index];
  const std::size_t equals = argument.starts_with("--") ? argument.find('=') : std::string::npos;
  const bool joined = equals != std::string::npos;
  Row& row = find(argument.substr(0, equals));
  const Option& option = row.option;
  if (option.placeholder.empty()) {
    if (joined) fail(fmt::format("{} takes no value", option.name), "leave out '=...'");
    row.set("");
    return 0;
  }
  check_given_once(row);
  if (joined) {
    if (equals + 1 == argument.size()) {
      fail(fmt::format("{} has no value", option.name), fmt::format("use {}={}", option.name, option.placeholder));
    }
    row.set(argument.substr(equals + 1));
    return 0;
  }
  if (option.value_may_miss) {
    check_no_value_behind(option, arguments, index);
    row.set("");
    return 0;
  }
  if (index + 1 >= arguments.size() || !is_value(arguments[index + 1])) {
    fail(fmt::format("{} has no value", option.name), fmt::format("use {} {}", option.name, option.placeholder));
  }
  row.set(arguments[index + 1]);
  return 1;
}

// The one of two values that would win in silence is not the one that was meant, as often as not.
void Arguments::check_given_once(Row& row) const {
  if (row.is_given && !row.option.may_repeat) {
    fail(fmt::format("{} is given twice", row.option.name), "it takes one value: leave out the other");
  }
  row.is_given = true;
}

// A word that is one of the option's values was meant as its value and would be taken for a file.
void Arguments::check_no_value_behind(const Option& option, const std::vector<std::string>& arguments,
                                      std::size_t index) const {
  if (index + 1 >= arguments.size()) return;
  std::string next = arguments[index + 1];
  std::transform(next.begin(), next.end(), next.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const auto is_among = [&](const std::string& words) {
    return !next.empty() && next.find('|') == std::string::npos &&
           ("|" + words + "|").find("|" + next + "|") != std::string::npos;
  };
  const std::string problem = fmt::format("'{} {}' is not valid", option.name, arguments[index + 1]);
  const std::string otherwise = fmt::format("or ./{} for a file of that name", arguments[index + 1]);
  if (is_among(option.placeholder)) fail(problem, fmt::format("use {}={}, {}", option.name, next, otherwise));
  if (is_among("true|false|on|off|yes|no|auto|none")) {
    fail(problem, fmt::format("use {} alone or with one of ={}, {}", option.name, option.placeholder, otherwise));
  }
}

void Arguments::fail(const std::string& problem, const std::string& advice) const {
  const std::string hint = fmt::format("see '{} --help'", command_);
  throw Exception(
      ErrorCode::invalid_argument,
      fmt::format("{}: {}: {}", problem, command_, advice.empty() ? hint : fmt::format("{} ({})", advice, hint)));
}

void Arguments::fail_choice(const std::string& name, const std::string& value,
                            const std::vector<std::string>& names) const {
  fail(fmt::format("{}={} is not valid", name, value), fmt::format("use {}", fmt::join(names, ", ")));
}

std::string Arguments::usage() const {
  const bool places = positionals_.count_max > 0;
  return fmt::format("usage: {}{}{} [OPTIONS]", command_, places ? " " : "", positionals_.placeholder);
}

std::string Arguments::help(int width) const {
  std::string result = fmt::format("{}\n\n{}\n", wrap(usage(), width, 4), wrap(description_, width, 0));
  const auto add_row = [&](const Option& option) {
    std::string names = option.short_name.empty() ? "" : option.short_name + ", ";
    names += option.name;
    if (option.value_may_miss) {
      names += "[=" + option.placeholder + "]";
    } else if (!option.placeholder.empty()) {
      names += " " + option.placeholder;
    }
    const int left = std::min(kNamesWidthMax, width / 2);
    const std::string start = "  " + names;
    const std::string gap(static_cast<std::size_t>(left + 2), ' ');
    if (display_width(start) > left) {
      result += start + '\n' + gap;
    } else {
      result += pad(start, left + 2, Align::left);
    }
    // Wrapped as if the left column were a word, so that the first line has its room too.
    const std::string text = wrap(option.help, width - left - 2, 0);
    for (const char c : text) result += c == '\n' ? '\n' + gap : std::string(1, c);
    result += '\n';
  };
  result += "\nOptions:\n";
  for (const Row& row : rows_) add_row(row.option);
  add_row({.name = "--help", .placeholder = "", .help = "print this", .short_name = "-h"});
  if (!examples_.empty()) result += "\nExamples:\n";
  for (const auto& [command, meaning] : examples_) {
    result += fmt::format("  {}\n", command);
    result += "      " + wrap(meaning, width - 6, 6) + '\n';
  }
  return result;
}

}  // namespace mien::cli
