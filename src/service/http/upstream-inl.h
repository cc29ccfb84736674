// Passes a request on to another service, unchanged, and its answer back. Included by server.cpp alone.
#pragma once

#include <fmt/format.h>

#include <array>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/text.h"
#include "service/http/connection-inl.h"
#include "service/http/upstream.h"

namespace mien::service {

// The head as it came, but for what belongs to the connection, and for keys, which are not meant for others.
inline std::string Connection::forwarded_head(const Request& request) const {
  constexpr std::array<std::string_view, 11> kOwn = {
      "host",   "connection", "keep-alive", "proxy-connection", "transfer-encoding", "content-length",
      "expect", "upgrade",    "te",         "authorization",    "x-api-key"};
  const UpstreamAddress upstream = parse_upstream(hub_.options.upstream).take();
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}:{}\r\nConnection: close\r\n", request.head.request.method,
                                 request.head.target, upstream.host, upstream.port);
  for (const auto& [name, value] : request.head.request.headers) {
    if (std::find(kOwn.begin(), kOwn.end(), name) == kOwn.end()) text += fmt::format("{}: {}\r\n", name, value);
  }
  const std::optional<std::uint64_t> length = request.head.request.content_length;
  text += length ? fmt::format("content-length: {}\r\n\r\n", *length) : "transfer-encoding: chunked\r\n\r\n";
  return text;
}

// False: the other side takes no more, which its answer may explain.
inline Task<bool> Connection::forward_body(std::shared_ptr<Request> request, Socket& upstream) {
  const bool is_chunked = request->head.is_chunked;
  std::string text = forwarded_head(*request);
  std::string bytes = std::exchange(raw_, {});
  for (;;) {
    if (is_chunked && !bytes.empty()) bytes = fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
    text += bytes;
    if (is_chunked && request->body_is_read) text += "0\r\n\r\n";
    const auto [error, size] = co_await asio::async_write(upstream, asio::buffer(text), awaiting());
    if (error) co_return false;
    if (request->body_is_read) co_return true;
    enter(Phase::body);
    std::string_view piece;
    const Read read = co_await next_piece(piece);
    if (read != Read::data) {
      body_failed(request, read);
      co_return false;
    }
    request->body_is_read = piece.empty();
    request->bytes_in += piece.size();
    bytes = piece;
    in_.consume(piece.size());
    text.clear();
  }
}

// Sends the request and answers with what comes; an error where nothing did.
inline Task<std::optional<Error>> Connection::forward_request(std::shared_ptr<Request> request, Socket& upstream) {
  constexpr std::uint64_t kAnswerBytesMax = std::uint64_t{64} << 20;
  const UpstreamAddress place = parse_upstream(hub_.options.upstream).take();
  asio::ip::basic_resolver<asio::ip::tcp, Executor> resolver(hub_.loop.io);
  const auto [unknown, endpoints] = co_await resolver.async_resolve(place.host, place.port, awaiting());
  if (unknown) co_return Error{ErrorCode::unavailable, unknown.message()};
  SystemError failure = asio::error::host_not_found;
  for (const auto& row : endpoints) {
    SystemError ignored;
    (void)upstream.close(ignored);
    const auto [error] = co_await upstream.async_connect(row.endpoint(), awaiting());
    failure = error;
    if (!failure || is_over(request)) break;
  }
  if (failure) co_return Error{ErrorCode::unavailable, failure.message()};
  (void)co_await forward_body(request, upstream);
  if (is_over(request)) co_return std::nullopt;
  enter(Phase::waiting);
  http::response_parser<http::string_body> parser;
  parser.body_limit(kAnswerBytesMax);
  boost::beast::flat_buffer buffer;
  const auto [error, size] = co_await http::async_read(upstream, buffer, parser, awaiting());
  if (error) co_return Error{ErrorCode::unavailable, error.message()};
  Response response{.status = static_cast<int>(parser.get().result_int()), .body = std::move(parser.get().body())};
  const auto type = parser.get()[http::field::content_type];
  response.content_type = std::string(type.data(), type.size());
  answer(request, std::move(response));
  co_return std::nullopt;
}

inline Task<void> Connection::forward(std::shared_ptr<Request> request) {
  // The timer's call may come when this here is over.
  const auto upstream = std::make_shared<Socket>(hub_.loop.io);
  const auto is_late = std::make_shared<bool>(false);
  const auto give_up = [upstream] {
    SystemError ignored;
    (void)upstream->close(ignored);
  };
  Timer limit(hub_.loop.io, hub_.options.upstream_time);
  limit.async_wait([give_up, is_late](const SystemError& ended) {
    if (ended) return;
    *is_late = true;
    give_up();
  });
  const std::stop_callback when_gone(request->gone.get_token(), give_up);
  const std::optional<Error> error = co_await forward_request(request, *upstream);
  limit.cancel();
  if (error && *is_late) {
    refuse(request, Refusal{504, "cancelled",
                            fmt::format("{} did not answer in {} s", hub_.options.upstream,
                                        hub_.options.upstream_time.count() / 1000)});
  } else if (error) {
    refuse(request,
           Refusal{502, "unavailable", fmt::format("{} does not answer: {}", hub_.options.upstream, error->message)});
  }
}

}  // namespace mien::service
