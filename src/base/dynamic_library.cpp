#include "base/dynamic_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

namespace mien {

DynamicLibrary::DynamicLibrary(const char* soname, const char* package) : soname_(soname), package_(package) {
  handle_ = ::dlopen(soname, RTLD_NOW | RTLD_LOCAL);
  if (handle_ == nullptr) reason_ = ::dlerror();
}

DynamicLibrary::Symbol DynamicLibrary::operator[](const char* name) {
  const Symbol symbol = find_optional(name);
  if (ok() && symbol.address == nullptr) missing_ = name;
  return symbol;
}

DynamicLibrary::Symbol DynamicLibrary::find_optional(const char* name) const {
  return {ok() ? ::dlsym(handle_, name) : nullptr};
}

Error DynamicLibrary::error() const {
  if (!missing_.empty()) {
    return {ErrorCode::unsupported,
            fmt::format("{} has no function {}: install a newer {}", soname_, missing_, package_)};
  }
  return {ErrorCode::unsupported, fmt::format("{} cannot be opened: install {} ({})", soname_, package_, reason_)};
}

}  // namespace mien
