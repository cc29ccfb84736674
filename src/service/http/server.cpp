// The one file that includes Beast and Asio; what else belongs to it stands in the -inl.h files.
#include "service/http/server.h"

#include "service/http/connection-inl.h"
#include "service/http/listener-inl.h"

namespace mien::service {
struct Server::State {
  State(ServerOptions options, std::vector<Route> routes, std::shared_ptr<Budget> budget)
      : loop(std::make_shared<Loop>()),
        hub(*loop, std::move(options), std::move(routes), std::move(budget)),
        listener(hub) {}
  std::shared_ptr<Loop> loop;
  Hub hub;
  Listener listener;
};

bool Server::is_built_in() { return true; }

Server::Server(ServerOptions options, std::vector<Route> routes, std::shared_ptr<Budget> budget)
    : state_(std::make_unique<State>(std::move(options), std::move(routes), std::move(budget))) {}

Server::~Server() { state_->listener.end(); }

std::uint16_t Server::port() const { return state_->listener.port(); }

void Server::run() { state_->listener.run(); }

void Server::drain(std::chrono::seconds at_most) {
  asio::post(state_->loop->io, [&listener = state_->listener, at_most] { listener.drain(at_most); });
}

void Server::stop() {
  asio::post(state_->loop->io, [&listener = state_->listener] { listener.stop(); });
}

std::size_t Server::connections() const { return state_->hub.connection_count; }

}  // namespace mien::service
