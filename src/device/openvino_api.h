// The functions of OpenVINO's C interface (libopenvino_c.so) that mien calls, declared after the documentation of
// 2023.2: they have not changed since. They are declared here, so that mien is built without OpenVINO and opens it
// where it is installed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dynamic_library.h"

namespace mien::openvino {

struct Core;
struct Model;
struct ApiCompiledModel;
struct Request;
struct Tensor;
struct Port;

using Status = int;
inline constexpr Status kOk = 0;
using ValueType = int;
inline constexpr ValueType kFloat32 = 4;

// max is -1 where there is no limit.
struct Dimension {
  std::int64_t min;
  std::int64_t max;
};

struct TensorShape {
  std::int64_t rank;
  std::int64_t* sides;
};

struct PartialShape {
  Dimension rank;
  Dimension* sides;
};

struct Version {
  const char* build;  // "2026.4.1-22982-..."
  const char* description;
};

struct Api {
  DynamicLibrary library;

  Status (*get_openvino_version)(Version*) = library["ov_get_openvino_version"];
  void (*version_free)(Version*) = library["ov_version_free"];
  const char* (*get_last_err_msg)() = library["ov_get_last_err_msg"];
  void (*free)(const char*) = library["ov_free"];

  Status (*core_create)(Core**) = library["ov_core_create"];
  Status (*core_get_property)(const Core*, const char* device, const char* key,
                              char** value) = library["ov_core_get_property"];
  Status (*core_read_model_from_memory_buffer)(const Core*, const char* bytes, std::size_t size, const Tensor* weights,
                                               Model**) = library["ov_core_read_model_from_memory_buffer"];
  // Followed by pairs of a key and a value; `count` counts both.
  Status (*core_compile_model)(const Core*, const Model*, const char* device, std::size_t count, ApiCompiledModel**,
                               ...) = library["ov_core_compile_model"];

  void (*model_free)(Model*) = library["ov_model_free"];
  Status (*model_inputs_size)(const Model*, std::size_t*) = library["ov_model_inputs_size"];
  Status (*model_outputs_size)(const Model*, std::size_t*) = library["ov_model_outputs_size"];
  Status (*model_const_input_by_index)(const Model*, std::size_t, Port**) = library["ov_model_const_input_by_index"];
  Status (*model_const_output_by_index)(const Model*, std::size_t, Port**) = library["ov_model_const_output_by_index"];
  Status (*model_reshape_by_port_indexes)(const Model*, const std::size_t* indexes, const PartialShape*,
                                          std::size_t) = library["ov_model_reshape_by_port_indexes"];

  void (*output_const_port_free)(Port*) = library["ov_output_const_port_free"];
  Status (*port_get_any_name)(const Port*, char**) = library["ov_port_get_any_name"];
  Status (*port_get_partial_shape)(const Port*, PartialShape*) = library["ov_port_get_partial_shape"];
  void (*partial_shape_free)(PartialShape*) = library["ov_partial_shape_free"];
  Status (*shape_free)(TensorShape*) = library["ov_shape_free"];

  void (*compiled_model_free)(ApiCompiledModel*) = library["ov_compiled_model_free"];
  Status (*compiled_model_create_infer_request)(const ApiCompiledModel*,
                                                Request**) = library["ov_compiled_model_create_infer_request"];
  void (*infer_request_free)(Request*) = library["ov_infer_request_free"];
  Status (*infer_request_set_input_tensor_by_index)(Request*, std::size_t, const Tensor*) =
      library["ov_infer_request_set_input_tensor_by_index"];
  Status (*infer_request_get_output_tensor_by_index)(const Request*, std::size_t,
                                                     Tensor**) = library["ov_infer_request_get_output_tensor_by_index"];
  Status (*infer_request_infer)(Request*) = library["ov_infer_request_infer"];

  Status (*tensor_create_from_host_ptr)(ValueType, TensorShape, void*,
                                        Tensor**) = library["ov_tensor_create_from_host_ptr"];
  Status (*tensor_get_shape)(const Tensor*, TensorShape*) = library["ov_tensor_get_shape"];
  Status (*tensor_get_element_type)(const Tensor*, ValueType*) = library["ov_tensor_get_element_type"];
  Status (*tensor_data)(const Tensor*, void**) = library["ov_tensor_data"];
  void (*tensor_free)(Tensor*) = library["ov_tensor_free"];
};

}  // namespace mien::openvino
