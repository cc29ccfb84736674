// mien's errors as Python's exceptions: which class, says the table of mien/errors.py.
#include <nanobind/stl/string.h>

#include "bindings.h"

namespace mien::python {
namespace {

void translate(const std::exception_ptr& thrown, void* /*payload*/) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Exception& error) {
    const nb::object exception = make_exception(error.error());
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
  }
}

}  // namespace

nb::object make_exception(const Error& error) {
  const std::string name(error_code_name(error.code));
  return nb::module_::import_("mien.errors").attr("make_exception")(name, to_text(error.message));
}

void bind_errors(nb::module_& /*module*/) { nb::register_exception_translator(translate); }

}  // namespace mien::python
