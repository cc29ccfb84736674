#include "service/http/body.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace mien::service {
namespace {

constexpr std::size_t kRoomStepBytes = std::size_t{256} << 10;  // a body of unknown length asks for this much more
constexpr std::size_t kOverheadBytes = std::size_t{64} << 10;   // of a multipart beside its files

// A page of another site can send other types without asking first.
void require_json(std::string_view content_type) {
  const std::string_view type = trim(content_type.substr(0, content_type.find(';')));
  if (lower(type) == "application/json") return;
  throw Exception(ErrorCode::unsupported, "the body is not said to be JSON: send Content-Type: application/json");
}

}  // namespace

BodyReader::Outcome BodyReader::outcome_of(Flow flow) {
  switch (flow) {
    case Flow::read_on: return Outcome::read_on;
    case Flow::wait: return Outcome::wait;
    case Flow::stop: return Outcome::stop;
    case Flow::forward: return Outcome::forward;
  }
  return Outcome::stop;
}

BodyReader::BodyReader(const Route& route, const RequestHead& head, RequestHandler& handler,
                       std::shared_ptr<Budget> budget, BodyLimits limits)
    : route_(route), head_(head), handler_(handler), budget_(std::move(budget)), limits_(limits) {
  may_forward_ = !route.forward_after.empty();
  if (route.body == BodyKind::json) {
    require_json(head.content_type);
    limits_.image_bytes_max = std::min(limits_.image_bytes_max, kJsonBytesMax);
  } else if (route.body != BodyKind::image || is_multipart(head.content_type)) {
    parser_.emplace(multipart_boundary(head.content_type).take());
  }
  part_.content_type = head.content_type;
  if (head.content_length.value_or(0) > length_max()) fail_limit();
}

std::size_t BodyReader::length_max() const {
  if (!parser_) return limits_.image_bytes_max;
  if (route_.body == BodyKind::stream) return SIZE_MAX;
  const auto files =
      std::count_if(route_.parts.begin(), route_.parts.end(), [](const PartRow& row) { return row.is_file; });
  return static_cast<std::size_t>(std::max<std::ptrdiff_t>(files, 1)) * limits_.image_bytes_max + kOverheadBytes;
}

void BodyReader::fail_limit() const {
  if (route_.body == BodyKind::json) {
    throw Exception(ErrorCode::limit_exceeded,
                    fmt::format("the body is larger than {} MB: send less at once", kJsonBytesMax >> 20));
  }
  throw Exception(ErrorCode::limit_exceeded,
                  fmt::format("the body is larger than {} MB an image: send a smaller one, or start the service with a "
                              "larger --body-mb",
                              limits_.image_bytes_max >> 20));
}

BodyReader::Outcome BodyReader::begin() {
  if (route_.body == BodyKind::stream || !head_.content_length) return Outcome::read_on;
  const std::size_t length = *head_.content_length;
  // What could never be had is no reason to wait for it.
  if (length > budget_->bytes_max()) fail_limit();
  if (!budget_->reserve(whole_, length)) return Outcome::no_room;
  if (!parser_) {
    part_.reserved = std::move(whole_);
    part_.bytes.reserve(length);
  }
  return Outcome::read_on;
}

BodyReader::Outcome BodyReader::take(std::string_view& piece) {
  if (parser_) return take_parts(piece);
  std::size_t taken = 0;
  const Outcome outcome = take_bytes(piece, taken);
  piece.remove_prefix(taken);
  return outcome;
}

// Room for so many more bytes of the part.
bool BodyReader::make_room(std::size_t bytes) {
  const std::size_t needed = part_.bytes.size() + bytes;
  if (needed <= part_.reserved.bytes()) return true;
  if (whole_.bytes() > 0) {
    Reservation more = whole_.split(std::min(whole_.bytes(), needed - part_.reserved.bytes()));
    part_.reserved.merge(std::move(more));
    if (needed <= part_.reserved.bytes()) return true;
  }
  const std::size_t step = std::max(kRoomStepBytes, needed - part_.reserved.bytes());
  // A batch is never refused half-way: one of them may always go on.
  if (route_.body == BodyKind::stream) return budget_->reserve_beyond(part_.reserved, step);
  return budget_->reserve(part_.reserved, step);
}

BodyReader::Outcome BodyReader::take_bytes(std::string_view bytes, std::size_t& taken) {
  taken = 0;
  const std::size_t size = part_.bytes.size() + bytes.size();
  const std::size_t rest_max = length_max() - std::min(length_max(), bytes_);
  if (size > limits_.image_bytes_max || bytes.size() > rest_max) fail_limit();
  if (!make_room(bytes.size())) return Outcome::no_room;
  part_.bytes.insert(part_.bytes.end(), bytes.begin(), bytes.end());
  bytes_ += bytes.size();
  taken = bytes.size();
  return Outcome::read_on;
}

BodyReader::Outcome BodyReader::begin_part() {
  if (++parts_ > route_.parts_max) {
    throw Exception(ErrorCode::limit_exceeded,
                    fmt::format("more than {} parts: send the rest in another request", route_.parts_max));
  }
  part_ = {};
  part_.name = parser_->part().name;
  part_.file_name = parser_->part().file_name;
  part_.content_type = parser_->part().content_type;
  // The length of the body is that of its last part, nearly.
  if (part_.file_name && whole_.bytes() > 0) part_.bytes.reserve(std::min(whole_.bytes(), limits_.image_bytes_max));
  return Outcome::read_on;
}

BodyReader::Outcome BodyReader::take_parts(std::string_view& piece) {
  for (;;) {
    if (!held_.empty()) {
      std::size_t taken = 0;
      const Outcome outcome = take_bytes(held_, taken);
      if (outcome != Outcome::read_on) return outcome;
      held_ = {};
    }
    Outcome outcome = Outcome::read_on;
    switch (std::move(parser_->next(piece)).take()) {
      case MultipartParser::Event::need_more: return Outcome::read_on;
      case MultipartParser::Event::part_begin: outcome = begin_part(); break;
      case MultipartParser::Event::bytes: held_ = parser_->bytes(); break;
      case MultipartParser::Event::part_end: outcome = hand_over(); break;
      case MultipartParser::Event::end: break;
    }
    if (outcome != Outcome::read_on) return outcome;
  }
}

BodyReader::Outcome BodyReader::hand_over() {
  part_.reserved.shrink(part_.bytes.size());
  const bool decides = part_.name == route_.forward_after;
  const Outcome outcome = outcome_of(handler_.on_part(std::exchange(part_, {})));
  if (decides && outcome != Outcome::forward) may_forward_ = false;
  return outcome;
}

BodyReader::Outcome BodyReader::end() {
  if (parser_ && !parser_->is_complete()) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("multipart body: it ends {}, without the last boundary", parser_->place()));
  }
  if (!parser_) {
    const Outcome outcome = hand_over();
    if (outcome == Outcome::stop || outcome == Outcome::forward) return outcome;
  }
  handler_.on_end();
  return Outcome::read_on;
}

}  // namespace mien::service
