// The bytes before the body, read strictly: what two readers could understand differently is refused, so that no byte
// of a body is ever taken for the next request.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "service/http/http.h"

namespace mien::service {

// Why a head is refused: the status and a sentence.
struct HeadFault {
  int status = 400;
  std::string message;
};

struct Head {
  RequestHead request;  // all but peer, id and trace_id
  std::string target;   // as it came
  bool is_http_1_0 = false;
  bool keep_alive = true;
  bool is_chunked = false;
  bool expects_continue = false;
};

// What is wrong already with the beginning of a head that is not complete; `from` bytes of it were seen before. A line
// without CR, a CR without LF, a first line that is none: nobody has to wait for the rest.
std::optional<HeadFault> early_fault(std::string_view bytes, std::size_t from);

// `bytes` end with the empty line behind the head.
std::variant<Head, HeadFault> parse_head(std::string_view bytes);

// As a URL's path or query has them: %41 is A, and in a query + is a space. Nothing for a % without two hex digits.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);

// An id that a client may choose: 1 to 64 characters of [A-Za-z0-9._-].
bool is_request_id(std::string_view text);
// The 32 hex digits of a traceparent (W3C trace context); empty where there is none.
std::string trace_id_of(std::string_view traceparent);

}  // namespace mien::service
