// The execution provider of one session: what it takes, how it compiles and computes.
#ifndef MIEN_TESTS_DEVICE_TEST_DEVICE_PROVIDER_H_
#define MIEN_TESTS_DEVICE_TEST_DEVICE_PROVIDER_H_

#include "ort.h"

namespace mien::test_device {

OrtEp* create_provider();
void release_provider(OrtEp* provider);

}  // namespace mien::test_device

#endif  // MIEN_TESTS_DEVICE_TEST_DEVICE_PROVIDER_H_
