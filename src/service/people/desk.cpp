#include "service/people/desk.h"

#include <utility>

#include "service/image_work.h"

namespace mien::service {
namespace {

// The answer to what a work on the store throws.
Response answer_to_failure(const Exchange& exchange) {
  try {
    throw;
  } catch (const Conflict& conflict) {
    return error_response(409, "conflict", conflict.message, exchange.request().id);
  } catch (const Exception& failure) {
    const Error& error = failure.error();
    return error_response(is_store_locked(error) ? Error{ErrorCode::unavailable, error.message} : error, exchange);
  } catch (const std::bad_alloc&) {
    return error_response(Error{ErrorCode::unavailable, "out of memory: try again later"}, exchange);
  } catch (const std::exception& failure) {
    return error_response(Error{ErrorCode::internal, failure.what()}, exchange);
  }
}

}  // namespace

void PeopleDesk::post(const std::shared_ptr<Exchange>& exchange, PeopleSession::Purpose purpose, Work work) {
  chores_.post([this, exchange, purpose, work = std::move(work)] {
    if (exchange->gone().stop_requested()) return;
    try {
      session_.look(purpose);
      work(session_);
    } catch (...) {
      exchange->answer(answer_to_failure(*exchange));
    }
  });
}

void PeopleDesk::read_ahead() {
  chores_.post([this] {
    try {
      session_.look(PeopleSession::Purpose::look);
      (void)session_.entries();
    } catch (const std::exception&) {
      // Whoever asks hears of it.
    }
  });
}

}  // namespace mien::service
