// A shared library that is opened on first use and stays open: codecs, the downloader and the like cost a start that
// needs none of them nothing, and a machine without one of them still runs everything else.
//
// How to use one: a struct with the library as its first member and function pointers behind it
// (`decltype(&WebPDecode) decode = library["WebPDecode"];`), and opened_once<TheStruct>() wherever it is called.
#pragma once

#include <string>

#include "mien/result.h"

namespace mien {

class DynamicLibrary {
 public:
  // `soname` as CMake read it off the library that the headers belong to ("libwebp.so.7"); `package` names what to
  // install, for messages ("libwebp7"). Keeps the reason when it cannot be opened.
  DynamicLibrary(const char* soname, const char* package);

  // A function, which takes the type of the pointer that it is assigned to.
  struct Symbol {
    void* address;
    template <typename Function>
    operator Function*() const {  // NOLINT(google-explicit-constructor): a table assigns it
      return reinterpret_cast<Function*>(address);
    }
  };

  // The library's function of this name, null after the first failure.
  Symbol operator[](const char* name);
  // The same, and no failure where the library has none.
  Symbol find_optional(const char* name) const;

  bool ok() const { return reason_.empty() && missing_.empty(); }
  // Unsupported: "libwebp.so.7 cannot be opened: install libwebp7 (...)". Only after a failure.
  Error error() const;
  // For another sentence: why it could not be opened, and the first function that it lacks.
  const std::string& reason() const { return reason_; }
  const std::string& missing() const { return missing_; }

 private:
  void* handle_ = nullptr;
  std::string soname_;
  std::string package_;
  std::string reason_;
  std::string missing_;
};

// The table when its library was opened and has every function, else what is missing.
template <typename Table>
Result<Table> opened(Table table) {
  if (!table.library.ok()) return table.library.error();
  return table;
}

// The same, for tables that need nothing but that; the first call opens the library.
template <typename Table>
const Result<Table>& opened_once() {
  static const Result<Table> table = opened(Table());
  return table;
}

}  // namespace mien
