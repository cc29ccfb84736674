#include "device/openvino_api.h"

#include <dlfcn.h>

#include <cstring>

namespace mien::openvino {

std::string load_api(void* library, Api& api) {
  std::string missing;
  const auto find = [&](const char* name, auto& function) {
    void* const address = dlsym(library, name);
    if (address == nullptr && missing.empty()) missing = name;
    static_assert(sizeof function == sizeof address);
    std::memcpy(&function, &address, sizeof address);
  };
  find("ov_get_openvino_version", api.get_openvino_version);
  find("ov_version_free", api.version_free);
  find("ov_get_last_err_msg", api.get_last_err_msg);
  find("ov_free", api.free);
  find("ov_core_create", api.core_create);
  find("ov_core_get_property", api.core_get_property);
  find("ov_core_read_model_from_memory_buffer", api.core_read_model_from_memory_buffer);
  find("ov_core_compile_model", api.core_compile_model);
  find("ov_model_free", api.model_free);
  find("ov_model_inputs_size", api.model_inputs_size);
  find("ov_model_outputs_size", api.model_outputs_size);
  find("ov_model_const_input_by_index", api.model_const_input_by_index);
  find("ov_model_const_output_by_index", api.model_const_output_by_index);
  find("ov_model_reshape_by_port_indexes", api.model_reshape_by_port_indexes);
  find("ov_output_const_port_free", api.output_const_port_free);
  find("ov_port_get_any_name", api.port_get_any_name);
  find("ov_port_get_partial_shape", api.port_get_partial_shape);
  find("ov_partial_shape_free", api.partial_shape_free);
  find("ov_shape_free", api.shape_free);
  find("ov_compiled_model_free", api.compiled_model_free);
  find("ov_compiled_model_create_infer_request", api.compiled_model_create_infer_request);
  find("ov_infer_request_free", api.infer_request_free);
  find("ov_infer_request_set_input_tensor_by_index", api.infer_request_set_input_tensor_by_index);
  find("ov_infer_request_get_output_tensor_by_index", api.infer_request_get_output_tensor_by_index);
  find("ov_infer_request_infer", api.infer_request_infer);
  find("ov_tensor_create_from_host_ptr", api.tensor_create_from_host_ptr);
  find("ov_tensor_get_shape", api.tensor_get_shape);
  find("ov_tensor_get_element_type", api.tensor_get_element_type);
  find("ov_tensor_data", api.tensor_data);
  find("ov_tensor_free", api.tensor_free);
  return missing;
}

}  // namespace mien::openvino
