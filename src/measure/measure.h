// Clocks, memory, and what a series of measurements says.
#pragma once

#include <time.h>

#include <vector>

#include "mien/tools/bench.h"

namespace mien {

double wall_ms();
// CLOCK_THREAD_CPUTIME_ID, CLOCK_PROCESS_CPUTIME_ID or another of the system's.
double clock_ms(clockid_t clock);
double resident_mb();
// Returns the most resident memory since reset_peak_memory, or since the process started where the kernel does not let
// it be reset.
double peak_memory_mb();
void reset_peak_memory();

// All zero for no values.
Spread spread_of(std::vector<double> values);

}  // namespace mien
