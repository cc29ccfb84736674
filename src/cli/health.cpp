#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/descriptor.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/text.h"
#include "service/upstream.h"

namespace mien::cli {
namespace {

constexpr int kAnswerSeconds = 5;

// The URL of the service that the settings describe: an address that is all of a computer's is asked on loopback.
std::string url_of(const Settings& settings) {
  std::string listen = settings.listen;
  if (listen.starts_with("0.0.0.0:")) listen = "127.0.0.1:" + listen.substr(listen.rfind(':') + 1);
  if (listen.starts_with("[::]:")) listen = "[::1]:" + listen.substr(listen.rfind(':') + 1);
  return "http://" + listen;
}

struct Place {
  std::string host;
  std::string port;
  std::string path;
};

// http://HOST:PORT, with a path behind it or without.
Place parse_url(const std::string& url) {
  const std::size_t begin = url.find("://");
  const std::size_t slash = begin == std::string::npos ? begin : url.find('/', begin + 3);
  const service::UpstreamAddress address = service::parse_upstream(url.substr(0, slash)).take();
  const std::string path = slash == std::string::npos || slash + 1 == url.size() ? "/healthz" : url.substr(slash);
  return {address.host, address.port, path};
}

[[noreturn]] void fail(const std::string& url, std::string_view reason) {
  throw Exception(ErrorCode::io, fmt::format("{} does not answer: {}", url, reason));
}

Descriptor connected(const std::string& url, const Place& place) {
  struct addrinfo hints {};
  hints.ai_socktype = SOCK_STREAM;
  struct addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &found);
  if (failure != 0) fail(url, ::gai_strerror(failure));
  int reason = 0;
  Descriptor result;
  for (const struct addrinfo* row = found; row != nullptr && !result; row = row->ai_next) {
    Descriptor socket(::socket(row->ai_family, row->ai_socktype | SOCK_CLOEXEC, row->ai_protocol));
    const struct timeval limit = {kAnswerSeconds, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (::connect(socket.get(), row->ai_addr, row->ai_addrlen) == 0) {
      result = std::move(socket);
    } else {
      reason = errno;
    }
  }
  ::freeaddrinfo(found);
  if (!result) fail(url, std::strerror(reason));
  return result;
}

// "HTTP/1.1 200 OK"
std::string first_line(const std::string& url) {
  const Place place = parse_url(url);
  const Descriptor socket = connected(url, place);
  const bool is_ipv6 = place.host.find(':') != std::string::npos;
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: {}:{}\r\nConnection: close\r\n\r\n", place.path,
                  is_ipv6 ? "[" + place.host + "]" : place.host, place.port);
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    fail(url, std::strerror(errno));
  }
  std::string answer;
  std::array<char, 512> piece{};
  while (answer.find("\r\n") == std::string::npos) {
    const ssize_t size = ::recv(socket.get(), piece.data(), piece.size(), 0);
    if (size < 0) fail(url, errno == EAGAIN ? fmt::format("nothing came in {} s", kAnswerSeconds) : std::strerror(errno));
    if (size == 0) fail(url, "it closed the connection");
    answer.append(piece.data(), static_cast<std::size_t>(size));
  }
  return answer.substr(0, answer.find("\r\n"));
}

}  // namespace

int run_health(const Call& call) {
  std::vector<std::string> urls;
  Arguments arguments("mien health",
                      "Asks a running 'mien serve' whether it is alive. Exit code: 0 it is, 1 it is not. Without URL it "
                      "asks /healthz where MIEN_LISTEN says; a URL may name another path, as /readyz.");
  arguments.positionals({"[URL]", 0, 1}, urls);
  arguments.example("mien health", "as a container's health check");
  arguments.example("mien health http://127.0.0.1:8765/readyz", "whether it is ready for images");
  if (!parse_or_help(call, arguments)) return 0;
  const std::string url = urls.empty() ? url_of(load(call.terminal)) : urls[0];
  const std::string line = first_line(url);
  const bool is_well = line.starts_with("HTTP/1.") && line.find(" 200 ") != std::string::npos;
  call.terminal.print(printable(fmt::format("{}: {}", url, line)) + "\n");
  return is_well ? 0 : 1;
}

}  // namespace mien::cli
