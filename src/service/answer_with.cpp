#include "service/answer_with.h"

#include <utility>

#include "service/image_work.h"

namespace mien::service {
namespace {

// Answers at the end of a request without a body.
class AnswerHandler final : public RequestHandler {
 public:
  AnswerHandler(std::shared_ptr<Exchange> exchange, Answer answer, Chores* chores)
      : exchange_(std::move(exchange)), answer_(std::move(answer)), chores_(chores) {}

  Flow on_part(Part /*part*/) override { return Flow::read_on; }

  void on_end() override {
    if (chores_ == nullptr) return exchange_->answer(answer_(*exchange_));
    chores_->post([exchange = exchange_, answer = answer_] {
      try {
        exchange->answer(answer(*exchange));
      } catch (const Exception& error) {
        exchange->answer(error_response(error.error(), *exchange));
      } catch (const std::exception& error) {
        exchange->answer(error_response(Error{ErrorCode::internal, error.what()}, *exchange));
      }
    });
  }

 private:
  std::shared_ptr<Exchange> exchange_;
  Answer answer_;
  Chores* chores_;
};

}  // namespace

std::function<std::unique_ptr<RequestHandler>(std::shared_ptr<Exchange>)> answer_with(Answer answer, Chores* chores) {
  return [answer = std::move(answer), chores](std::shared_ptr<Exchange> exchange) -> std::unique_ptr<RequestHandler> {
    return std::make_unique<AnswerHandler>(std::move(exchange), answer, chores);
  };
}

}  // namespace mien::service
