#include "service/http/upstream.h"

#include <fmt/format.h>

#include <algorithm>

namespace mien::service {

Result<UpstreamAddress> parse_upstream(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  constexpr std::size_t kPortDigitsMax = 5;
  const Error wrong{ErrorCode::invalid_argument,
                    fmt::format("'{}' is no upstream: use http://HOST:PORT, without a path", text)};
  if (!text.starts_with(kScheme)) return wrong;
  std::string_view rest = text.substr(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || rest.find_first_of("/?#@ ") != std::string_view::npos) return wrong;
  UpstreamAddress address{std::string(rest.substr(0, colon)), std::string(rest.substr(colon + 1))};
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  const bool digits =
      !address.port.empty() && address.port.size() <= kPortDigitsMax &&
      std::all_of(address.port.begin(), address.port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (address.host.empty() || !digits) return wrong;
  return address;
}

}  // namespace mien::service
