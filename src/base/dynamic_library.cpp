#include "base/dynamic_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

namespace mien {

DynamicLibrary::DynamicLibrary(const char* soname, const char* package) : soname_(soname), package_(package) {
  handle_ = ::dlopen(soname, RTLD_NOW | RTLD_LOCAL);
  if (handle_ == nullptr) error_ = fmt::format("{} cannot be opened: install {} ({})", soname, package, ::dlerror());
}

void* DynamicLibrary::find(const char* name) {
  if (!ok()) return nullptr;
  void* const address = ::dlsym(handle_, name);
  if (address == nullptr) {
    error_ = fmt::format("{} has no function {}: install a newer {}", soname_, name, package_);
  }
  return address;
}

}  // namespace mien
