// In the place of download_curl.cpp where libcurl's headers are missing.
#include "models/download.h"

namespace mien {

bool download(const Download&) {
  throw Exception(
      ErrorCode::unsupported,
      "downloads are not built into this mien: install libcurl4-openssl-dev and build it again, or fetch the "
      "file yourself and use 'mien models add NAME FILE'");
}

}  // namespace mien
