// What mien calls of OpenVINO's C interface (libopenvino_c.so), declared after its documentation: those of 2023.2,
// which have not changed since. Declared here, so that mien is built without OpenVINO and opens it where it is
// installed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace mien::openvino {

struct Core;
struct Model;
struct CompiledModel;
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

// Each member is the function ov_NAME of the library.
struct Api {
  Status (*get_openvino_version)(Version*);
  void (*version_free)(Version*);
  const char* (*get_last_err_msg)();
  void (*free)(const char*);

  Status (*core_create)(Core**);
  Status (*core_get_property)(const Core*, const char* device, const char* key, char** value);
  Status (*core_read_model_from_memory_buffer)(const Core*, const char* bytes, std::size_t size, const Tensor* weights,
                                               Model**);
  // Followed by pairs of a key and a value; `count` counts both.
  Status (*core_compile_model)(const Core*, const Model*, const char* device, std::size_t count, CompiledModel**, ...);

  void (*model_free)(Model*);
  Status (*model_inputs_size)(const Model*, std::size_t*);
  Status (*model_outputs_size)(const Model*, std::size_t*);
  Status (*model_const_input_by_index)(const Model*, std::size_t, Port**);
  Status (*model_const_output_by_index)(const Model*, std::size_t, Port**);
  Status (*model_reshape_by_port_indexes)(const Model*, const std::size_t* indexes, const PartialShape*, std::size_t);

  void (*output_const_port_free)(Port*);
  Status (*port_get_any_name)(const Port*, char**);
  Status (*port_get_partial_shape)(const Port*, PartialShape*);
  void (*partial_shape_free)(PartialShape*);
  Status (*shape_free)(TensorShape*);

  void (*compiled_model_free)(CompiledModel*);
  Status (*compiled_model_create_infer_request)(const CompiledModel*, Request**);
  void (*infer_request_free)(Request*);
  Status (*infer_request_set_input_tensor_by_index)(Request*, std::size_t, const Tensor*);
  Status (*infer_request_get_output_tensor_by_index)(const Request*, std::size_t, Tensor**);
  Status (*infer_request_infer)(Request*);

  Status (*tensor_create_from_host_ptr)(ValueType, TensorShape, void*, Tensor**);
  Status (*tensor_get_shape)(const Tensor*, TensorShape*);
  Status (*tensor_get_element_type)(const Tensor*, ValueType*);
  Status (*tensor_data)(const Tensor*, void**);
  void (*tensor_free)(Tensor*);
};

// Looks up every function in a library that was opened. Returns the name of the first that is missing, or nothing.
std::string load_api(void* library, Api& api);

}  // namespace mien::openvino
