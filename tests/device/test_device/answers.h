// What the test device answered in an earlier run of a program, for a run in which it shall take nothing of the CPU.
#ifndef MIEN_TESTS_DEVICE_TEST_DEVICE_ANSWERS_H_
#define MIEN_TESTS_DEVICE_TEST_DEVICE_ANSWERS_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ort.h"

namespace mien::test_device {

using Shape = std::vector<std::int64_t>;

// What a kernel is asked for. A kernel that takes pixels begins a batch on its thread, and those that follow there are
// asked about its images: they are known by their pixels again, in whatever batch they come.
struct Asked {
  const std::vector<std::string>& outputs;
  const std::vector<Shape>& inputs;
  const std::vector<Ort::Value>& values;  // of the inputs
  bool is_model = false;                  // it holds a convolution
  bool plans = false;                     // the shape is new to it
};

// Gives the memory of an output of that shape; null: there is none.
using Room = std::function<void*(std::size_t output, const Shape& shape)>;

// Whether MIEN_TEST_DEVICE_REPLAY is set.
bool replays();
// Writes the answer of that file to what is asked; false: it has none. Large outputs are left as they are: they stay on
// the device, and what the host reads is made of the small ones. An image that was not there has zeros.
bool replay_answer(const Asked& asked, const Room& room);
// Appends the answer to MIEN_TEST_DEVICE_RECORD, where that is set.
void record_answer(const Asked& asked, const std::vector<Ort::Value>& results);

}  // namespace mien::test_device

#endif  // MIEN_TESTS_DEVICE_TEST_DEVICE_ANSWERS_H_
