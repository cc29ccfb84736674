// The HTTP side: connections, limits, who may ask what. It knows requests and bytes, and nothing of faces.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mien/result.h"
#include "service/http/http.h"

namespace mien::service {

// A request that is answered, or whose client is gone.
struct Completed {
  std::string_view route;  // Route::metrics_name or path; "other" where there is none
  int status = 0;          // 0: the client was gone before
  double seconds = 0;      // from the head's last byte to the answer's last
  std::uint64_t bytes_in = 0;
  std::string method;
  std::string peer;
  std::string id;
  std::string trace_id;
  RequestFacts facts;
  bool analyses = false;
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8765;  // 0: any
  std::size_t body_bytes_max = std::size_t{64} << 20;
  std::size_t header_bytes_max = std::size_t{16} << 10;
  std::size_t connections_max = 0;  // 0: half of RLIMIT_NOFILE
  std::chrono::milliseconds header_time{10'000};
  std::chrono::milliseconds idle_time{75'000};
  std::chrono::milliseconds slow_after{10'000};  // of reading a body; then under slow_bytes_per_second is closed
  std::size_t slow_bytes_per_second = 1024;
  std::vector<std::string> hosts;                           // besides localhost, 127.0.0.1 and [::1]
  std::vector<std::string> immich_from;                     // CIDR
  std::function<bool(std::string_view key)> is_key;         // empty: no keys, which loopback alone may have
  std::function<bool(std::string_view key)> is_people_key;  // those of them that open people too
  std::string upstream;                                     // http://HOST:PORT of Flow::forward; empty: none
  std::chrono::milliseconds upstream_time{290'000};         // for its whole answer
  std::function<int()> retry_after;                         // whole seconds, for refusals; empty: 1
  std::function<void(const Completed&)> on_completed;       // on the server's thread
};

class Server {
 public:
  // Whether this build has one; without Boost the constructor throws Exception(unsupported).
  static bool is_built_in();
  // Listens. Throws Exception(invalid_argument) for a wrong address or network, (io) for a port that is taken.
  Server(ServerOptions options, std::vector<Route> routes, std::shared_ptr<Budget> budget);
  ~Server();
  std::uint16_t port() const;
  // Serves on the thread of the call until drain() and all answers, or stop().
  void run();
  // From any thread: new connections get 503 and are closed, idle ones are closed, what was accepted is answered.
  void drain(std::chrono::seconds at_most);
  // From any thread: everything ends now.
  void stop();
  std::size_t connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mien::service
