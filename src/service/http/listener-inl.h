// Accepts connections, ends those that take too long, and ends the service. Included by server.cpp alone.
#pragma once

#include <fmt/format.h>
#include <poll.h>

#include "service/http/connection-inl.h"

namespace mien::service {

// Those of ServerOptions with the address and networks that they name.
inline Guard::Rules rules_of(const ServerOptions& options) {
  Guard::Rules rules{.address = options.address,
                     .hosts = options.hosts,
                     .is_key = options.is_key,
                     .is_people_key = options.is_people_key};
  for (const std::string& network : options.immich_from) rules.immich_from.push_back(Network::parse(network).take());
  return rules;
}

inline Hub::Hub(Loop& loop_of_all, ServerOptions options_of_all, std::vector<Route> routes_of_all,
                std::shared_ptr<Budget> budget_of_all)
    : loop(loop_of_all),
      options(std::move(options_of_all)),
      routes(std::move(routes_of_all)),
      budget(std::move(budget_of_all)),
      guard(rules_of(options)) {}

class Listener {
 public:
  explicit Listener(Hub& hub);
  std::uint16_t port() const { return port_; }
  void run();
  void drain(std::chrono::seconds at_most);
  void stop();
  // Behind run(): nothing refers to the hub any more.
  void end();

 private:
  void open();
  Task<void> accept();
  Task<void> watch();
  void take(Socket socket);
  void find_gone();
  std::optional<Refusal> make_room();
  void check_drained();

  Hub& hub_;
  Acceptor acceptor_;
  Timer ticks_;
  Timer drain_limit_;
  std::uint16_t port_ = 0;
  const std::size_t connections_max_;
};

inline Listener::Listener(Hub& hub)
    : hub_(hub),
      acceptor_(hub.loop.io),
      ticks_(hub.loop.io),
      drain_limit_(hub.loop.io),
      connections_max_(hub.options.connections_max > 0 ? hub.options.connections_max : connections_by_limit()) {
  open();
  hub_.on_gone = [this] { check_drained(); };
  asio::co_spawn(hub_.loop.io, accept(), [](const std::exception_ptr&) {});
  asio::co_spawn(hub_.loop.io, watch(), [](const std::exception_ptr&) {});
}

inline void Listener::open() {
  const ServerOptions& options = hub_.options;
  SystemError error;
  const asio::ip::address address = asio::ip::make_address(options.address, error);
  if (error) {
    throw Exception(
        ErrorCode::invalid_argument,
        fmt::format("cannot listen on '{}': it is no address: use 127.0.0.1, 0.0.0.0, [::] or another one of "
                    "this computer, and :PORT",
                    options.address));
  }
  const asio::ip::tcp::endpoint place(address, options.port);
  (void)acceptor_.open(place.protocol(), error);
  if (!error) (void)acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && address.is_v6()) (void)acceptor_.set_option(asio::ip::v6_only(false), error);
  if (!error) (void)acceptor_.bind(place, error);
  if (!error) (void)acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    const std::string shown = address.is_v6() ? "[" + options.address + "]" : options.address;
    throw Exception(ErrorCode::io,
                    fmt::format("cannot listen on {}:{}: {}: use another one with --listen ADDRESS:PORT, "
                                "or end what listens there",
                                shown, options.port, error.message()));
  }
  port_ = acceptor_.local_endpoint(error).port();
}

inline void Listener::run() { hub_.loop.io.run(); }

inline Task<void> Listener::accept() {
  constexpr std::chrono::milliseconds kPause{50};
  while (acceptor_.is_open()) {
    auto [error, socket] = co_await acceptor_.async_accept(awaiting());
    if (!acceptor_.is_open()) co_return;
    if (error) {
      // No descriptor is left, or the client went at once: others may come later.
      Timer pause(hub_.loop.io, kPause);
      co_await pause.async_wait(awaiting());
      continue;
    }
    take(std::move(socket));
  }
}

