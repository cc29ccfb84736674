// The memory of the test device, which is the host's, and the copies to and from it.
#ifndef MIEN_TESTS_DEVICE_TEST_DEVICE_MEMORY_H_
#define MIEN_TESTS_DEVICE_TEST_DEVICE_MEMORY_H_

#include "ort.h"

namespace mien::test_device {

// `memory` has to outlive it. The caller deletes it through release_allocator.
OrtAllocator* create_allocator(const OrtMemoryInfo* memory);
void release_allocator(OrtAllocator* allocator);

// ONNX Runtime releases it.
OrtDataTransferImpl* create_data_transfer();

}  // namespace mien::test_device

#endif  // MIEN_TESTS_DEVICE_TEST_DEVICE_MEMORY_H_
