// A file from elsewhere, resumed where an earlier attempt ended.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "mien/result.h"

namespace mien {

struct Download {
  std::string url;              // http or https
  std::string part_path;        // what came so far; grows, and stays when the download is cut
  std::int64_t size_bytes = 0;  // of the whole file; 0: not known
  std::int64_t bytes_max = 0;   // more than this is refused
  int stall_seconds = 30;
  std::stop_token stop = {};
  std::function<void(std::int64_t done, std::int64_t total, double bytes_per_second)> on_progress = {};
};

// Completes the part file. A part that cannot be gone on with (the server has another file now, or does not know
// ranges) is begun again. Returns whether bytes of an earlier attempt were used.
// Throws Exception: io (network, disk), not_found (404, 410), bad_data (not the file: another size, a web page),
// limit_exceeded, cancelled, unsupported (no libcurl).
bool download(const Download& wanted);

// Likewise for a file of this computer.
void copy_as_download(const Download& wanted);

// The file that goes with a part: from where it is, and which version.
std::string part_facts_path(const std::string& part_path);

}  // namespace mien
