// What the test device answered in an earlier run of a program, for a run in which it shall take nothing of the CPU.
#ifndef MIEN_TESTS_DEVICE_TEST_DEVICE_ANSWERS_H_
#define MIEN_TESTS_DEVICE_TEST_DEVICE_ANSWERS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ort.h"

namespace mien::test_device {

using Shape = std::vector<std::int64_t>;

// The outputs of a Compute. Large ones are shapes alone: they stay on the device, and what the host reads is made of
// the small ones.
struct Answer {
  struct Output {
    Shape shape;
    std::string_view bytes;
  };
  std::vector<Output> outputs;
};

// Whether MIEN_TEST_DEVICE_REPLAY is set.
bool replays();
// The answer in that file to a kernel with these outputs and shapes of inputs; null: there is none. `plans`: to what a
// plan is proved with, which is the same noise each time.
const Answer* recorded_answer(const std::vector<std::string>& outputs, const std::vector<Shape>& inputs, bool plans);
// Appends the answer to MIEN_TEST_DEVICE_RECORD, where that is set.
void record_answer(const std::vector<std::string>& outputs, const std::vector<Shape>& inputs, bool plans,
                   const std::vector<Ort::Value>& results);

}  // namespace mien::test_device

#endif  // MIEN_TESTS_DEVICE_TEST_DEVICE_ANSWERS_H_
