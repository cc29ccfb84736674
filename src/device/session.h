// The one seam between mien and an inference runtime: a model loaded once, run by many threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "device/tensor.h"
#include "mien/image.h"
#include "mien/settings.h"

namespace mien {

// An input or output as the model declares it. -1: any size.
struct TensorInfo {
  std::string name;
  Shape shape;
};

// Float values that somebody else owns, in row-major order.
struct TensorView {
  const float* data = nullptr;
  Shape shape;

  std::size_t count() const { return element_count(shape); }
};

// The values that a run gave; the memory belongs to the runtime and lives as long as this object.
class Outputs {
 public:
  struct Owner {
    virtual ~Owner() = default;
  };
  Outputs() = default;
  Outputs(std::vector<TensorView> tensors, std::unique_ptr<Owner> owner)
      : tensors_(std::move(tensors)), owner_(std::move(owner)) {}

  std::size_t size() const { return tensors_.size(); }
  const TensorView& operator[](std::size_t index) const { return tensors_[index]; }
  std::span<const TensorView> tensors() const { return tensors_; }

 private:
  std::vector<TensorView> tensors_;
  std::unique_ptr<Owner> owner_;
};

// Const methods may be called from many threads at once.
class Session {
 public:
  virtual ~Session() = default;
  virtual const std::vector<TensorInfo>& inputs() const = 0;
  virtual const std::vector<TensorInfo>& outputs() const = 0;
  // All inputs in the model's order; all outputs in the model's order. A stop ends it between two nodes of the model,
  // but for OpenVINO, which checks it only before the run.
  // Throws Exception(internal, cancelled).
  virtual Outputs run(std::span<const TensorView> inputs, const std::stop_token& stop) const = 0;
  Outputs run(std::span<const TensorView> inputs) const { return run(inputs, {}); }
};

enum class RuntimeKind { onnxruntime, openvino };

// A loaded runtime. One of its kind a process: it stays loaded until the process ends.
class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual RuntimeKind kind() const = 0;
  virtual std::string name() const = 0;                         // "onnxruntime 1.31.1"
  virtual std::string path() const = 0;                         // of the library
  virtual bool has_reduced_precision() const { return false; }  // in 16 bits where the model's numbers have 32
  // `what` names the model in messages. Throws Exception(bad_data) when the bytes are no model that it can run.
  virtual std::unique_ptr<Session> create_session(Bytes model, const std::string& what) const = 0;
};

// Opens ONNX Runtime's library from MIEN_ORT_LIBRARY, beside the program, from the build's folder or from the system.
// Throws Exception(not_found) that lists where it looked.
std::unique_ptr<Runtime> open_onnxruntime(const Settings& settings);

// Opens OpenVINO's library from MIEN_OPENVINO_LIBRARY, from where `mien backends install openvino` puts it, from beside
// the program or from the build's folder. `reduced_precision`: in bf16, where the CPU has it. Throws
// Exception(not_found, unsupported) that says what to do.
std::unique_ptr<Runtime> open_openvino(const Settings& settings, bool reduced_precision);
bool is_openvino_installed(const Settings& settings);

}  // namespace mien
