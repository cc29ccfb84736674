// In the place of server.cpp where Boost was not there.
#include <utility>

#include "service/http/server.h"

namespace mien::service {

struct Server::State {};

bool Server::is_built_in() { return false; }

// NOLINTNEXTLINE(performance-unnecessary-value-param): the other server keeps all three
Server::Server(ServerOptions, std::vector<Route>, std::shared_ptr<Budget>) {
  throw Exception(ErrorCode::unsupported,
                  "this build of mien has no 'serve': install Boost 1.81 or newer (libboost1.81-dev) and build again");
}
Server::~Server() = default;
std::uint16_t Server::port() const { return 0; }
void Server::run() {}
void Server::drain(std::chrono::seconds) {}
void Server::stop() {}
std::size_t Server::connections() const { return 0; }

}  // namespace mien::service
