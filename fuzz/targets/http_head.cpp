// The head of a request -> who may ask, whatever it holds.
#include "../target.h"
#include "base/utf8.h"
#include "service/guard.h"
#include "service/http/head.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mien;
  using namespace mien::service;
  const std::string_view bytes = fuzz::as_text({data, size});
  std::variant<Head, HeadFault> result = parse_head(bytes);
  for (std::size_t from = 0; from < bytes.size(); from += 7) {
    const bool fault = early_fault(bytes.substr(0, from + 1), from).has_value();
    fuzz::require(!fault || std::holds_alternative<HeadFault>(result), "what is wrong early is wrong in whole");
  }
  if (const HeadFault* const fault = std::get_if<HeadFault>(&result)) {
    fuzz::require(fault->status == 400 || fault->status == 413 || fault->status == 431, "a fault of the client");
    fuzz::require(!fault->message.empty() && is_valid_utf8(fault->message), "which is said");
    return 0;
  }
  Head& head = std::get<Head>(result);
  fuzz::require(head.request.path.starts_with('/') && is_valid_utf8(head.request.path), "a path is one");
  fuzz::require(!(head.is_chunked && head.request.content_length), "one length alone");
  for (const auto& [name, value] : head.request.query) {
    fuzz::require(is_valid_utf8(name) && is_valid_utf8(value), "a query is text");
  }
  (void)trace_id_of(head.request.header("traceparent").value_or(""));
  head.request.peer = "10.0.0.1";
  const Guard loopback({.address = "127.0.0.1"});
  const bool is_own = !loopback.check(Access::keyed, head.request);
  fuzz::require(!is_own || head.request.header("sec-fetch-site") != "cross-site", "no page of another site");
  const Guard elsewhere({.address = "0.0.0.0", .is_key = [](std::string_view) { return false; }});
  fuzz::require(elsewhere.check(Access::keyed, head.request).has_value(), "no key, no answer");
  return 0;
}
