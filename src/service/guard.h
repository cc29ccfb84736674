// Who may ask what: the name by which a client calls the service, pages of other sites, keys, and networks.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mien/result.h"
#include "service/http/http.h"

namespace mien::service {

// An address of either kind; one of IPv4 as ::ffff:a.b.c.d. Nothing for what is no address.
using AddressBytes = std::array<std::uint8_t, 16>;
std::optional<AddressBytes> parse_address(std::string_view text);
bool is_loopback(const AddressBytes& address);

// Addresses with a common beginning: 192.168.1.0/24, fd00::/8, or one address.
class Network {
 public:
  // Errors: invalid_argument.
  static Result<Network> parse(std::string_view text);
  bool has(const AddressBytes& address) const;

 private:
  AddressBytes address_{};
  int prefix_bits_ = 0;
};

// Why a request is refused.
struct Refusal {
  int status = 403;
  std::string code;
  std::string message;
  std::vector<NameValue> headers = {};
};

class Guard {
 public:
  struct Rules {
    std::string address;  // on which the service listens
    std::vector<std::string> hosts = {};
    std::vector<Network> immich_from = {};
    std::function<bool(std::string_view key)> is_key = {};
    std::function<bool(std::string_view key)> is_people_key = {};  // those of is_key that open Access::people too
  };
  explicit Guard(Rules rules);
  std::optional<Refusal> check(Access access, const RequestHead& request) const;

 private:
  bool is_own_host(std::string_view host) const;
  bool may_go_without_key(Access access, const RequestHead& request) const;
  std::optional<Refusal> check_key(Access access, const RequestHead& request) const;

  Rules rules_;
  bool on_loopback_ = false;
};

}  // namespace mien::service
