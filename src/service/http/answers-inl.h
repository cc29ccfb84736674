// How a connection answers. Included by server.cpp alone.
#pragma once

#include <fmt/format.h>

#include <ctime>

#include "service/http/connection-inl.h"

namespace mien::service {

inline std::string_view reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Status";
  }
}

inline std::string date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 40> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

// Whether an answer that comes before the body was read may be followed by the next request: what is left is known, and
// little enough to be read and dropped.
inline void Connection::decide_keep_alive(Request& request) {
  if (hub_.is_draining || is_refused_) request.head.keep_alive = false;
  if (request.body_is_read || !request.head.keep_alive) return;
  const std::optional<std::uint64_t> length = request.head.request.content_length;
  const bool waits_to_be_asked = request.head.expects_continue && request.bytes_in == 0;
  const bool has_body = request.head.is_chunked || length.value_or(0) > 0;
  const bool is_known = length && *length - std::min(request.bytes_in, *length) <= kDrainBytesMax;
  if (has_body && (!is_known || waits_to_be_asked)) request.head.keep_alive = false;
}

inline std::string Connection::head_of(Request& request, const Response& response) {
  decide_keep_alive(request);
  request.status = response.status;
  std::string text = fmt::format(
      "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: {}\r\nX-Request-Id: {}\r\n"
      "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n",
      response.status, reason_of(response.status), date_now(), response.content_type, request.head.request.id);
  if (!request.head.request.trace_id.empty()) {
    text += fmt::format("traceparent: {}\r\n", request.head.request.header("traceparent").value_or(""));
  }
  bool has_retry = false;
  for (const auto& [name, value] : response.headers) {
    text += fmt::format("{}: {}\r\n", name, value);
    has_retry = has_retry || name == "Retry-After";
  }
  if (response.status == 503 && !has_retry) {
    text += fmt::format("Retry-After: {}\r\n", hub_.options.retry_after ? hub_.options.retry_after() : 1);
  }
  if (!request.head.keep_alive) {
    text += "Connection: close\r\n";
  } else if (request.head.is_http_1_0) {
    text += "Connection: keep-alive\r\n";
  }
  return text;
}

inline void Connection::answer(const std::shared_ptr<Request>& request, Response response) {
  if (!is_current(request) || request->is_begun) return;
  request->is_begun = request->is_ended = true;
  std::string text = head_of(*request, response) + fmt::format("Content-Length: {}\r\n\r\n", response.body.size());
  if (request->head.request.method != "HEAD") text += response.body;
  push(std::move(text));
}

inline void Connection::begin(const std::shared_ptr<Request>& request, Response head) {
  if (!is_current(request) || request->is_begun) return;
  request->is_begun = true;
  request->is_chunked = !request->head.is_http_1_0;
  // What has no other end ends with the connection.
  if (!request->is_chunked) request->head.keep_alive = false;
  push(head_of(*request, head) + (request->is_chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n"));
  write(request, std::move(head.body));
}

inline void Connection::write(const std::shared_ptr<Request>& request, std::string piece) {
  if (!is_current(request) || !request->is_begun || request->is_ended || piece.empty()) return;
  if (request->head.request.method == "HEAD") return;
  push(request->is_chunked ? fmt::format("{:x}\r\n{}\r\n", piece.size(), piece) : std::move(piece));
}

inline void Connection::end(const std::shared_ptr<Request>& request) {
  if (!is_current(request) || !request->is_begun || request->is_ended) return;
  request->is_ended = true;
  if (request->is_chunked && request->head.request.method != "HEAD") push("0\r\n\r\n");
  wake();
}

inline void Connection::read_on(const std::shared_ptr<Request>& request) {
  if (!is_current(request)) return;
  request->may_read_on = true;
  wake();
}

inline void Connection::abandon(const std::shared_ptr<Request>& request) {
  if (!is_current(request) || request->is_ended || request->is_forwarded) return;
  // Half an answer is cut off, so that nobody takes it for a whole one.
  if (request->is_begun) return hang_up();
  refuse(request, Error{ErrorCode::internal, "a defect of mien: nobody answered: please report it"});
}

// Before an answer: the status with its body. Behind the beginning of one: the connection ends.
inline void Connection::refuse(const std::shared_ptr<Request>& request, const Refusal& refusal) {
  if (!is_current(request) || request->is_ended) return;
  if (request->is_begun) return hang_up();
  const bool own_form = request->route != nullptr && request->route->error;
  const std::string& id = request->head.request.id;
  Response response = own_form ? request->route->error(refusal.status, refusal.code, refusal.message, id)
                               : error_response(refusal.status, refusal.code, refusal.message, id);
  for (const NameValue& header : refusal.headers) response.headers.push_back(header);
  answer(request, std::move(response));
}

inline void Connection::refuse(const std::shared_ptr<Request>& request, const Error& error) {
  refuse(request, Refusal{error_http_status(error.code), std::string(error_code_name(error.code)), error.message});
}

inline void Connection::push(std::string bytes) {
  if (is_closed_ || bytes.empty()) return;
  if (out_.empty()) write_began_ = Clock::now();
  out_.push_back(std::move(bytes));
  if (!is_writing_) write_some();
}

inline void Connection::write_some() {
  is_writing_ = true;
  const asio::const_buffer rest = asio::buffer(out_.front()) + out_done_;
  socket_.async_write_some(rest, [self = shared_from_this()](const SystemError& error, std::size_t size) {
    self->is_writing_ = false;
    if (self->is_closed_) return;
    if (error) return self->hang_up();
    self->write_began_ = Clock::now();
    self->out_done_ += size;
    if (self->out_done_ == self->out_.front().size()) {
      self->out_.pop_front();
      self->out_done_ = 0;
    }
    if (!self->out_.empty()) return self->write_some();
    // The client has it; what it does while the rest of its body is dropped changes nothing.
    if (self->current_ && self->current_->is_ended) self->complete(*self->current_, self->current_->status);
    self->wake();
  });
}

inline void Connection::complete(Request& request, int status) {
  if (std::exchange(request.is_completed, true) || !hub_.options.on_completed) return;
  Completed done;
  done.route = request.route == nullptr              ? "other"
               : request.route->metrics_name.empty() ? request.route->path
                                                     : request.route->metrics_name;
  done.status = status;
  done.seconds = std::chrono::duration<double>(Clock::now() - request.begun).count();
  done.bytes_in = request.bytes_in;
  done.method = request.head.request.method;
  done.peer = peer_;
  done.id = request.head.request.id;
  done.trace_id = request.head.request.trace_id;
  done.analyses = request.route != nullptr && request.route->analyses;
  {
    const std::lock_guard lock(request.mutex);
    done.facts = request.facts;
  }
  hub_.options.on_completed(done);
}

inline void Connection::hang_up() {
  if (std::exchange(is_closed_, true)) return;
  SystemError ignored;
  socket_.close(ignored);
  if (current_) {
    current_->gone.request_stop();
    complete(*current_, 0);
  }
  wake();
}

}  // namespace mien::service
