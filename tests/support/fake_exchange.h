// A request and its answer without a network: what a route says and how it reads is seen here.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "service/http/http.h"
#include "support/photos.h"

namespace mien::test {

class FakeExchange final : public service::Exchange {
 public:
  explicit FakeExchange(std::vector<service::NameValue> query = {}) {
    head.query = std::move(query);
    head.id = "request-1";
  }

  const service::RequestHead& request() const override { return head; }
  void answer(service::Response response) override {
    change([&] {
      ++answers;
      given = std::move(response);
      is_ended = true;
    });
  }
  void begin(service::Response response) override {
    change([&] {
      ++answers;
      given = std::move(response);
    });
  }
  void write(std::string piece) override {
    change([&] { given->body += piece; });
  }
  void end() override {
    change([&] { is_ended = true; });
  }
  void read_on() override {
    change([&] { ++reads; });
  }
  std::stop_token gone() const override { return client.get_token(); }
  void add(const service::RequestFacts& more) override {
    change([&] { facts = more; });
  }

  // Whether it came true within some seconds. `what` looks at members.
  template <typename What>
  bool waits_for(What what) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(120), what);
  }
  service::Response wait() {
    if (!waits_for([&] { return is_ended; })) return {};
    const std::lock_guard lock(mutex_);
    return *given;
  }

  service::RequestHead head;
  std::stop_source client;
  std::optional<service::Response> given;
  service::RequestFacts facts;
  int answers = 0;
  int reads = 0;  // calls of read_on
  bool is_ended = false;

 private:
  template <typename Change>
  void change(Change change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
};

inline service::Part make_part(std::string name, ByteVector bytes, std::optional<std::string> file_name = {}) {
  service::Part part;
  part.name = std::move(name);
  part.bytes = std::move(bytes);
  part.file_name = std::move(file_name);
  return part;
}

inline service::Part make_part(std::string name, const std::string& text) {
  return make_part(std::move(name), ByteVector(text.begin(), text.end()));
}

}  // namespace mien::test
