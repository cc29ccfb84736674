// Writes small ONNX models, node by node, as bytes: whatever a test needs, also what no exporter would write.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/pictures.h"

namespace mien::test {

using Sides = std::vector<std::int64_t>;
using Names = std::vector<std::string>;

// A message in the wire format of protocol buffers: every field is a key and a value.
class Message {
 public:
  Message& number(int field, std::int64_t value);
  Message& text(int field, const std::string& value);
  Message& message(int field, const Message& value) { return text(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void put(std::uint64_t value);
  std::string bytes_;
};

Message integer_attribute(const std::string& name, std::int64_t value);
Message ints_attribute(const std::string& name, const Sides& values);
Message string_attribute(const std::string& name, const std::string& value);

inline constexpr int kFloat = 1;
inline constexpr int kInt64 = 7;

// A graph with one input, "image". Each function that adds a node gives the name of its output; a node's own name is
// its kind, an underscore and that.
class GraphWriter {
 public:
  explicit GraphWriter(const Sides& input) {  // a side of 0 is free
    graph_.text(2, "tiny");
    add_input("image", input);
  }

  void add_input(const std::string& name, const Sides& sides, int type = kFloat);
  void declare(const std::string& name, const Sides& sides);
  void output(const std::string& name, const Sides& sides, int type = kFloat);

  std::string floats(const std::string& name, const Sides& sides, const std::vector<float>& values);
  std::string integers(const std::string& name, const Sides& values);
  std::string node(const std::string& kind, const Names& inputs, const std::string& output,
                   const std::vector<Message>& attributes = {});
  std::string mean(const std::string& input, std::int64_t side, const std::string& output);
  // Every output channel is a sum of the three input channels with a row of weights, and a bias.
  std::string mix(const std::string& input, const std::vector<std::vector<float>>& rows, const std::vector<float>& bias,
                  const std::string& output);
  // A convolution of 3 x 3 over three channels, with weights and biases like noise.
  std::string stir(const std::string& input, std::int64_t outputs, std::int64_t pad, const std::string& output,
                   std::int64_t step = 1);
  // Channels last, then the rows of the target: the way detectors are exported.
  void flatten(const std::string& input, const Sides& target, const std::string& output);
  ByteVector bytes() const;

 private:
  Message graph_;
};

}  // namespace mien::test
