// The checks of `mien doctor`. A backend's checks are a field of its row; each check adds a row to the report.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"
#include "backends/library_search.h"
#include "backends/probe.h"
#include "mien/tools/doctor.h"

namespace mien {

// Everything that the checks ask of the outside; tests put their own here.
struct DoctorRoots {
  ProbeRoots probe;
  SearchRoots search;
  std::string user;                                              // as `usermod` must be told
  std::function<bool(const std::string& path)> may_use;          // read and write
  std::function<std::string(const std::string& path)> group_of;  // the group that a device node belongs to
  // Empty when the backend opens, otherwise the reason. `variables` are set while it is tried.
  std::function<std::string(const Backend&, const std::vector<std::pair<std::string, std::string>>& variables)> open;
};
// The computer's own; what opens a backend is the caller's to add.
DoctorRoots real_doctor_roots();

DoctorReport diagnose(const Settings& settings, const DoctorRoots& roots);

using Devices = std::vector<Device>;

// The report while it is written, and what checks share.
class Examination {
 public:
  Examination(const Settings& settings, const DoctorRoots& roots) : settings_(settings), roots_(roots) {}

  const Settings& settings() const { return settings_; }
  const DoctorRoots& roots() const { return roots_; }
  const std::string& root() const { return roots_.probe.root; }

  // Rows that follow are about this backend.
  void begin(std::string_view backend) { backend_ = backend; }
  void ok(std::string what, std::string found);
  void skip(std::string what, std::string found);
  struct Problem {
    std::string what;
    std::string found;
    std::string advice;
    std::vector<std::string> commands = {};
  };
  void problem(Problem problem);
  // Whether a problem of this backend was found so far.
  bool has_problem(std::string_view backend) const;
  std::vector<DoctorCheck>& checks() { return checks_; }

  bool exists(const std::string& path) const;  // below the root
  // Whether a GPU of this maker (PCI's number, "0x10de") is on the bus.
  bool has_gpu_of(std::string_view vendor) const;
  // "docker", "podman", "container"; empty outside.
  std::string container() const;
  // Paths like "/dev/dri/renderD128" of a folder below the root, whose names are `prefix` and a number.
  std::vector<std::string> device_nodes(const std::string& folder, std::string_view prefix) const;
  // The command that installs these packages of Debian's; none on other systems.
  std::vector<std::string> apt_install(std::string_view packages) const;

 private:
  const Settings& settings_;
  const DoctorRoots& roots_;
  std::string backend_;
  std::vector<DoctorCheck> checks_;
};

// Reports a computer without a GPU of this maker. Returns true when the backend was asked for by its name, which makes
// that a problem.
bool report_no_gpu(Examination& examination, const Backend& backend, std::string_view maker, std::string_view runtime);
// Adds the rows that every backend has: its library, what that needs, two runtimes in its folder. Returns true when
// everything is there.
bool examine_library(Examination& examination, const Backend& backend);
// Adds the row that counts: whether the backend opens. `variables` as in DoctorRoots::open.
bool examine_opening(Examination& examination, const Backend& backend);
// Compares the free memory with GPU_MEMORY_LIMIT_GB.
void examine_memory(Examination& examination, const Devices& devices);
// Checks the user's rights on these device nodes; their paths are below the root.
bool examine_rights(Examination& examination, const std::vector<std::string>& paths);

}  // namespace mien
