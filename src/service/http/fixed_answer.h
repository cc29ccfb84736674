// A route that answers the same to everybody.
#pragma once

#include <memory>
#include <utility>

#include "service/http/http.h"

namespace mien::service {

class FixedAnswer final : public RequestHandler {
 public:
  FixedAnswer(std::shared_ptr<Exchange> exchange, std::shared_ptr<const Response> response)
      : exchange_(std::move(exchange)), response_(std::move(response)) {}
  Flow on_part(Part /*part*/) override { return Flow::read_on; }
  void on_end() override { exchange_->answer(*response_); }

 private:
  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<const Response> response_;
};

}  // namespace mien::service
