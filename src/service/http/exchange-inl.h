// One request as the connection and those who work for it share it. Included by server.cpp alone.
#pragma once

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>

#include "service/http/head.h"
#include "service/http/hub-inl.h"

namespace mien::service {

struct Request {
  Head head;
  const Route* route = nullptr;
  Clock::time_point begun = Clock::now();
  std::stop_source gone;
  std::mutex mutex;  // guards facts
  RequestFacts facts;
  std::atomic<int> underway = 0;  // calls of an Exchange that the server's thread has not come to
  // ---- Of the server's thread alone
  std::uint64_t bytes_in = 0;
  int status = 0;
  bool is_begun = false;    // an answer, or the first piece of one, was handed in
  bool is_ended = false;    // all of it was
  bool is_chunked = false;  // it goes out in pieces
  bool body_is_read = false;
  bool may_read_on = false;
  bool is_forwarded = false;  // another service answers
  bool is_completed = false;  // it was reported
};

// What a Connection does for an exchange.
class Answering {
 public:
  virtual ~Answering() = default;
  virtual void answer(const std::shared_ptr<Request>& request, Response response) = 0;
  virtual void begin(const std::shared_ptr<Request>& request, Response head) = 0;
  virtual void write(const std::shared_ptr<Request>& request, std::string piece) = 0;
  virtual void end(const std::shared_ptr<Request>& request) = 0;
  virtual void read_on(const std::shared_ptr<Request>& request) = 0;
  virtual void abandon(const std::shared_ptr<Request>& request) = 0;  // nobody is left to answer
};

class ServedExchange final : public Exchange {
 public:
  ServedExchange(std::shared_ptr<Loop> loop, std::weak_ptr<Answering> connection, std::shared_ptr<Request> request)
      : loop_(std::move(loop)), connection_(std::move(connection)), request_(std::move(request)) {}
  ~ServedExchange() override {
    if (state_ == State::ended) return;
    do_there([](Answering& connection, const std::shared_ptr<Request>& request) { connection.abandon(request); });
  }

  const RequestHead& request() const override { return request_->head.request; }

  void answer(Response response) override {
    go_on(State::open, State::ended);
    do_there([response = std::move(response)](Answering& connection, const std::shared_ptr<Request>& request) mutable {
      connection.answer(request, std::move(response));
    });
  }
  void begin(Response head) override {
    go_on(State::open, State::begun);
    do_there([head = std::move(head)](Answering& connection, const std::shared_ptr<Request>& request) mutable {
      connection.begin(request, std::move(head));
    });
  }
  void write(std::string piece) override {
    do_there([piece = std::move(piece)](Answering& connection, const std::shared_ptr<Request>& request) mutable {
      connection.write(request, std::move(piece));
    });
  }
  void end() override {
    go_on(State::begun, State::ended);
    do_there([](Answering& connection, const std::shared_ptr<Request>& request) { connection.end(request); });
  }
  void read_on() override {
    do_there([](Answering& connection, const std::shared_ptr<Request>& request) { connection.read_on(request); });
  }
  std::stop_token gone() const override { return request_->gone.get_token(); }
  void add(const RequestFacts& facts) override {
    const std::lock_guard lock(request_->mutex);
    RequestFacts& all = request_->facts;
    all.images += facts.images;
    all.faces += facts.faces;
    all.queue_ms = std::max(all.queue_ms, facts.queue_ms);
    if (!facts.refused_reason.empty()) all.refused_reason = facts.refused_reason;
  }

 private:
  enum class State { open, begun, ended };
  void go_on(State from, State to) {
    if (!state_.compare_exchange_strong(from, to)) throw std::logic_error("a request is answered twice");
  }
  // On the server's thread, in the order in which it was handed in: at once where that is this thread, unless something
  // of a worker's is still on its way there. An end that overtook it would end nothing.
  template <typename Action>
  void do_there(Action action) {
    std::atomic<int>& underway = request_->underway;
    if (underway == 0 && loop_->io.get_executor().running_in_this_thread()) {
      if (const std::shared_ptr<Answering> there = connection_.lock()) action(*there, request_);
      return;
    }
    ++underway;
    asio::post(loop_->io, [connection = connection_, request = request_, action = std::move(action)]() mutable {
      --request->underway;
      if (const std::shared_ptr<Answering> there = connection.lock()) action(*there, request);
    });
  }

  const std::shared_ptr<Loop> loop_;
  const std::weak_ptr<Answering> connection_;
  const std::shared_ptr<Request> request_;
  std::atomic<State> state_{State::open};
};

}  // namespace mien::service
