// Why a GPU is not used, and what to do about it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mien/export.h"
#include "mien/settings.h"

namespace mien {

enum class Finding { ok, problem, not_applicable };
MIEN_API std::string_view finding_name(Finding finding);  // "ok", "problem", "not_applicable"

// One thing that was checked.
struct DoctorCheck {
  std::string backend;  // cuda, rocm, ...; empty: it is about all of them
  std::string what;     // "driver"
  Finding finding = Finding::ok;
  std::string found;                  // what there is
  std::string advice;                 // what to do; empty when there is nothing to do
  std::vector<std::string> commands;  // the same as lines for a shell
};

struct DoctorReport {
  std::vector<DoctorCheck> checks;
  std::string backend;                // what would be used: cuda, ..., cpu
  std::string device;                 // of it, as to_string(Device); empty for the CPU
  bool gpu_asked = false;             // a flag or GPU_BACKEND asks for a GPU
  bool gpu_usable = false;            // the asked one, or with auto any
  std::string conclusion;             // a sentence or two
  std::vector<std::string> commands;  // what to run to use the GPU, in this order; empty: nothing, or nothing helps

  int exit_code() const { return gpu_asked && !gpu_usable ? 3 : 0; }
};

struct DoctorOptions {
  // The program `mien`, which opens each backend in a process of its own, so that a driver that crashes or hangs is
  // a finding. Empty: they are opened in this process.
  std::string program;
};

MIEN_API DoctorReport diagnose(const Settings& settings, const DoctorOptions& options = {});

// Opens a backend's library in this process. Empty when that works, otherwise the reason. Throws
// Exception(invalid_argument) when there is no backend of this name.
MIEN_API std::string open_backend(const Settings& settings, const std::string& name);

// Says what helps against an error of the loader, a driver or a runtime: "cuBLAS for CUDA 13 is missing: install ...".
// Empty when nothing is known.
MIEN_API std::string remedy_for(std::string_view error_text);

}  // namespace mien
