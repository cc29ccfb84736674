// Which instruction sets the kernels are compiled for. Include before any header of Highway.
// SSSE3 alone: CPUs of 2006, which the plain path serves well enough. SVE and RVV: our kernels keep vectors in
// arrays, which their unsized types forbid; such CPUs run the NEON or the plain versions.
#pragma once

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)

// True inside a kernel where Highway has no real vectors: the plain loops are used there.
#define MIEN_PLAIN_TARGET (HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128)
