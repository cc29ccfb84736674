// How a connection takes requests. Included by server.cpp alone.
#pragma once

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>

#include "service/http/connection-inl.h"

namespace mien::service {

inline std::string new_request_id() {
  std::array<unsigned char, 16> random{};
  RAND_bytes(random.data(), static_cast<int>(random.size()));
  std::string id;
  for (const unsigned char byte : random) id += fmt::format("{:02x}", byte);
  return id;
}

inline Connection::Connection(Hub& hub, Socket socket, std::string peer)
    : hub_(hub), socket_(std::move(socket)), peer_(std::move(peer)), wake_(hub.loop.io, Clock::time_point::max()) {
  in_.reserve(kReadBytes);
}

inline void Connection::enter(Phase phase) {
  phase_ = phase;
  phase_began_ = window_began_ = Clock::now();
  window_bytes_ = 0;
}

inline Task<void> Connection::wait() { co_await wake_.async_wait(awaiting()); }

inline void Connection::start(std::optional<Refusal> refused) {
  refused_ = std::move(refused);
  is_refused_ = refused_.has_value();
  // The coroutine holds the connection, and the hub alone when it is over.
  asio::co_spawn(hub_.loop.io, serve(), [self = shared_from_this()](const std::exception_ptr& failure) {
    // Nothing throws through it but what is a defect; the connection ends then, and the others go on.
    if (failure) self->hang_up();
    self->hang_up();
    self->hub_.connections.erase(self);
    self->hub_.connection_count = self->hub_.connections.size();
    if (self->hub_.on_gone) self->hub_.on_gone();
  });
}

inline Task<void> Connection::serve() {
  bool goes_on = true;
  while (goes_on && !is_closed_) goes_on = co_await serve_one();
  if (!is_closed_) co_await linger();
}

// False: the connection ends.
inline Task<bool> Connection::serve_one() {
  std::optional<std::variant<Head, HeadFault>> read;
  const std::shared_ptr<Request> request = std::make_shared<Request>();
  if (refused_) {
    current_ = request;
    request->head.request.id = new_request_id();
    request->head.keep_alive = false;
    request->facts.refused_reason = hub_.is_draining ? kRefusedDraining : kRefusedConnections;
    refuse(request, *refused_);
  } else {
    enter(Phase::idle);
    if (hub_.is_draining && in_.size() == 0) hang_up();
    read = co_await read_head();
    if (!read) co_return false;
    current_ = request;
    request->begun = Clock::now();
    const HeadFault* const fault = std::get_if<HeadFault>(&*read);
    if (fault == nullptr) request->head = std::move(std::get<Head>(*read));
    RequestHead& head = request->head.request;
    const std::string_view id = head.header("x-request-id").value_or("");
    head.id = is_request_id(id) ? std::string(id) : new_request_id();
    head.trace_id = trace_id_of(head.header("traceparent").value_or(""));
    head.peer = peer_;
    if (fault != nullptr) {
      request->head.keep_alive = false;
      const std::string_view code = fault->status == 408   ? "timeout"
                                    : fault->status == 400 ? "invalid_argument"
                                                           : "limit_exceeded";
      refuse(request, Refusal{fault->status, std::string(code), fault->message});
    } else {
      dispatch(request);
    }
  }
  if (!request->is_ended) co_await run(request);
  enter(Phase::waiting);
  while (!is_over(request)) co_await wait();
  if (request->head.keep_alive) co_await finish_body(request);
  enter(Phase::waiting);
  while (!is_closed_ && !out_.empty()) co_await wait();
  if (is_closed_) co_return false;
  complete(*request, request->status);
  current_.reset();
  co_return request->body_is_read && request->head.keep_alive;
}

// Nothing: there is no request any more.
inline Task<std::optional<std::variant<Head, HeadFault>>> Connection::read_head() {
  constexpr std::string_view kEnd = "\r\n\r\n";
  std::size_t seen = 0;
  while (!is_closed_) {
    const std::string_view bytes = input();
    if (seen == 0 && !bytes.empty()) enter(Phase::head);
    const std::size_t end = bytes.find(kEnd, seen - std::min(seen, kEnd.size() - 1));
    const std::size_t size = end == std::string_view::npos ? bytes.size() : end + kEnd.size();
    if (size > hub_.options.header_bytes_max) {
      co_return HeadFault{431, fmt::format("the head is longer than {} bytes", hub_.options.header_bytes_max)};
    }
    if (end != std::string_view::npos) {
      std::variant<Head, HeadFault> head = parse_head(bytes.substr(0, size));
      framing_.emplace();
      SystemError error;
      framing_->put(asio::buffer(bytes.data(), size), error);
      if (std::holds_alternative<Head>(head) && (error || !framing_->is_header_done())) {
        head = HeadFault{400, "the head is not one of HTTP/1.1"};
      }
      in_.consume(size);
      co_return head;
    }
    if (std::optional<HeadFault> fault = early_fault(bytes, seen)) co_return std::move(*fault);
    seen = bytes.size();
    const Read read = co_await read_more();
    if (read == Read::timed_out) {
      co_return HeadFault{
          408, fmt::format("the head was not complete within {} s", hub_.options.header_time.count() / 1000)};
    }
    if (read == Read::end && seen > 0) co_return HeadFault{400, "the head ends before its empty line"};
    if (read != Read::data) co_return std::nullopt;
  }
  co_return std::nullopt;
}

inline Task<Connection::Read> Connection::read_more() {
  if (in_.size() >= kReadBytes) co_return Read::malformed;
  is_reading_ = true;
  const auto [error, size] = co_await socket_.async_read_some(in_.prepare(kReadBytes - in_.size()), awaiting());
  is_reading_ = false;
  if (is_timed_out_ && !is_closed_) {
    is_timed_out_ = false;
    co_return Read::timed_out;
  }
  if (is_closed_) co_return Read::failed;
  if (error == asio::error::eof) co_return Read::end;
  if (error) co_return Read::failed;
  in_.commit(size);
  window_bytes_ += size;
  co_return Read::data;
}

// The next bytes of the body, which lie in in_ until they are consumed; none of them: it is complete.
inline Task<Connection::Read> Connection::next_piece(std::string_view& piece) {
  piece = {};
  while (!framing_->is_done()) {
    framing_->forget_piece();
    SystemError error;
    const std::size_t taken = in_.size() == 0 ? 0 : framing_->put(in_.data(), error);
    if (error && error != http::error::need_more) co_return Read::malformed;
    if (!framing_->piece().empty()) {
      // What stands before it is its framing.
      piece = framing_->piece();
      in_.consume(taken - piece.size());
      co_return Read::data;
    }
    in_.consume(taken);
    if (taken > 0) continue;
    const Read read = co_await read_more();
    if (read != Read::data) co_return read;
  }
  co_return Read::data;
}

inline const Route* Connection::find_route(const RequestHead& head) const {
  const std::string_view method = head.method == "HEAD" ? "GET" : std::string_view(head.method);
  const auto found = std::find_if(hub_.routes.begin(), hub_.routes.end(), [&](const Route& route) {
    return route.path == head.path && route.method == method;
  });
  return found == hub_.routes.end() ? nullptr : &*found;
}

// There is no such path, or it does not take this method.
inline void Connection::refuse_unknown(const std::shared_ptr<Request>& request) {
  const RequestHead& head = request->head.request;
  std::string allowed;
  for (const Route& route : hub_.routes) {
    if (route.path != head.path) continue;
    allowed += fmt::format("{}{}{}", allowed.empty() ? "" : ", ", route.method, route.method == "GET" ? ", HEAD" : "");
  }
  const bool is_known = head.method == "GET" || head.method == "HEAD" || head.method == "POST";
  if (is_known && allowed.empty()) {
    return refuse(request,
                  Error{ErrorCode::not_found, "there is no such path: /openapi.json has those that there are"});
  }
  if (allowed.empty()) allowed = "GET, HEAD, POST";
  request->head.keep_alive = false;
  refuse(request, Refusal{405, "method_not_allowed", fmt::format("this path takes {}", allowed), {{"Allow", allowed}}});
}

// Refuses the request, or leaves it to its route.
inline void Connection::dispatch(const std::shared_ptr<Request>& request) {
  const RequestHead& head = request->head.request;
  request->route = find_route(head);
  if (hub_.is_draining) {
    {
      const std::lock_guard lock(request->mutex);
      request->facts.refused_reason = kRefusedDraining;
    }
    return refuse(request, Refusal{503, "unavailable", "the service is about to end"});
  }
  const auto by_path =
      std::find_if(hub_.routes.begin(), hub_.routes.end(), [&](const Route& route) { return route.path == head.path; });
  const Access access = by_path == hub_.routes.end() ? Access::keyed : by_path->access;
  if (const std::optional<Refusal> refusal = hub_.guard.check(access, head)) return refuse(request, *refusal);
  if (request->route == nullptr) return refuse_unknown(request);
  const bool has_body = request->head.is_chunked || head.content_length.value_or(0) > 0;
  if (has_body && request->route->body == BodyKind::none) {
    request->head.keep_alive = false;
    refuse(request, Error{ErrorCode::invalid_argument, fmt::format("{} {} takes no body", head.method, head.path)});
  }
}

inline void Connection::failed(const std::shared_ptr<Request>& request, const Error& error) {
  const bool has_begun = is_current(request) && request->is_begun && !request->is_ended;
  if (!has_begun || handler_ == nullptr || !handler_->on_failure(error)) return refuse(request, error);
  request->head.keep_alive = false;
}

// What throws is answered.
inline Connection::Outcome Connection::guarded(const std::shared_ptr<Request>& request,
                                               const std::function<Outcome()>& call) {
  try {
    return call();
  } catch (const Exception& exception) {
    failed(request, exception.error());
  } catch (const std::bad_alloc&) {
    failed(request, Error{ErrorCode::unavailable, "out of memory: try again later"});
  } catch (const std::exception& exception) {
    failed(request,
           Error{ErrorCode::internal, fmt::format("a defect of mien: {}: please report it", exception.what())});
  }
  return Outcome::stop;
}

inline Task<void> Connection::run(std::shared_ptr<Request> request) {
  Outcome outcome = guarded(request, [&] {
    handler_ =
        request->route->make(std::make_shared<ServedExchange>(hub_.loop.shared_from_this(), weak_from_this(), request));
    return BodyReader::outcome_of(handler_->on_head());
  });
  outcome = co_await when_wanted(request, outcome);
  if (outcome == Outcome::read_on && request->route->body == BodyKind::none) {
    request->body_is_read = true;
    outcome = guarded(request, [&] {
      handler_->on_end();
      return Outcome::stop;
    });
  }
  if (outcome == Outcome::read_on) outcome = co_await read_body(request);
  request->is_forwarded = outcome == Outcome::forward;
  handler_.reset();
  if (request->is_forwarded) co_await forward(request);
}

inline Task<Connection::Outcome> Connection::read_body(std::shared_ptr<Request> request) {
  std::optional<BodyReader> reader;
  Outcome outcome = guarded(request, [&] {
    reader.emplace(*request->route, request->head.request, *handler_, hub_.budget,
                   BodyLimits{hub_.options.body_bytes_max});
    return Outcome::read_on;
  });
  if (outcome == Outcome::read_on) outcome = co_await when_room(request, [&] { return reader->begin(); });
  if (outcome != Outcome::read_on) co_return outcome;
  if (request->head.expects_continue && in_.size() == 0) push("HTTP/1.1 100 Continue\r\n\r\n");
  enter(Phase::body);
  while (outcome == Outcome::read_on && !is_over(request)) {
    std::string_view piece;
    const Read read = co_await next_piece(piece);
    if (read != Read::data) co_return body_failed(request, read);
    if (piece.empty()) {
      request->body_is_read = true;
      co_return guarded(request, [&] { return reader->end(); });
    }
    request->bytes_in += piece.size();
    if (reader->may_forward()) raw_ += piece;
    const std::size_t size = piece.size();
    outcome = co_await take_piece(request, *reader, piece);
    in_.consume(size);
    if (!reader->may_forward()) raw_ = {};
  }
  co_return outcome;
}

inline Task<Connection::Outcome> Connection::take_piece(std::shared_ptr<Request> request, BodyReader& reader,
                                                        std::string_view piece) {
  Outcome outcome = Outcome::read_on;
  do {
    outcome = guarded(request, [&] { return reader.take(piece); });
    if (outcome == Outcome::no_room) {
      outcome = co_await when_room(request, [&] { return reader.take(piece); });
    }
    outcome = co_await when_wanted(request, outcome);
  } while (outcome == Outcome::read_on && !piece.empty());
  co_return outcome;
}

// Calls until there is room. Time limits of reading rest.
inline Task<Connection::Outcome> Connection::when_room(std::shared_ptr<Request> request,
                                                       std::function<Outcome()> call) {
  Outcome outcome = guarded(request, call);
  if (outcome != Outcome::no_room) co_return outcome;
  const bool is_batch = request->route->body == BodyKind::stream;
  const auto ask = [&] { return BodyReader::outcome_of(handler_->on_no_room()); };
  if (!is_batch && guarded(request, ask) != Outcome::wait) {
    {
      const std::lock_guard lock(request->mutex);
      request->facts.refused_reason = kRefusedBytes;
    }
    refuse(request, Error{ErrorCode::unavailable, "the service has no room for the body now: try again later"});
    co_return Outcome::stop;
  }
  const Phase before = phase_;
  enter(Phase::waiting);
  while (outcome == Outcome::no_room && !is_over(request)) {
    // Asked before the next try, so that nothing that comes back in between is missed.
    const std::shared_ptr<bool> has_room = std::make_shared<bool>(false);
    hub_.budget->when_room([loop = hub_.loop.shared_from_this(), weak = weak_from_this(), has_room] {
      asio::post(loop->io, [weak, has_room] {
        *has_room = true;
        if (const std::shared_ptr<Connection> self = weak.lock()) self->wake();
      });
    });
    outcome = guarded(request, call);
    while (outcome == Outcome::no_room && !*has_room && !is_over(request)) co_await wait();
  }
  enter(before);
  co_return is_over(request) && outcome == Outcome::no_room ? Outcome::stop : outcome;
}

// After Outcome::wait, until Exchange::read_on; another outcome comes back at once.
inline Task<Connection::Outcome> Connection::when_wanted(std::shared_ptr<Request> request, Outcome outcome) {
  if (outcome != Outcome::wait) co_return outcome;
  const Phase before = phase_;
  enter(Phase::waiting);
  while (!request->may_read_on && !is_over(request)) co_await wait();
  request->may_read_on = false;
  enter(before);
  co_return is_over(request) ? Outcome::stop : Outcome::read_on;
}

inline Connection::Outcome Connection::body_failed(const std::shared_ptr<Request>& request, Read read) {
  request->head.keep_alive = false;
  if (is_closed_) return Outcome::stop;
  if (read == Read::failed) {
    hang_up();
    return Outcome::stop;
  }
  request->gone.request_stop();
  refuse(request,
         Error{ErrorCode::invalid_argument,
               read == Read::end ? fmt::format("the body ends after {} bytes, before its end", request->bytes_in)
                                 : "the body's chunks are not those of HTTP/1.1"});
  if (!request->is_ended) hang_up();
  return Outcome::stop;
}

// Reads and drops what is left of the body, within bounds.
inline Task<void> Connection::finish_body(std::shared_ptr<Request> request) {
  enter(Phase::draining);
  std::size_t dropped = 0;
  while (!request->body_is_read && !is_closed_ && dropped <= kDrainBytesMax) {
    std::string_view piece;
    if (co_await next_piece(piece) != Read::data) co_return;
    request->body_is_read = piece.empty();
    dropped += piece.size();
    request->bytes_in += piece.size();
    in_.consume(piece.size());
  }
}

// What a client still sends is read for a while behind the answer: closing on it could take the answer away.
inline Task<void> Connection::linger() {
  SystemError ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  enter(Phase::draining);
  std::size_t dropped = in_.size();
  in_.consume(in_.size());
  while (!ignored && dropped <= kDrainBytesMax) {
    if (co_await read_more() != Read::data) co_return;
    dropped += in_.size();
    in_.consume(in_.size());
  }
}

inline void Connection::check_time(Clock::time_point now) {
  const ServerOptions& options = hub_.options;
  const Clock::duration age = now - phase_began_;
  if (phase_ == Phase::idle && age >= options.idle_time) return hang_up();
  if (phase_ == Phase::draining && age >= kDrainTime) return hang_up();
  if (phase_ == Phase::head && age >= options.header_time && is_reading_) {
    is_timed_out_ = true;
    SystemError ignored;
    socket_.cancel(ignored);
    return;
  }
  if (phase_ == Phase::body && now - window_began_ >= options.slow_after) {
    const double seconds = std::chrono::duration<double>(now - window_began_).count();
    if (is_reading_ &&
        static_cast<double>(window_bytes_) < seconds * static_cast<double>(options.slow_bytes_per_second)) {
      return hang_up();
    }
    window_began_ = now;
    window_bytes_ = 0;
  }
  // A client that takes nothing of its answer, unless it is still sending.
  if (!out_.empty() && phase_ != Phase::body && now - write_began_ >= options.idle_time) hang_up();
}

}  // namespace mien::service
