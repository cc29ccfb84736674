// A device that graphs and models run on, with memory of its own: opened once, used by the lane that owns it. Where the
// backend says so, another thread may allocate and copy meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "device/graph.h"
#include "device/session.h"
#include "device/tensor.h"
#include "mien/device.h"
#include "mien/image.h"

namespace mien {

// The device has no room, or the ceiling allows no more: the ladder halves the batch and asks again. Any other failure
// of a device is a DeviceFailure.
class OutOfDeviceMemory : public Exception {
 public:
  explicit OutOfDeviceMemory(const std::string& message) : Exception(ErrorCode::internal, message) {}
};

class DeviceFailure : public Exception {
 public:
  explicit DeviceFailure(const std::string& message) : Exception(ErrorCode::internal, message) {}
};

// Memory on the device, freed with the last copy of this handle. `shape` may cover less than the memory holds.
struct DeviceTensor {
  struct Memory {
    virtual ~Memory() = default;
    std::size_t bytes = 0;
  };
  std::shared_ptr<Memory> memory;
  ElementType type = ElementType::f32;
  Shape shape;

  explicit operator bool() const { return memory != nullptr; }
};

// Values on the host that somebody else owns: they go up with the run that takes them.
struct HostTensor {
  ElementType type = ElementType::f32;
  Shape shape;
  const void* data = nullptr;
};

// Values that came down from the device.
struct HostValues {
  ElementType type = ElementType::f32;
  Shape shape;
  std::vector<std::uint8_t> bytes;

  std::span<const float> floats() const {
    return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
  }
};

using DeviceInput = std::variant<HostTensor, DeviceTensor>;

// One output of a run: it stays on the device or comes down, as was asked.
struct DeviceOutput {
  DeviceTensor on_device;
  HostValues values;
};

// Which nodes of a graph the device runs, by the runtime's own account of its assignment.
struct NodeAssignment {
  int nodes = 0;
  int on_device = 0;
  std::vector<std::string> elsewhere;  // operators of the others, each once

  bool is_complete() const { return nodes > 0 && on_device == nodes; }
};

class DeviceSession {
 public:
  virtual ~DeviceSession() = default;
  virtual const std::vector<TensorInfo>& inputs() const = 0;
  virtual const std::vector<TensorInfo>& outputs() const = 0;
  virtual const NodeAssignment& assignment() const = 0;
  // All inputs and outputs in the order of the graph; `on_device[i]` keeps output i on the device (missing: false).
  // Throws OutOfDeviceMemory, DeviceFailure.
  virtual std::vector<DeviceOutput> run(std::span<const DeviceInput> inputs, std::span<const bool> on_device) const = 0;
};

// Bytes between host and device since the start; bytes that mien holds there (tensors and models), and the most that it
// has held with what was set aside for the run in work.
struct TransferCounters {
  std::atomic<std::uint64_t> up{0};
  std::atomic<std::uint64_t> down{0};
  std::atomic<std::uint64_t> held{0};
  std::atomic<std::uint64_t> peak{0};
};

class Accelerator {
 public:
  virtual ~Accelerator() = default;
  virtual const Device& device() const = 0;
  // Sessions must not outlive the accelerator. Throws OutOfDeviceMemory, DeviceFailure (which names operators that the
  // device does not run).
  virtual std::unique_ptr<DeviceSession> create_session(const Graph& graph) = 0;
  virtual std::unique_ptr<DeviceSession> create_session(Bytes model, const std::string& what) = 0;
  // Sets memory aside for the work in hand, until the returned object is destroyed, which must be on the same thread.
  // Throws OutOfDeviceMemory when the ceiling does not allow it beside what is held and what other threads have set
  // aside.
  [[nodiscard]] virtual std::shared_ptr<void> set_aside(std::uint64_t bytes) = 0;
  virtual DeviceTensor allocate(ElementType type, const Shape& shape) = 0;
  // Copies to the start of `target`'s memory, which must hold as much.
  virtual void upload(const HostTensor& values, const DeviceTensor& target) = 0;
  virtual HostValues download(const DeviceTensor& values) = 0;
  // Gives back what the device's arena keeps without need, where it has one.
  virtual void shrink() = 0;
  virtual const TransferCounters& counters() const = 0;
};

}  // namespace mien