inline void Listener::take(Socket socket) {
  SystemError error;
  const asio::ip::tcp::endpoint peer = socket.remote_endpoint(error);
  // So many that are refused take longer to go than others to come: then they go without a word.
  if (error || hub_.connections.size() >= connections_max_ + connections_max_ / 2) return;
  (void)socket.set_option(asio::ip::tcp::no_delay(true), error);
  std::optional<Refusal> refusal = make_room();
  const std::shared_ptr<Connection> connection =
      std::make_shared<Connection>(hub_, std::move(socket), peer.address().to_string());
  hub_.connections.insert(connection);
  hub_.connection_count = hub_.connections.size();
  connection->start(std::move(refusal));
}

// For one connection more: the one that has been idle for longest goes, or the new one.
inline std::optional<Refusal> Listener::make_room() {
  if (hub_.is_draining) return Refusal{503, "unavailable", "the service is about to end"};
  if (hub_.connections.size() < connections_max_) return std::nullopt;
  std::shared_ptr<Connection> longest;
  for (const std::shared_ptr<Connection>& connection : hub_.connections) {
    const bool is_longer = !longest || connection->phase_began() < longest->phase_began();
    if (connection->is_idle() && is_longer) longest = connection;
  }
  if (!longest) return Refusal{503, "unavailable", "there are too many connections: try again later"};
  longest->hang_up();
  return std::nullopt;
}

inline Task<void> Listener::watch() {
  constexpr std::chrono::milliseconds kTick{250};
  while (acceptor_.is_open()) {
    ticks_.expires_after(kTick);
    co_await ticks_.async_wait(awaiting());
    const Clock::time_point now = Clock::now();
    for (const std::shared_ptr<Connection>& connection : hub_.connections) connection->check_time(now);
    find_gone();
  }
}

// Clients that went while nothing is read from them.
inline void Listener::find_gone() {
#ifdef POLLRDHUP
  constexpr short kGone = POLLRDHUP;
#else
  constexpr short kGone = 0;
#endif
  std::vector<struct pollfd> descriptors;
  std::vector<Connection*> watched;
  for (const std::shared_ptr<Connection>& connection : hub_.connections) {
    if (!connection->is_watched()) continue;
    descriptors.push_back({connection->descriptor(), kGone, 0});
    watched.push_back(connection.get());
  }
  if (descriptors.empty() || ::poll(descriptors.data(), descriptors.size(), 0) <= 0) return;
  for (std::size_t i = 0; i < watched.size(); ++i) {
    if ((descriptors[i].revents & (kGone | POLLHUP | POLLERR)) != 0) watched[i]->hang_up();
  }
}

inline void Listener::drain(std::chrono::seconds at_most) {
  if (std::exchange(hub_.is_draining, true)) return;
  for (const std::shared_ptr<Connection>& connection : hub_.connections) {
    if (connection->is_idle()) connection->hang_up();
  }
  drain_limit_.expires_after(at_most);
  drain_limit_.async_wait([this](const SystemError& error) {
    if (!error) stop();
  });
  check_drained();
}

// New connections, which get 503, do not keep the service from ending.
inline void Listener::check_drained() {
  if (!hub_.is_draining) return;
  const bool is_served = std::any_of(hub_.connections.begin(), hub_.connections.end(),
                                     [](const auto& connection) { return !connection->is_refused(); });
  if (!is_served) stop();
}

inline void Listener::stop() {
  SystemError ignored;
  (void)acceptor_.close(ignored);
  ticks_.cancel();
  drain_limit_.cancel();
  const std::vector<std::shared_ptr<Connection>> connections(hub_.connections.begin(), hub_.connections.end());
  for (const std::shared_ptr<Connection>& connection : connections) connection->hang_up();
}

inline void Listener::end() {
  stop();
  hub_.loop.io.restart();
  hub_.loop.io.poll();
  hub_.on_gone = nullptr;
  hub_.connections.clear();
}

}  // namespace mien::service
