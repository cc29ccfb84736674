// The HTTP side over real sockets of loopback, with routes that say what they got.
#include "service/http/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace mien::service {
namespace {

using namespace std::chrono_literals;

// Of a header of an answer; empty where it is not there.
std::string value_of(const std::string& answer, const std::string& name) {
  const std::string start = "\r\n" + name + ": ";
  const std::size_t at = answer.find(start);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + start.size();
  return answer.substr(begin, answer.find("\r\n", begin) - begin);
}

// What a test wants of a route, by the path.
class TestHandler final : public RequestHandler {
 public:
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::shared_ptr<Exchange>> held;  // of /hold, /wait and /batch
    int gone = 0;
  };
  TestHandler(std::shared_ptr<Exchange> exchange, Shared& shared) : exchange_(std::move(exchange)), shared_(shared) {}

  Flow on_head() override {
    const std::string& path = exchange_->request().path;
    if (path == "/throw") throw Exception(ErrorCode::unsupported, "not this one");
    if (path == "/stop") {
      exchange_->answer({.status = 503, .body = "no\n"});
      return Flow::stop;
    }
    if (path == "/wait") {
      hold();
      return Flow::wait;
    }
    if (path == "/batch") exchange_->begin({.body = "", .content_type = "application/x-ndjson"});
    return Flow::read_on;
  }
  Flow on_no_room() override { return exchange_->request().path == "/image" ? Flow::stop : Flow::wait; }
  Flow on_part(Part part) override {
    if (part.name == "entries" && exchange_->request().path == "/forward") return Flow::forward;
    text_ += part.name + "=" + std::to_string(part.bytes.size()) + "," + std::to_string(part.reserved.bytes()) + "\n";
    if (exchange_->request().path != "/batch") return Flow::read_on;
    exchange_->write(std::string(64 << 10, 'x') + "\n");
    return Flow::read_on;
  }
  void on_end() override {
    const std::string& path = exchange_->request().path;
    if (path == "/hold") return hold();
    if (path == "/batch") return exchange_->end();
    if (path == "/forget") return;
    if (path == "/worker") {
      std::thread([this] {
        exchange_->begin({});
        exchange_->write("record");
      }).join();
      return exchange_->end();
    }
    if (path == "/half") {
      exchange_->begin({});
      return exchange_->write("half");
    }
    exchange_->answer({.body = text_.empty() ? "nothing\n" : text_, .content_type = "text/plain"});
  }

 private:
  void hold() {
    const std::lock_guard lock(shared_.mutex);
    shared_.held.push_back(exchange_);
    shared_.changed.notify_all();
  }
  std::shared_ptr<Exchange> exchange_;
  Shared& shared_;
  std::string text_;
};

// A connection of a client that does what is wrong as easily as what is right.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(port);
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&place), sizeof(place)), 0);
    const timeval limit{10, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
  }
  void end_sending() const { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  // One answer by its length, or all until the end where it has none.
  std::string receive() {
    for (;;) {
      const std::size_t head = in_.find("\r\n\r\n");
      if (head != std::string::npos) {
        const std::string length = value_of(in_.substr(0, head + 2), "Content-Length");
        const bool sized = !length.empty();
        const std::size_t size = head + 4 + (sized ? std::stoul(length) : 0);
        if (sized && in_.size() >= size) {
          const std::string answer = in_.substr(0, size);
          in_.erase(0, size);
          return answer;
        }
      }
      if (!more()) return std::exchange(in_, "");
    }
  }
  // Until the connection ends; "reset" and "silent" are said.
  std::string rest() {
    while (more()) {
    }
    return std::exchange(in_, "") + why_;
  }

 private:
  bool more() {
    std::array<char, 65536> piece{};
    const ssize_t size = ::recv(socket_, piece.data(), piece.size(), 0);
    if (size < 0) why_ = errno == EAGAIN ? "(silent)" : "(reset)";
    if (size <= 0) return false;
    in_.append(piece.data(), static_cast<std::size_t>(size));
    return true;
  }
  int socket_;
  std::string in_;
  std::string why_;
};

