// The library's bytes as Python's text, and back.
#include "bindings.h"

namespace mien::python {

nb::object to_path(const std::string& path) {
  return nb::steal(PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size())));
}

std::string from_path(const nb::str& path) {
  const nb::bytes bytes = nb::steal<nb::bytes>(PyUnicode_EncodeFSDefault(path.ptr()));
  if (!bytes.is_valid()) throw nb::python_error();
  return {bytes.c_str(), bytes.size()};
}

nb::object to_text(const std::string& text) {
  return nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
}

nb::list to_texts(const std::vector<std::string>& texts) {
  nb::list all;
  for (const std::string& text : texts) all.append(to_text(text));
  return all;
}

}  // namespace mien::python
