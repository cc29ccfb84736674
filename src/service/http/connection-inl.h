// One connection: requests one after another, each with its answer. Included by server.cpp alone.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <deque>
#include <optional>

#include "service/http/body.h"
#include "service/http/exchange-inl.h"

namespace mien::service {

namespace http = boost::beast::http;

inline constexpr std::size_t kReadBytes = std::size_t{64} << 10;
inline constexpr std::size_t kDrainBytesMax = std::size_t{1} << 20;
inline constexpr std::chrono::milliseconds kDrainTime{1'000};

// Beast's view of a request. The head was read strictly before (head.h); here bodies are taken out of their framing,
// one piece at a time, which stays where it lies.
class BodyFraming final : public http::basic_parser<true> {
 public:
  BodyFraming() {
    header_limit(kReadBytes);
    body_limit(boost::none);
  }
  // What the bytes taken by the last put() have of the body.
  std::string_view piece() const { return piece_; }
  void forget_piece() { piece_ = {}; }

 private:
  using View = boost::beast::string_view;
  using Code = boost::beast::error_code;
  void on_request_impl(http::verb, View, View, int, Code&) override {}
  void on_response_impl(int, View, int, Code&) override {}
  void on_field_impl(http::field, View, View, Code&) override {}
  void on_header_impl(Code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
  std::size_t on_body_impl(View body, Code&) override { return take(body); }
  void on_chunk_header_impl(std::uint64_t, View, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View body, Code&) override { return take(body); }
  void on_finish_impl(Code&) override {}
  std::size_t take(View body) {
    piece_ = {body.data(), body.size()};
    return body.size();
  }

  std::string_view piece_;
};

class Connection final : public Answering, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Hub& hub, Socket socket, std::string peer);

  // `refused`: the first answer is this one, without a look at the request.
  void start(std::optional<Refusal> refused);
  void answer(const std::shared_ptr<Request>& request, Response response) override;
  void begin(const std::shared_ptr<Request>& request, Response head) override;
  void write(const std::shared_ptr<Request>& request, std::string piece) override;
  void end(const std::shared_ptr<Request>& request) override;
  void read_on(const std::shared_ptr<Request>& request) override;
  void abandon(const std::shared_ptr<Request>& request) override;

  // Closes at once; whoever works for the request is told.
  void hang_up();
  // Ends what took too long.
  void check_time(Clock::time_point now);
  bool is_idle() const { return phase_ == Phase::idle; }
  bool is_refused() const { return is_refused_; }
  // Whether nothing is read, so that only the socket itself says that the client is gone.
  bool is_watched() const { return phase_ == Phase::waiting && current_ && !current_->is_ended; }
  int descriptor() { return socket_.native_handle(); }
  Clock::time_point phase_began() const { return phase_began_; }

 private:
  enum class Phase { idle, head, body, waiting, draining };
  enum class Read { data, end, timed_out, failed, malformed };
  using Outcome = BodyReader::Outcome;

  Task<void> serve();
  Task<bool> serve_one();
  Task<std::optional<std::variant<Head, HeadFault>>> read_head();
  Task<Read> read_more();
  Task<Read> next_piece(std::string_view& piece);
  void dispatch(const std::shared_ptr<Request>& request);
  const Route* find_route(const RequestHead& head) const;
  void refuse_unknown(const std::shared_ptr<Request>& request);
  Task<void> run(std::shared_ptr<Request> request);
  Task<Outcome> read_body(std::shared_ptr<Request> request);
  Task<Outcome> take_piece(std::shared_ptr<Request> request, BodyReader& reader, std::string_view piece);
  Task<Outcome> when_room(std::shared_ptr<Request> request, std::function<Outcome()> call);
  Task<Outcome> when_wanted(std::shared_ptr<Request> request, Outcome outcome);
  Outcome body_failed(const std::shared_ptr<Request>& request, Read read);
  void failed(const std::shared_ptr<Request>& request, const Error& error);
  Outcome guarded(const std::shared_ptr<Request>& request, const std::function<Outcome()>& call);
  Task<void> finish_body(std::shared_ptr<Request> request);
  Task<void> linger();
  Task<void> forward(std::shared_ptr<Request> request);
  Task<std::optional<Error>> forward_request(std::shared_ptr<Request> request, Socket& upstream);
  Task<bool> forward_body(std::shared_ptr<Request> request, Socket& upstream);
  std::string forwarded_head(const Request& request) const;

  void refuse(const std::shared_ptr<Request>& request, const Refusal& refusal);
  void refuse(const std::shared_ptr<Request>& request, const Error& error);
  bool is_current(const std::shared_ptr<Request>& request) const { return request == current_ && !is_closed_; }
  bool is_over(const std::shared_ptr<Request>& request) const { return is_closed_ || request->is_ended; }
  void decide_keep_alive(Request& request);
  std::string head_of(Request& request, const Response& response);
  void push(std::string bytes);
  void write_some();
  void complete(Request& request, int status);
  void enter(Phase phase);
  Task<void> wait();
  void wake() { wake_.cancel(); }
  std::string_view input() const { return {static_cast<const char*>(in_.data().data()), in_.size()}; }

  Hub& hub_;
  const std::shared_ptr<Loop> loop_;
  Socket socket_;
  const std::string peer_;
  std::optional<Refusal> refused_;
  bool is_refused_ = false;
  Timer wake_;
  boost::beast::flat_buffer in_;
  std::shared_ptr<Request> current_;
  std::unique_ptr<RequestHandler> handler_;  // of the current request, as long as calls are left for it
  std::optional<BodyFraming> framing_;
  std::string raw_;  // of the body, as long as it may be forwarded
  bool is_closed_ = false;
  bool is_timed_out_ = false;
  bool is_reading_ = false;
  bool is_writing_ = false;
  std::deque<std::string> out_;
  std::size_t out_done_ = 0;  // bytes of its first that are written
  Phase phase_ = Phase::idle;
  Clock::time_point phase_began_ = Clock::now();
  Clock::time_point write_began_;   // since when nothing of the answer went out
  Clock::time_point window_began_;  // of measuring how fast a body comes
  std::size_t window_bytes_ = 0;
};

}  // namespace mien::service

#include "service/http/answers-inl.h"
#include "service/http/requests-inl.h"
#include "service/http/upstream-inl.h"