class ServerTest : public testing::Test {
 protected:
  void start() {
    options_.port = 0;
    options_.on_completed = [this](const Completed& completed) {
      const std::lock_guard lock(shared_.mutex);
      completed_.push_back(completed);
      shared_.changed.notify_all();
    };
    std::vector<Route> routes;
    const auto add = [&](std::string_view method, std::string_view path, BodyKind body) {
      Route route{.method = method, .path = path, .summary = "", .body = body};
      if (path == "/two") route.parts = {{"a", true, false, ""}, {"b", true, false, ""}};
      route.parts_max = 20;
      route.make = [this](std::shared_ptr<Exchange> exchange) {
        return std::make_unique<TestHandler>(std::move(exchange), shared_);
      };
      routes.push_back(route);
    };
    for (const char* const path : {"/get", "/hold", "/forget", "/half", "/worker"}) add("GET", path, BodyKind::none);
    for (const char* const path : {"/image", "/stop", "/throw", "/wait", "/hold"}) add("POST", path, BodyKind::image);
    add("POST", "/two", BodyKind::multipart);
    add("POST", "/forward", BodyKind::multipart);
    routes.back().forward_after = "entries";
    add("POST", "/batch", BodyKind::stream);
    server_.emplace(options_, routes, budget_);
    thread_ = std::jthread([this] { server_->run(); });
  }
  void TearDown() override {
    if (server_) server_->stop();
    if (thread_.joinable()) thread_.join();
    shared_.held.clear();
    server_.reset();
  }
  std::string ask(const std::string& bytes) {
    Client client(server_->port());
    client.send(bytes);
    return client.rest();
  }
  std::shared_ptr<Exchange> held() {
    std::unique_lock lock(shared_.mutex);
    shared_.changed.wait_for(lock, 10s, [&] { return !shared_.held.empty(); });
    std::shared_ptr<Exchange> exchange = shared_.held.empty() ? nullptr : shared_.held.back();
    if (exchange) shared_.held.pop_back();
    return exchange;
  }
  Completed completed(std::size_t count) {
    std::unique_lock lock(shared_.mutex);
    shared_.changed.wait_for(lock, 10s, [&] { return completed_.size() >= count; });
    EXPECT_EQ(completed_.size(), count);
    return completed_.empty() ? Completed{} : completed_.back();
  }

  ServerOptions options_;
  std::shared_ptr<Budget> budget_ = std::make_shared<Budget>(std::size_t{8} << 20);
  TestHandler::Shared shared_;
  std::vector<Completed> completed_;
  std::optional<Server> server_;
  std::jthread thread_;
};

