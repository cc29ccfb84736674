// A shared library that is opened on first use and stays open: codecs, the downloader and the like cost a start that
// needs none of them nothing, and a machine without one of them still runs everything else.
//
// How to use one: a struct of function pointers (`decltype(&WebPDecode) decode = nullptr;`), a function that opens the
// library and binds them, and a `static const Result<TheStruct>` inside a function, so that it happens once.
#pragma once

#include <string>

#include "mien/result.h"

namespace mien {

class DynamicLibrary {
 public:
  // `soname` as CMake read it off the library that the headers belong to ("libwebp.so.7"); `package` names what to
  // install, for messages ("libwebp7"). Keeps the reason when it cannot be opened.
  DynamicLibrary(const char* soname, const char* package);

  // Sets `function` to the library's function of this name. Does nothing after the first failure.
  template <typename Function>
  void bind(Function*& function, const char* name) {
    function = reinterpret_cast<Function*>(find(name));
  }

  bool ok() const { return error_.empty(); }
  // Unsupported: "libwebp.so.7 cannot be opened: install libwebp7 (...)". Only after a failure.
  Error error() const { return {ErrorCode::unsupported, error_}; }

 private:
  void* find(const char* name);

  void* handle_ = nullptr;
  std::string soname_;
  std::string package_;
  std::string error_;
};

}  // namespace mien
