// The functions that the files of the module _mien share. Like src/cli it uses include/mien and nothing else.
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <vector>

#include "mien/result.h"

namespace mien::python {

namespace nb = nanobind;

// One file each; module.cpp calls them in order.
void bind_errors(nb::module_& module);
void bind_log(nb::module_& module);
void bind_settings(nb::module_& module);
void bind_results(nb::module_& module);
void bind_engine(nb::module_& module);
void bind_pool(nb::module_& module);
void bind_operations(nb::module_& module);
void bind_scan(nb::module_& module);
void bind_store(nb::module_& module);
void bind_pickling();

// The Python exception of an error, by the table of mien/errors.py. Holds the interpreter lock.
nb::object make_exception(const Error& error);

// Paths are bytes, and Python's text holds those that are no UTF-8 as surrogates. Throws what Python throws.
nb::object to_path(const std::string& path);
std::string from_path(const nb::str& path);
// Text of the library becomes Python's text in the same way: it may name such a path.
nb::object to_text(const std::string& text);
nb::list to_texts(const std::vector<std::string>& texts);

// The value, or the error as a C++ exception, which the module's translator turns into Python's.
template <typename T>
T take(Result<T> result) {
  return std::move(result).take();
}

// Hands the lines that the library has logged since to Python's logging. Holds the interpreter lock.
void drain_log();

// The interpreter lock let go while it lives; in the end what was logged meanwhile is handed on. Python ends a thread
// that asks for the lock after the interpreter has ended by unwinding its stack, which C++ does not survive: such a
// thread is stopped here instead, for ever.
class Unlocked {
 public:
  Unlocked();
  ~Unlocked();
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  PyThreadState* state_;
};
void watch_for_the_end();
// Whether the interpreter waits for those that hold a NotTheEnd, and ends then.
bool is_the_end();

// The interpreter does not end while one lives.
class NotTheEnd {
 public:
  NotTheEnd();
  ~NotTheEnd();
  NotTheEnd(const NotTheEnd&) = delete;
  NotTheEnd& operator=(const NotTheEnd&) = delete;
};

// Runs `work` without the interpreter lock.
template <typename Work>
auto without_lock(Work work) {
  const Unlocked unlocked;
  return work();
}

}  // namespace mien::python
