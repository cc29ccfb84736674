// multipart/form-data (RFC 7578) as it arrives, piece by piece. It holds no part: the bytes are handed on.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "mien/result.h"

namespace mien::service {

// The boundary of a Content-Type. Errors: unsupported (another type), invalid_argument (no boundary, a wrong one).
Result<std::string> multipart_boundary(std::string_view content_type);
// Whether a Content-Type is multipart/form-data, with or without a boundary.
bool is_multipart(std::string_view content_type);

struct PartHead {
  std::string name;
  std::optional<std::string> file_name;
  std::string content_type;
};

class MultipartParser {
 public:
  enum class Event {
    need_more,   // all of the piece is taken
    part_begin,  // part() has its head
    bytes,       // bytes() has some of the part
    part_end,
    end  // the last boundary is read; what may still come is a line end
  };

  explicit MultipartParser(std::string_view boundary);
  // Takes from the beginning of `piece` and says what that was. An error (invalid_argument) names the place; nothing
  // may be asked behind it.
  Result<Event> next(std::string_view& piece);
  const PartHead& part() const { return part_; }
  // Valid as long as the piece is, and until the next call.
  std::string_view bytes() const { return bytes_; }
  bool is_complete() const { return state_ == State::last_dash || state_ == State::done; }
  // Where in the body the parser is, for the message about one that ends too early.
  std::string place() const;

 private:
  enum class State { first_boundary, behind_boundary, head, body, last_dash, done };
  Result<Event> take_first_boundary(std::string_view& piece);
  Result<Event> take_behind_boundary(std::string_view& piece);
  Result<Event> take_head(std::string_view& piece);
  Result<Event> take_body(std::string_view& piece);
  Result<Event> take_rest(std::string_view& piece);
  Result<Event> begin_part();
  Error wrong(std::string_view what) const;

  std::string delimiter_;  // CR LF -- boundary
  State state_ = State::first_boundary;
  std::size_t matched_ = 0;  // bytes of the delimiter that were seen and not handed on
  std::string line_;         // what came of the line or head that is being read
  PartHead part_;
  std::string_view bytes_;
  std::size_t parts_ = 0;
};

}  // namespace mien::service