std::string post(const std::string& path, const std::string& body, const std::string& headers = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string get(const std::string& path, const std::string& headers = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n";
}

std::string status_of(const std::string& answer) { return answer.substr(0, std::min<std::size_t>(answer.size(), 12)); }
std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(ServerTest, ManyRequestsOnOneConnectionHaveTheirAnswersInOrder) {
  start();
  Client client(server_->port());
  client.send(get("/get") + post("/image", "12345") + get("/nowhere") + post("/image", "1") + get("/get"));
  EXPECT_EQ(body_of(client.receive()), "nothing\n");
  EXPECT_EQ(body_of(client.receive()), "=5,5\n");
  EXPECT_EQ(status_of(client.receive()), "HTTP/1.1 404");
  EXPECT_EQ(body_of(client.receive()), "=1,1\n");
  EXPECT_EQ(body_of(client.receive()), "nothing\n");
  EXPECT_EQ(completed(5).route, "/get");
  EXPECT_EQ(budget_->held(), 0U);
}

TEST_F(ServerTest, AnswersSayWhatBrowsersMustNotDoWithThem) {
  start();
  const std::string id(64, 'a');
  const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const std::string answer =
      ask(get("/get", "X-Request-Id: " + id + "\r\ntraceparent: " + trace + "\r\nConnection: close\r\n"));
  EXPECT_TRUE(has(answer, "X-Content-Type-Options: nosniff\r\n"));
  EXPECT_TRUE(has(answer, "Cache-Control: no-store\r\n"));
  EXPECT_TRUE(has(answer, "X-Request-Id: " + id + "\r\n"));
  EXPECT_TRUE(has(answer, "traceparent: " + trace + "\r\n"));
  EXPECT_EQ(completed(1).trace_id, "0af7651916cd43dd8448eb211c80319c");
  const std::string other = ask(get("/get", "X-Request-Id: a b\r\nConnection: close\r\n"));
  const std::string made = value_of(other, "X-Request-Id");
  EXPECT_EQ(made.size(), 32U) << other;
  EXPECT_EQ(made.find_first_not_of("0123456789abcdef"), std::string::npos) << other;
}

TEST_F(ServerTest, WhatAWorkerHandedInComesBeforeTheEnd) {
  start();
  EXPECT_TRUE(has(ask(get("/worker", "Connection: close\r\n")), "\r\n\r\n6\r\nrecord\r\n0\r\n\r\n"));
}

TEST_F(ServerTest, HeadIsGetWithoutTheBody) {
  start();
  const std::string answer = ask("HEAD /get HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(has(answer, "Content-Length: 8\r\n"));
  EXPECT_EQ(body_of(answer), "");
}

TEST_F(ServerTest, BodiesComeInChunksToo) {
  start();
  const std::string head = "POST /image HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  Client client(server_->port());
  client.send(head + "3\r\nabc\r\n" + "A;x=y\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n" + get("/get"));
  EXPECT_EQ(body_of(client.receive()), "=13,13\n");
  EXPECT_EQ(body_of(client.receive()), "nothing\n");
  EXPECT_EQ(status_of(ask(head + "x\r\nabc\r\n")), "HTTP/1.1 400");
  EXPECT_EQ(status_of(ask(head + "3\r\nabcd\r\n0\r\n\r\n")), "HTTP/1.1 400");
}

TEST_F(ServerTest, ExpectIsAnswered) {
  start();
  Client client(server_->port());
  client.send("POST /image HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  std::this_thread::sleep_for(100ms);
  client.send("abc");
  client.end_sending();
  const std::string text = client.rest();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")) << text;
}

TEST_F(ServerTest, PartsOfAFormComeWithTheirNames) {
  start();
  const std::string type = "Content-Type: multipart/form-data; boundary=b\r\nConnection: close\r\n";
  const std::string form =
      "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"x\"\r\n\r\n12\r\n"
      "--b\r\nContent-Disposition: form-data; name=\"b\"; filename=\"y\"\r\n\r\n345\r\n--b--\r\n";
  EXPECT_EQ(body_of(ask(post("/two", form, type))), "a=2,2\nb=3,3\n");
  EXPECT_EQ(body_of(ask(post("/image", form, type))), "a=2,2\nb=3,3\n");
  EXPECT_EQ(status_of(ask(post("/two", form, "Connection: close\r\n"))), "HTTP/1.1 415");
  EXPECT_EQ(status_of(ask(post("/two", form.substr(0, 70), type))), "HTTP/1.1 400");
  EXPECT_EQ(status_of(ask(post("/two", "", type))), "HTTP/1.1 400");
  EXPECT_EQ(budget_->held(), 0U);
}

TEST_F(ServerTest, WhatTwoReadersCouldReadDifferentlyEndsTheConnection) {
  start();
  const std::string next = get("/get");
  for (const std::string& bytes : {
           std::string("POST /image HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: "
                       "chunked\r\n\r\n0\r\n\r\n"),
           std::string("POST /image HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
           std::string("GET /get HTTP/1.1\r\nHost: localhost\r\nA: b\rc\r\n\r\n"),
           std::string("GET /get HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"),
           std::string("GET /get HTTP/1.1\nHost: localhost\n\n"),
           std::string("GET /get\r\n"),
           std::string("TRACE /get HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"),
           std::string("QUERY /image HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"),
           std::string("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n"),
           std::string("CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
       }) {
    const std::string answer = ask(bytes + next);
    EXPECT_TRUE(status_of(answer) == "HTTP/1.1 400" || status_of(answer) == "HTTP/1.1 405") << bytes << answer;
    EXPECT_TRUE(has(answer, "Connection: close\r\n")) << bytes;
    EXPECT_EQ(answer.find("HTTP/1.1 ", 5), std::string::npos) << "one answer alone\n" << bytes << answer;
    EXPECT_FALSE(has(answer, "(reset)")) << bytes;
    EXPECT_EQ(status_of(answer) == "HTTP/1.1 405", has(answer, "Allow: ")) << answer;
  }
  EXPECT_TRUE(has(ask("POST /get HTTP/1.1\r\nHost: localhost\r\n\r\n"), "Allow: GET, HEAD\r\n"));
}

TEST_F(ServerTest, LimitsAreSaidBeforeTheBodyIsRead) {
  options_.body_bytes_max = 1000;
  start();
  Client client(server_->port());
  client.send("POST /image HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_EQ(status_of(client.receive()), "HTTP/1.1 413");
  EXPECT_EQ(status_of(ask("POST /image HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                          std::string(1001, 'a') + "\r\n")),
            "HTTP/1.1 413");
  EXPECT_EQ(status_of(ask(get("/get", "A: " + std::string(17 << 10, 'a') + "\r\n"))), "HTTP/1.1 431");
  EXPECT_EQ(status_of(ask("GET /" + std::string(17 << 10, 'a'))), "HTTP/1.1 431");
}

TEST_F(ServerTest, ASenderThatReadsLaterSeesWhyItWasRefused) {
  options_.body_bytes_max = 1000;
  start();
  Client client(server_->port());
  client.send("POST /image HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n");
  client.send(std::string(900000, 'a'));
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(status_of(client.receive()), "HTTP/1.1 413");
}

TEST_F(ServerTest, ARefusalKeepsTheConnectionWhereTheRestIsSmall) {
  start();
  Client client(server_->port());
  client.send(post("/stop", std::string(300000, 'a')) + post("/throw", "abc") + get("/get"));
  EXPECT_EQ(status_of(client.receive()), "HTTP/1.1 503");
  EXPECT_EQ(status_of(client.receive()), "HTTP/1.1 415");
  EXPECT_EQ(body_of(client.receive()), "nothing\n");
}

TEST_F(ServerTest, TheBudgetRefusesOrLetsWait) {
  start();
  Reservation all;
  ASSERT_TRUE(budget_->reserve(all, budget_->bytes_max()));
  Client refused(server_->port());
  refused.send(post("/image", "abc"));
  const std::string answer = refused.receive();
  EXPECT_EQ(status_of(answer), "HTTP/1.1 503");
  EXPECT_TRUE(has(answer, "Retry-After: 1\r\n"));
  EXPECT_EQ(completed(1).facts.refused_reason, kRefusedBytes);
  Client waiting(server_->port());
  waiting.send(post("/two", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--",
                    "Content-Type: multipart/form-data; boundary=b\r\n"));
  std::this_thread::sleep_for(100ms);
  all = {};
  EXPECT_EQ(body_of(waiting.receive()), "a=1,1\n");
}

TEST_F(ServerTest, ABatchGoesOnWhereTheBudgetIsFull) {
  budget_ = std::make_shared<Budget>(std::size_t{1} << 20);
  start();
  std::string form;
  for (int i = 0; i < 8; ++i) {
    form += "--b\r\nContent-Disposition: form-data; name=\"images\"; filename=\"x\"\r\n\r\n" +
            std::string(900000, 'a') + "\r\n";
  }
  form += "--b--\r\n";
  std::vector<std::jthread> threads;
  std::atomic<int> whole{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Client client(server_->port());
      client.send(post("/batch", form, "Content-Type: multipart/form-data; boundary=b\r\nConnection: close\r\n"));
      if (client.rest().ends_with("\r\n0\r\n\r\n")) ++whole;
    });
  }
  threads.clear();
  EXPECT_EQ(whole, 4);
  EXPECT_EQ(budget_->held(), 0U);
}

TEST_F(ServerTest, AClientMayReadAfterItHasSentAll) {
  start();
  std::string form;
  for (int i = 0; i < 20; ++i) {
    form += "--b\r\nContent-Disposition: form-data; name=\"images\"; filename=\"x\"\r\n\r\n" +
            std::string(500000, 'a') + "\r\n";
  }
  Client client(server_->port());
  ASSERT_TRUE(client.send(post("/batch", form + "--b--\r\n", "Content-Type: multipart/form-data; boundary=b\r\n")));
  client.end_sending();
  EXPECT_GT(client.rest().size(), std::size_t{20 * 64} << 10);
  EXPECT_EQ(status_of(ask(post("/batch", form + form, "Content-Type: multipart/form-data; boundary=b\r\n"))),
            "HTTP/1.1 200")
      << "21 parts end a stream that has begun";
}

TEST_F(ServerTest, SlowClientsAreClosed) {
  options_.header_time = 300ms;
  options_.idle_time = 700ms;
  options_.slow_after = 500ms;
  start();
  EXPECT_EQ(status_of(ask("GET /get HT")), "HTTP/1.1 408");
  EXPECT_EQ(ask(""), "") << "idle: closed without a word";
  EXPECT_EQ(ask("POST /image HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc"), "");
  Client dribbles(server_->port());
  dribbles.send("POST /image HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n");
  bool is_open = true;
  for (int i = 0; i < 40 && is_open; ++i) {
    is_open = dribbles.send("a");
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_FALSE(is_open);
  Client waits(server_->port());
  waits.send(post("/wait", "abc"));
  const std::shared_ptr<Exchange> exchange = held();
  std::this_thread::sleep_for(1s);
  exchange->read_on();
  EXPECT_EQ(body_of(waits.receive()), "=3,3\n") << "time limits rest while the server does not read";
}

TEST_F(ServerTest, TheLongestIdleConnectionMakesRoom) {
  options_.connections_max = 2;
  start();
  Client first(server_->port());
  first.send(get("/get"));
  (void)first.receive();
  Client second(server_->port());
  second.send(get("/hold"));
  const std::shared_ptr<Exchange> exchange = held();
  Client third(server_->port());
  third.send(get("/hold"));
  const std::shared_ptr<Exchange> other = held();
  EXPECT_EQ(first.rest(), "") << "the idle one went";
  Client fourth(server_->port());
  EXPECT_EQ(status_of(fourth.receive()), "HTTP/1.1 503");
  exchange->answer({});
  other->answer({});
  EXPECT_EQ(status_of(second.receive()), "HTTP/1.1 200");
}

TEST_F(ServerTest, WhoHangsUpIsGone) {
  start();
  Client client(server_->port());
  client.send(get("/hold"));
  const std::shared_ptr<Exchange> exchange = held();
  EXPECT_FALSE(exchange->gone().stop_requested());
  client.close();
  EXPECT_EQ(completed(1).status, 0);
  EXPECT_TRUE(exchange->gone().stop_requested());
  exchange->answer({});  // is dropped
  Client waits(server_->port());
  waits.send(post("/wait", std::string(100000, 'a')));
  const std::shared_ptr<Exchange> unread = held();
  waits.close();
  EXPECT_EQ(completed(2).status, 0) << "also behind a body that nobody reads";
}

TEST_F(ServerTest, ARequestThatNobodyAnswersIsADefectThatIsSaid) {
  start();
  EXPECT_EQ(status_of(ask(get("/forget", "Connection: close\r\n"))), "HTTP/1.1 500");
  EXPECT_FALSE(has(ask(get("/half")), "0\r\n\r\n")) << "half an answer does not look like a whole one";
}

TEST_F(ServerTest, TheEndWaitsForWhatWasAccepted) {
  start();
  Client busy(server_->port());
  busy.send(get("/hold"));
  const std::shared_ptr<Exchange> exchange = held();
  Client idle(server_->port());
  idle.send(get("/get"));
  (void)idle.receive();
  server_->drain(10s);
  EXPECT_EQ(idle.rest(), "");
  const std::string late = ask(get("/get"));
  EXPECT_EQ(status_of(late), "HTTP/1.1 503");
  EXPECT_TRUE(has(late, "Connection: close\r\n"));
  exchange->answer({.body = "done"});
  const std::string answer = busy.rest();
  EXPECT_EQ(body_of(answer), "done");
  EXPECT_TRUE(has(answer, "Connection: close\r\n"));
  thread_.join();
}

TEST_F(ServerTest, TheEndDoesNotWaitForEver) {
  start();
  Client busy(server_->port());
  busy.send(get("/hold"));
  const std::shared_ptr<Exchange> exchange = held();
  server_->drain(1s);
  thread_.join();
  EXPECT_EQ(busy.rest(), "");
  EXPECT_TRUE(exchange->gone().stop_requested());
  server_.reset();
  exchange->answer({});  // nobody is there any more
}

// Listens, and answers nothing.
class SilentListener {
 public:
  SilentListener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(place);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&place), size), 0);
    EXPECT_EQ(::listen(socket_, 8), 0);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&place), &size);
    url = "http://127.0.0.1:" + std::to_string(ntohs(place.sin_port));
  }
  ~SilentListener() { ::close(socket_); }
  SilentListener(const SilentListener&) = delete;
  SilentListener& operator=(const SilentListener&) = delete;
  // Of the next connection, until it ends; "(silent)" when it does not.
  std::string next() const {
    const int connection = ::accept(socket_, nullptr, nullptr);
    const timeval limit{5, 0};
    ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    std::string text;
    std::array<char, 4096> piece{};
    ssize_t size = 0;
    while ((size = ::recv(connection, piece.data(), piece.size(), 0)) > 0) {
      text.append(piece.data(), static_cast<std::size_t>(size));
    }
    ::close(connection);
    return size < 0 && errno == EAGAIN ? "(silent)" : text;
  }
  std::string url;

 private:
  int socket_;
};

const std::string kForwarded = "--b\r\nContent-Disposition: form-data; name=\"entries\"\r\n\r\n{}\r\n--b--\r\n";

TEST_F(ServerTest, AnUpstreamThatIsLateIsSaid) {
  const SilentListener upstream;
  options_.upstream = upstream.url;
  options_.upstream_time = 300ms;
  start();
  const std::string answer =
      ask(post("/forward", kForwarded, "Content-Type: multipart/form-data; boundary=b\r\nConnection: close\r\n"));
  EXPECT_EQ(status_of(answer), "HTTP/1.1 504");
  EXPECT_TRUE(has(answer, upstream.url));
}

TEST_F(ServerTest, AnUpstreamIsLeftWhenTheClientIsGone) {
  const SilentListener upstream;
  options_.upstream = upstream.url;
  start();
  Client client(server_->port());
  client.send(post("/forward", kForwarded, "Content-Type: multipart/form-data; boundary=b\r\n"));
  std::this_thread::sleep_for(200ms);
  client.close();
  EXPECT_TRUE(upstream.next().ends_with("\r\n\r\n" + kForwarded));
  EXPECT_EQ(completed(1).status, 0);
}

TEST_F(ServerTest, APlaceThatIsTakenIsSaid) {
  start();
  ServerOptions options;
  options.port = server_->port();
  EXPECT_THROW(Server(options, {}, budget_), Exception);
  options.address = "nowhere";
  EXPECT_THROW(Server(options, {}, budget_), Exception);
}

}  // namespace
}  // namespace mien::service
