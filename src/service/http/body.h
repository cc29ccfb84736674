// A body on its way to the handler of its route: cut into parts, within the limits and the budget of bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "service/budget.h"
#include "service/http/http.h"
#include "service/http/multipart.h"

namespace mien::service {

struct BodyLimits {
  std::size_t image_bytes_max = 0;  // of one part, or of a body that has none
};

class BodyReader {
 public:
  enum class Outcome {
    read_on,
    wait,     // the handler wants no more for now
    no_room,  // the budget is full: call the same again when there is room
    stop,
    forward
  };

  static Outcome outcome_of(Flow flow);

  // Throws Exception for a body that is refused whatever it holds: invalid_argument, unsupported, limit_exceeded.
  BodyReader(const Route& route, const RequestHead& head, RequestHandler& handler, std::shared_ptr<Budget> budget,
             BodyLimits limits);

  // Before the first byte: takes what a body of known length needs out of the budget.
  Outcome begin();
  // Takes from the beginning of `piece`. Throws Exception for what is wrong with the body, and what the handler throws.
  Outcome take(std::string_view& piece);
  // The body is complete. Outcome::wait does not come.
  Outcome end();
  // Whether what came so far may still be needed for Flow::forward.
  bool may_forward() const { return may_forward_; }

 private:
  Outcome hand_over();
  Outcome take_parts(std::string_view& piece);
  Outcome take_bytes(std::string_view bytes, std::size_t& taken);
  Outcome begin_part();
  bool make_room(std::size_t bytes);
  std::size_t length_max() const;
  [[noreturn]] void fail_limit() const;

  const Route& route_;
  const RequestHead& head_;
  RequestHandler& handler_;
  std::shared_ptr<Budget> budget_;
  BodyLimits limits_;
  std::optional<MultipartParser> parser_;  // of a multipart
  Reservation whole_;                      // of a body of known length that no part has taken yet
  Part part_;
  std::size_t parts_ = 0;
  std::size_t bytes_ = 0;  // of the body so far
  bool may_forward_ = false;
  std::string_view held_;  // bytes of a part that the budget had no room for
};

}  // namespace mien::service
