// What all connections share. Included by server.cpp alone.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "service/guard.h"
#include "service/http/server.h"

namespace mien::service {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;
template <typename T>
using Task = asio::awaitable<T, Executor>;
using SystemError = boost::system::error_code;

// Errors come as values.
inline auto awaiting() { return asio::as_tuple(asio::use_awaitable_t<Executor>()); }

// Outlives the server as long as somebody works for a request: answers are posted to it.
struct Loop : std::enable_shared_from_this<Loop> {
  asio::io_context io{1};
};

class Connection;

struct Hub {
  Hub(Loop& loop_of_all, ServerOptions options_of_all, std::vector<Route> routes_of_all,
      std::shared_ptr<Budget> budget_of_all);

  Loop& loop;
  const ServerOptions options;
  const std::vector<Route> routes;
  const std::shared_ptr<Budget> budget;
  const Guard guard;
  std::unordered_set<std::shared_ptr<Connection>> connections;
  std::atomic<std::size_t> connection_count{0};
  bool is_draining = false;
  std::function<void()> on_gone;  // a connection has ended
};

inline std::size_t connections_by_limit() {
  constexpr std::size_t kWithoutLimit = 4096;
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kWithoutLimit;
  return std::max<std::size_t>(limit.rlim_cur / 2, 1);
}

}  // namespace mien::service
