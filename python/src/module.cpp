// The module mien._mien: a thin layer over include/mien. What users see is made of it by the Python files beside it.
#include "bindings.h"
#include "mien/mien.h"

NB_MODULE(_mien, module) {
  module.def("library_version", mien_version);
  module.doc() = "The library behind the package mien.";
  mien::python::bind_errors(module);
  mien::python::bind_log(module);
  mien::python::bind_settings(module);
  mien::python::bind_results(module);
  mien::python::bind_engine(module);
  mien::python::bind_pool(module);
  mien::python::bind_operations(module);
  mien::python::bind_scan(module);
  mien::python::bind_store(module);
  mien::python::bind_pickling();
  mien::python::watch_for_the_end();
  // Threads may outlive the interpreter's last look at its objects; what is left then is no leak.
  mien::python::nb::set_leak_warnings(false);
}
