// How a test steers the test device (see factory.cpp). A test opens the plugin with dlopen, before or after ONNX
// Runtime does, and asks dlsym for these functions; both see one state, as there is one library in a process.
//
// Names and defaults:
//   devices 1          offered to ONNX Runtime, asked once, when the library is registered; at most 8
//   init_error 0       1: CreateEp fails with "test device: initialisation failed"
//   memory_bytes 2^34  all that the devices together can hold; beyond it an allocation fails
//   slow_us 0          extra microseconds in each Compute
//   compile_ms 0       extra milliseconds in each Compile
//   plan_ms 0          extra milliseconds in a Compute of a kernel that holds a convolution, when the shapes of its
//                      inputs are not those of the kernel's last Compute: as CUDA's provider plans, which keeps one
//   slow_plan_height 0, slow_plan_width 0, slow_plan_ms 0
//                      a plan for images of that height and width takes slow_plan_ms in the place of plan_ms
//   item_us 0          extra microseconds in such a kernel's Compute for each of its images
//   arena 1            0: kernels made from now on give the memory of their work back after each Compute, which is
//                      slower and takes less; so do all under AddressSanitizer
//   remember 0         1: a Compute with inputs that this kernel has seen before gives what it gave then, without
//                      computing: a device that is faster than the CPU for whoever measures the same images again
//   release 0          1 lets a Compute go on that hangs
//   hang_ms 600000     after this time it goes on by itself
//   <fault>_at 0       the n-th Compute from the moment this is set, counted from 1, has the fault; 0: none
//   <fault>_count 1    that many in a row have it
//                      fault is one of: fail, oom, nan, wrong_shape, hang, lost
//   random_fault_permille 0, random_seed 0
//                      each Compute is refused, out of memory or NaN (in turn) by chance
// Counters, which may be set (to 0) too:
//   compute_calls, up_bytes, up_calls, down_bytes, down_calls, sync_calls, peak_bytes, sessions_opened
//   plans              Computes that had to plan, whatever plan_ms says
//   planned_shapes     the different shapes among them; two models with the same shape are two
//   model_runs         Computes of kernels that hold a convolution
//   model_images       their images, the rows of the first input of four dimensions, with those that only fill up
//   busy_us            time inside Computes, which count each where they run side by side
//   waiting_us         never changed here: for whoever knows that the device was idle while somebody had work for it
// Only to be read:
//   held_bytes, sessions
//
// The environment of a program that is run from outside:
//   MIEN_TEST_DEVICE_FAULTS="name=value,name=value" sets orders when the library is loaded.
//   MIEN_TEST_DEVICE_REFUSE="GridSample,Sin" lists operators that the device does not take.
//   MIEN_TEST_DEVICE_CPUS="2,3" are the processors that Computes run on, whatever the program is allowed: those of the
//     program are then as free as beside a real device.
//   MIEN_TEST_DEVICE_RECORD=FILE gets the answers of Computes, and MIEN_TEST_DEVICE_REPLAY=FILE gives them in a later
//     run to the same images, in whatever batches these come, without computing: right results at the right time, of a
//     device that takes nothing of the CPU. What plans is answered likewise; shapes that were not there are computed.
//   MIEN_TEST_DEVICE_COUNTERS=FILE gets all counters as one JSON object when the process ends or the library is
//     unloaded, and some 50 times a second before, for a process that is killed.
//   MIEN_TEST_DEVICE_TRACE=FILE gets JSON Lines: {"what": "plan", "at_ms", "images", "height", "width"} when a plan
//     begins; {"what": "run", "at_ms", "ms", "images", "height", "width", "planned"} when a Compute with a convolution
//     has ended that began at at_ms; {"what": "graph", "at_ms", "ms", "name"} for another one, with the name of its
//     first output. Times are of CLOCK_MONOTONIC (Python's time.monotonic(), on Linux) in milliseconds. Height and
//     width are 0 where there are no images.
#ifndef MIEN_TESTS_DEVICE_TEST_DEVICE_TEST_DEVICE_H_
#define MIEN_TESTS_DEVICE_TEST_DEVICE_TEST_DEVICE_H_

#include <stdint.h>

// The rest of the library is hidden, so that it shares no symbol with the program that loads it.
#define MIEN_TEST_DEVICE_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

// 0, or -1 when there is no such name or it cannot be set.
MIEN_TEST_DEVICE_API int mien_test_device_set(const char* name, int64_t value);

// -1 when there is no such name; no value is negative unless it was set so.
MIEN_TEST_DEVICE_API int64_t mien_test_device_get(const char* name);

// All defaults, no matter what the environment says, and counters 0. What hangs, compiles or plans goes on. held_bytes
// and sessions stay.
MIEN_TEST_DEVICE_API void mien_test_device_reset(void);

#ifdef __cplusplus
}
#endif

#endif  // MIEN_TESTS_DEVICE_TEST_DEVICE_TEST_DEVICE_H_
