// The processors that the test device computes on.
#ifndef MIEN_TESTS_DEVICE_TEST_DEVICE_CPUS_H_
#define MIEN_TESTS_DEVICE_TEST_DEVICE_CPUS_H_

#include <sched.h>

namespace mien::test_device {

// Until it ends, the calling thread runs on the processors of MIEN_TEST_DEVICE_CPUS alone, where that is set.
class OwnCpus {
 public:
  OwnCpus();
  ~OwnCpus();
  OwnCpus(const OwnCpus&) = delete;
  OwnCpus& operator=(const OwnCpus&) = delete;

 private:
  bool has_moved_ = false;
  cpu_set_t before_ = {};
};

}  // namespace mien::test_device

#endif  // MIEN_TESTS_DEVICE_TEST_DEVICE_CPUS_H_
