// A multipart body -> its parts, which do not depend on the pieces that it came in.
#include "service/http/multipart.h"

#include <string>
#include <vector>

#include "../target.h"

namespace {

using namespace mien;
using mien::service::MultipartParser;

struct Outcome {
  std::vector<std::string> parts;  // name, file name, type, then the bytes
  bool failed = false;
  bool complete = false;
  bool operator==(const Outcome&) const = default;
};

Outcome parse(std::string_view body, std::size_t step) {
  MultipartParser parser("b");
  Outcome outcome;
  while (!body.empty()) {
    // A copy as long as the piece, so that nothing behind it is read.
    const std::string copy(body.substr(0, step));
    body.remove_prefix(copy.size());
    std::string_view piece = copy;
    for (;;) {
      const Result<MultipartParser::Event> event = parser.next(piece);
      if (!event) {
        fuzz::require(event.error().code == ErrorCode::invalid_argument, "a broken body is a wrong argument");
        fuzz::require(!event.error().message.empty(), "and says what is wrong");
        outcome.failed = true;
        return outcome;
      }
      if (*event == MultipartParser::Event::need_more) break;
      if (*event == MultipartParser::Event::part_begin) {
        fuzz::require(!parser.part().name.empty(), "parts have names");
        outcome.parts.push_back(parser.part().name);
        outcome.parts.push_back(parser.part().file_name.value_or(""));
        outcome.parts.push_back(parser.part().content_type);
        outcome.parts.emplace_back();
      }
      if (*event == MultipartParser::Event::bytes) {
        fuzz::require(!outcome.parts.empty(), "bytes belong to a part");
        outcome.parts.back() += parser.bytes();
      }
    }
    fuzz::require(piece.empty(), "a piece is taken in whole");
  }
  outcome.complete = parser.is_complete();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body = mien::fuzz::as_text({data, size});
  const Outcome whole = parse(body, body.size());
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}}) {
    const Outcome pieces = parse(body, step);
    mien::fuzz::require(pieces.failed == whole.failed && pieces.complete == whole.complete, "pieces change nothing");
    mien::fuzz::require(whole.failed || pieces.parts == whole.parts, "nor the parts");
  }
  (void)mien::service::multipart_boundary(body);
  return 0;
}
