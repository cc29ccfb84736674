#include "service/health.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/descriptor.h"
#include "service/http/upstream.h"

namespace mien::service {
namespace {

constexpr int kAnswerSeconds = 5;

struct Place {
  std::string host;
  std::string port;
  std::string path;
};

// http://HOST:PORT, with a path behind it or without.
Place parse_url(const std::string& url) {
  const std::size_t begin = url.find("://");
  const std::size_t slash = begin == std::string::npos ? begin : url.find('/', begin + 3);
  const UpstreamAddress address = parse_upstream(url.substr(0, slash)).take();
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
}  // namespace

std::string first_line_of_answer(const std::string& url) {
  const Place place = parse_url(url);
  const Descriptor socket = connected(url, place);
  const bool is_ipv6 = place.host.find(':') != std::string::npos;
  const std::string request = fmt::format("GET {} HTTP/1.1\r\nHost: {}:{}\r\nConnection: close\r\n\r\n", place.path,
                                          is_ipv6 ? "[" + place.host + "]" : place.host, place.port);
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    fail(url, std::strerror(errno));
  }
  std::string answer;
  std::array<char, 512> piece{};
  while (answer.find("\r\n") == std::string::npos) {
    const ssize_t size = ::recv(socket.get(), piece.data(), piece.size(), 0);
    if (size < 0 && errno == EAGAIN) fail(url, fmt::format("nothing came in {} s", kAnswerSeconds));
    if (size < 0) fail(url, std::strerror(errno));
    if (size == 0) fail(url, "it closed the connection");
    answer.append(piece.data(), static_cast<std::size_t>(size));
  }
  return answer.substr(0, answer.find("\r\n"));
}

}  // namespace mien::service
