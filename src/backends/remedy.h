// Names what to install when the loader or a driver complains.
#pragma once

#include <string>
#include <string_view>

namespace mien {

struct Remedy {
  std::string_view fragment;     // of the complaint: a library's name, or words
  std::string_view what;         // "cuBLAS for CUDA 13"
  std::string_view pip_package;  // of PyPI; empty: it is none of those
  std::string_view apt_package;  // of Debian and Ubuntu; empty: likewise
  std::string_view advice = {};  // where no package helps, or what else to know
};

// The row for a complaint; null when none is known.
const Remedy* find_remedy(std::string_view error_text);

}  // namespace mien
