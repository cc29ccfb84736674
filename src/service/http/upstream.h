// The address of the service that answers what this one does not.
#pragma once

#include <string>
#include <string_view>

#include "mien/result.h"

namespace mien::service {

struct UpstreamAddress {
  std::string host;  // without the brackets of an IPv6 address
  std::string port;
};

// http://HOST:PORT. Errors: invalid_argument.
Result<UpstreamAddress> parse_upstream(std::string_view text);

}  // namespace mien::service
