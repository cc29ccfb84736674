// A Graph handed to ONNX Runtime's Model Editor. Only files of this folder that know ONNX Runtime include it, after
// they have defined ORT_API_MANUAL_INIT.
#pragma once

#include <onnxruntime_cxx_api.h>

#include "device/graph.h"

namespace mien {

ONNXTensorElementDataType ort_element_type(ElementType type);
// Throws Exception(unsupported) for a type that mien has no name for; `what` names the value.
ElementType element_type_of(ONNXTensorElementDataType type, const std::string& what);

// Throws Ort::Exception.
Ort::Model make_ort_model(const Graph& graph);

}  // namespace mien
