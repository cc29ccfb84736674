// The options of one command: declared once; parsing, checks and help follow from the declaration.
//   --name VALUE and --name=VALUE; -n VALUE; "--" ends the options; "-" is a positional argument;
//   an option with a value that is given twice is an error, unless it makes a list.
// Written here because it is short and because a value is always taken literally: a folder may be
// called "[2019]", and "--out --force" is a mistake, not a file.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mien/result.h"

namespace mien::cli {

struct Option {
  std::string name;         // "--out"
  std::string placeholder;  // "FILE"; empty: it takes no value
  std::string help;
  std::string short_name = {};  // "-o"
  bool value_may_miss = false;  // --gpu or --gpu=require; "--gpu require" is an error that says so
  bool may_repeat = false;      // each value counts
};

struct Positionals {
  std::string placeholder;  // "IMAGE..."
  std::size_t count_min = 0;
  std::size_t count_max = 0;
};

struct NumberRange {
  double low;
  double high;
};

// A choice's names with what they mean.
template <typename T>
using Choices = std::vector<std::pair<std::string, T>>;

class Arguments {
 public:
  // "mien scan"; what it does in a sentence or a few.
  Arguments(std::string command, std::string description);

  void flag(Option option, bool& target);
  void text(Option option, std::string& target);
  void list(Option option, std::vector<std::string>& target);
  void integer(const Option& option, NumberRange range, int& target);
  void number(const Option& option, NumberRange range, std::function<void(double)> set);
  // Gets the value as it is; may throw through fail().
  void custom(Option option, std::function<void(const std::string&)> set);
  template <typename T>
  void choice(const Option& option, const Choices<T>& choices, T& target) {
    const std::string name = option.name;
    custom(option, [this, name, choices, &target](const std::string& value) {
      for (const auto& [text, meaning] : choices) {
        if (text == value) {
          target = meaning;
          return;
        }
      }
      std::vector<std::string> names;
      for (const auto& row : choices) names.push_back(row.first);
      fail_choice(name, value, names);
    });
  }
  void positionals(Positionals description, std::vector<std::string>& target);
  void example(std::string command, std::string meaning);

  // False when help was asked for: then print help() and be done. Throws Exception(
  // invalid_argument) for a wrong call.
  [[nodiscard]] bool parse(const std::vector<std::string>& arguments);
  std::string help(int width) const;

  // "problem: mien scan: what to do", as every wrong call is reported.
  [[noreturn]] void fail(const std::string& problem, const std::string& advice = "") const;

 private:
  struct Row {
    Option option;
    std::function<void(const std::string&)> set;
    bool is_given = false;  // in the call that is parsed
  };
  template <typename Number>
  void parsed(const Option& option, NumberRange range, std::string_view kind, std::function<void(Number)> set);
  Row& find(const std::string& name);  // fails when there is none
  std::size_t take_option(const std::vector<std::string>& arguments, std::size_t index);
  void check_given_once(Row& row) const;
  void check_no_value_behind(const Option& option, const std::vector<std::string>& arguments, std::size_t index) const;
  [[noreturn]] void fail_choice(const std::string& name, const std::string& value,
                                const std::vector<std::string>& names) const;
  std::string usage() const;

  std::string command_;
  std::string description_;
  std::vector<Row> rows_;
  Positionals positionals_;
  std::vector<std::string>* positionals_target_ = nullptr;
  std::vector<std::pair<std::string, std::string>> examples_;
};

}  // namespace mien::cli
