// What the test device writes into files for whoever runs a program from outside (test_device.h).
#ifndef MIEN_TESTS_DEVICE_TEST_DEVICE_TRACE_H_
#define MIEN_TESTS_DEVICE_TEST_DEVICE_TRACE_H_

#include <chrono>
#include <string>

#include "controls.h"

namespace mien::test_device {

using Clock = std::chrono::steady_clock;

// Writes all counters into MIEN_TEST_DEVICE_COUNTERS.
void write_counters();
// The same, but not more often than 50 times a second: a program that is killed has then lost little.
void write_counters_at_times();

// One line each in MIEN_TEST_DEVICE_TRACE.
void trace_plan(const ModelRun& run);
void trace_run(const ModelRun& run, Clock::time_point start);
void trace_graph(const std::string& name, Clock::time_point start);

}  // namespace mien::test_device

#endif  // MIEN_TESTS_DEVICE_TEST_DEVICE_TRACE_H_
