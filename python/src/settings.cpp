// Settings, devices and what this build is.
#include "mien/settings.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "mien/catalog.h"
#include "mien/device.h"

namespace mien::python {
namespace {

Settings load_with(const std::vector<std::tuple<std::string, std::string, std::string>>& overrides) {
  SettingsSources sources;
  for (const auto& [name, value, flag] : overrides) sources.overrides.push_back({name, value, flag});
  return load_settings(sources);
}

// By the name of an operation; ValueError for another.
bool is_enabled(const Settings& settings, const std::string& name) {
  if (find_operation(name)) return settings.is_gpu_enabled_for_operation(name);
  std::string known;
  for (const OperationRow& row : kOperations) known += (known.empty() ? "" : ", ") + std::string(row.name);
  throw Exception(ErrorCode::invalid_argument, "there is no operation '" + name + "': use one of " + known);
}

nb::list operation_names() {
  nb::list names;
  for (const OperationRow& row : kOperations) names.append(row.name);
  return names;
}

void bind_setting(nb::module_& module) {
  nb::enum_<SettingKind>(module, "SettingKind", "How a setting's value is to be read.")
      .value("flag", SettingKind::flag)
      .value("gpu_mode", SettingKind::gpu_mode)
      .value("number", SettingKind::number)
      .value("choice", SettingKind::choice)
      .value("path", SettingKind::path)
      .value("text", SettingKind::text);
  nb::class_<SettingValue>(module, "SettingValue", "A setting as it stands, and where its value comes from.")
      .def_ro("name", &SettingValue::name)
      .def_ro("value", &SettingValue::value)
      .def_ro("source", &SettingValue::source)
      .def_ro("help", &SettingValue::help)
      .def_ro("allowed", &SettingValue::allowed)
      .def_ro("kind", &SettingValue::kind)
      .def("__repr__", [](const SettingValue& self) {
        return "SettingValue(" + self.name + "='" + self.value + "', source='" + self.source + "')";
      });
  nb::class_<Settings>(module, "NativeSettings", "What the library was told; mien.Settings shows it.")
      .def_ro("all_gpu", &Settings::all_gpu)
      .def_ro("gpu_backend", &Settings::gpu_backend)
      .def_ro("gpu_device_id", &Settings::gpu_device_id)
      .def_ro("gpu_memory_limit_gb", &Settings::gpu_memory_limit_gb)
      .def_ro("gpu_batch_size", &Settings::gpu_batch_size)
      .def_ro("threads", &Settings::threads)
      .def_ro("log_level", &Settings::log_level)
      .def_ro("model_dir", &Settings::model_dir)
      .def_ro("allow_software_gpu", &Settings::allow_software_gpu)
      .def_ro("values", &Settings::values)
      .def_ro("warnings", &Settings::warnings)
      .def("is_gpu_enabled_for_operation", is_enabled, nb::arg("name"));
  module.def("load_settings", load_with, nb::arg("overrides"),
             "Reads the settings; overrides are (name, value, who asked) and win over everything.");
  module.def("operation_names", operation_names, nb::sig("def operation_names() -> list[str]"));
}

void bind_devices(nb::module_& module) {
  nb::class_<Device>(module, "GPUDevice", "A processor or GPU as its driver describes it.")
      .def_ro("id", &Device::id)
      .def_ro("name", &Device::name)
      .def_ro("backend", &Device::backend)
      .def_ro("memory_total", &Device::memory_total_mb, "MB of 2^20 bytes.")
      .def_ro("memory_free", &Device::memory_free_mb)
      .def_ro("memory_used", &Device::memory_used_mb)
      .def_ro("is_software", &Device::is_software)
      .def_ro("driver", &Device::driver)
      .def("__repr__", [](const Device& self) { return to_string(self); });
  nb::class_<BackendInfo>(module, "BackendInfo", "A backend, whether it can be used, and its devices.")
      .def_ro("name", &BackendInfo::name)
      .def_ro("status", &BackendInfo::status)
      .def_ro("usable", &BackendInfo::usable, "Its library is here, and a device that it may use.")
      .def_ro("devices", &BackendInfo::devices)
      .def_ro("chosen", &BackendInfo::chosen, "The GPU that the settings mean, where it is this backend's.")
      .def("__repr__", [](const BackendInfo& self) { return self.name + ": " + self.status; });
  module.def(
      "list_backends", [](const Settings& settings) { return without_lock([&] { return list_backends(settings); }); },
      nb::arg("settings"));
  module.def("backend_names", backend_names, "The CPU is the last.");
  module.def("backend_providers", backend_providers, nb::arg("backend"),
             "ONNX Runtime's providers by which programs ask for it, in that runtime's order.");
}

void bind_models(nb::module_& module) {
  nb::class_<ModelInfo>(module, "ModelInfo", "A model: which one, from where, under which licence.")
      .def_prop_ro(
          "name", [](const ModelInfo& self) { return to_path(self.name); }, nb::sig("def name(self) -> str"))
      .def_prop_ro(
          "path", [](const ModelInfo& self) { return to_path(self.path); }, nb::sig("def path(self) -> str"))
      .def_ro("sha256", &ModelInfo::sha256)
      .def_ro("licence", &ModelInfo::licence)
      .def_ro("role", &ModelInfo::role)
      .def_ro("id", &ModelInfo::id)
      .def_ro("dimension", &ModelInfo::dimension)
      .def_ro("threshold_verify", &ModelInfo::threshold_verify)
      .def_ro("threshold_search", &ModelInfo::threshold_search)
      .def("__repr__",
           [](const ModelInfo& self) { return nb::str("ModelInfo({} {!r})").format(self.role, to_path(self.name)); });
  nb::class_<ProbedModel>(module, "ProbedModel", "What an ONNX file is.")
      .def_ro("role", &ProbedModel::role)
      .def_ro("decoder", &ProbedModel::decoder)
      .def_ro("dimension", &ProbedModel::dimension);
  module.def(
      "probe_model",
      [](const Settings& settings, const nb::str& path) {
        return without_lock([&, file = from_path(path)] { return probe_model(settings, file); });
      },
      nb::arg("settings"), nb::arg("path"), "Opens an ONNX file and says what it is.");
}

}  // namespace

void bind_settings(nb::module_& module) {
  bind_setting(module);
  bind_devices(module);
  bind_models(module);
}

}  // namespace mien::python
