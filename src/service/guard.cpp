#include "service/guard.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"

namespace mien::service {
namespace {

constexpr std::size_t kMappedBytes = 12;  // ::ffff: before an address of IPv4
constexpr int kBitsInAddress = 128;
constexpr int kBitsInMapped = 96;

// "localhost:8765" without its port; "[::1]" keeps its brackets. Nothing where the port is none.
std::optional<std::string_view> without_port(std::string_view host) {
  const std::size_t bracket = host.starts_with('[') ? host.find(']') : 0;
  if (bracket == std::string_view::npos) return std::nullopt;
  const std::size_t colon = host.find(':', bracket);
  if (colon == std::string_view::npos) return host;
  const std::string_view port = host.substr(colon + 1);
  const bool digits = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return std::nullopt;
  return host.substr(0, colon);
}

// The authority of "http://localhost:8765"; empty for "null" and what has none.
std::string_view authority_of(std::string_view origin) {
  const std::size_t begin = origin.find("://");
  return begin == std::string_view::npos ? std::string_view{} : origin.substr(begin + 3);
}

// What a page of another site cannot leave out, where no key shows that somebody meant to ask.
std::optional<Refusal> check_page(Access access, const RequestHead& request) {
  const std::string_view site = request.header("sec-fetch-site").value_or("");
  // Of one site are also the pages of other services on this computer.
  if (site == "cross-site" || (site == "same-site" && access == Access::people)) {
    return Refusal{403, "forbidden", fmt::format("a page of another site asked (Sec-Fetch-Site: {})", site)};
  }
  const std::optional<std::string_view> origin = request.header("origin");
  const std::string host = lower(request.header("host").value_or(""));
  if (origin && (host.empty() || lower(authority_of(*origin)) != host)) {
    return Refusal{403, "forbidden", "a page of another site asked: its Origin is not this service"};
  }
  return std::nullopt;
}

// The key that a request brings; nothing where it brings none.
std::optional<std::string_view> key_of(const RequestHead& request) {
  constexpr std::string_view kBearer = "bearer ";
  const std::string_view authorization = request.header("authorization").value_or("");
  if (lower(authorization.substr(0, kBearer.size())) == kBearer) return trim(authorization.substr(kBearer.size()));
  return request.header("x-api-key");
}

}  // namespace

std::optional<AddressBytes> parse_address(std::string_view text) {
  const std::string copy(text);
  AddressBytes bytes{};
  if (::inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return bytes;
  bytes = {};
  bytes[kMappedBytes - 2] = bytes[kMappedBytes - 1] = 0xff;
  if (::inet_pton(AF_INET, copy.c_str(), bytes.data() + kMappedBytes) == 1) return bytes;
  return std::nullopt;
}

bool is_loopback(const AddressBytes& address) {
  static const Network kLoopback6 = Network::parse("::1").take();
  static const Network kLoopback4 = Network::parse("127.0.0.0/8").take();
  return kLoopback6.has(address) || kLoopback4.has(address);
}

Result<Network> Network::parse(std::string_view text) {
  const auto wrong = [&] {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("'{}' is no network: write an address and the length of its prefix, as in 192.168.1.0/24 "
                             "or fd00::/8",
                             text)};
  };
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::optional<AddressBytes> address = parse_address(text.substr(0, slash));
  if (!address) return wrong();
  const bool is_ipv4 = text.substr(0, slash).find(':') == std::string_view::npos;
  const int bits_max = is_ipv4 ? kBitsInAddress - kBitsInMapped : kBitsInAddress;
  int bits = bits_max;
  if (slash < text.size()) {
    const char* const end = text.data() + text.size();
    const std::from_chars_result result = std::from_chars(text.data() + slash + 1, end, bits);
    if (result.ec != std::errc() || result.ptr != end || bits < 0 || bits > bits_max) return wrong();
  }
  Network network;
  network.address_ = *address;
  network.prefix_bits_ = is_ipv4 ? bits + kBitsInMapped : bits;
  return network;
}

bool Network::has(const AddressBytes& address) const {
  constexpr int kBitsInByte = 8;
  for (int bit = 0; bit < prefix_bits_; bit += kBitsInByte) {
    const std::size_t index = static_cast<std::size_t>(bit / kBitsInByte);
    const int left = std::min(prefix_bits_ - bit, kBitsInByte);
    const int mask = 0xff << (kBitsInByte - left);
    if (((address[index] ^ address_[index]) & mask & 0xff) != 0) return false;
  }
  return true;
}

Guard::Guard(Rules rules) : rules_(std::move(rules)) {
  const std::optional<AddressBytes> address = parse_address(rules_.address);
  on_loopback_ = address && is_loopback(*address);
  for (std::string& host : rules_.hosts) host = lower(host);
}

bool Guard::is_own_host(std::string_view host) const {
  const std::optional<std::string_view> bare = without_port(host);
  if (!bare) return false;
  const std::string name = lower(*bare);
  return name == "localhost" || name == "127.0.0.1" || name == "[::1]" || name == rules_.address ||
         std::find(rules_.hosts.begin(), rules_.hosts.end(), name) != rules_.hosts.end();
}

bool Guard::may_go_without_key(Access access, const RequestHead& request) const {
  if (!rules_.is_key || access == Access::open) return true;
  if (access != Access::immich) return false;
  const std::optional<AddressBytes> peer = parse_address(request.peer);
  return peer && std::any_of(rules_.immich_from.begin(), rules_.immich_from.end(),
                             [&](const Network& network) { return network.has(*peer); });
}

std::optional<Refusal> Guard::check_key(Access access, const RequestHead& request) const {
  const std::optional<std::string_view> key = key_of(request);
  const bool is_known = key && rules_.is_key(*key);
  if (is_known && (access != Access::people || (rules_.is_people_key && rules_.is_people_key(*key)))) {
    return std::nullopt;
  }
  std::string message = "a key is needed: send 'Authorization: Bearer KEY' or 'x-api-key: KEY'";
  if (key) message = "the key is not one of this service ('mien keys list')";
  if (is_known) message = "this key does not open people: 'mien keys add NAME --people' makes one that does";
  return Refusal{401, "unauthorized", std::move(message), {{"WWW-Authenticate", "Bearer"}}};
}

std::optional<Refusal> Guard::check(Access access, const RequestHead& request) const {
  if (on_loopback_ && !is_own_host(request.header("host").value_or(""))) {
    return Refusal{403, "forbidden",
                   "this service is called localhost, 127.0.0.1 or [::1], and Host says another name: allow it by "
                   "--host NAME"};
  }
  if (!may_go_without_key(access, request)) return check_key(access, request);
  // A key is no page's: who brings one meant to ask.
  if (rules_.is_key && key_of(request) && !check_key(access, request)) return std::nullopt;
  return check_page(access, request);
}

}  // namespace mien::service
