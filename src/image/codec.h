// The reader of a format: a function, and the library behind it, which may be missing from the build or the machine.
#pragma once

#include <string_view>

#include "image/decode.h"

namespace mien {

using DecodeFunction = Result<Done> (*)(Bytes, const DecodeOptions&, DecodedImage&);

struct Codec {
  std::string_view library;  // as people call it: "libwebp"
  std::string_view package;  // the Debian package that a build with it needs: "libwebp-dev"
  DecodeFunction decode;     // null: not built in
  // Opens the library, once; null where it is linked. The error is that of DynamicLibrary.
  Result<Done> (*open)();
};

// What `open` says of the library that it has tried to open.
template <typename Table>
Result<Done> open_result(const Result<Table>& library) {
  if (!library) return library.error();
  return Done{};
}

}  // namespace mien
