#include "service/http/multipart.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/utf8.h"

namespace mien::service {
namespace {

constexpr std::size_t kPartHeadBytesMax = std::size_t{8} << 10;
constexpr std::size_t kBoundaryLengthMax = 70;  // RFC 2046
constexpr std::string_view kLineEnd = "\r\n";

// "form-data; name=\"a\"; filename=\"b\"" as its first word and its parameters.
struct Parameters {
  std::string value;                                        // in lower case
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case
  const std::string* find(std::string_view name) const {
    for (const auto& [key, text] : fields) {
      if (key == name) return &text;
    }
    return nullptr;
  }
};

// A quoted string from behind its first quote; `text` goes on behind the last one. Browsers write %22 for a quote,
// others \"; a backslash before anything else is itself, as in the paths of some.
std::optional<std::string> take_quoted(std::string_view& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return result;
    }
    const bool escapes = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
    if (escapes) ++i;
    result += text[i];
  }
  return std::nullopt;
}

std::optional<Parameters> parse_parameters(std::string_view text) {
  Parameters result;
  const std::size_t end = std::min(text.find(';'), text.size());
  result.value = lower(trim(text.substr(0, end)));
  text.remove_prefix(end);
  while (!text.empty()) {
    text.remove_prefix(1);  // ;
    text = trim(text);
    if (text.empty()) break;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string name = lower(trim(text.substr(0, equals)));
    text = trim(text.substr(equals + 1));
    std::string value;
    if (text.starts_with('"')) {
      text.remove_prefix(1);
      std::optional<std::string> quoted = take_quoted(text);
      if (!quoted) return std::nullopt;
      value = std::move(*quoted);
      text = trim(text);
      if (!text.empty() && text.front() != ';') return std::nullopt;
    } else {
      const std::size_t value_end = std::min(text.find(';'), text.size());
      value = trim(text.substr(0, value_end));
      text.remove_prefix(value_end);
    }
    if (result.find(name) != nullptr) return std::nullopt;
    result.fields.emplace_back(name, std::move(value));
  }
  return result;
}

bool is_boundary_char(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (c >= '0' && c <= '9') ||
         (c != '\0' && std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos);
}

}  // namespace

bool is_multipart(std::string_view content_type) {
  return lower(trim(content_type.substr(0, content_type.find(';')))) == "multipart/form-data";
}

Result<std::string> multipart_boundary(std::string_view content_type) {
  if (!is_multipart(content_type)) {
    return Error{ErrorCode::unsupported, "the body is not multipart/form-data: send parts as a form with files does"};
  }
  const std::optional<Parameters> type = parse_parameters(content_type);
  const std::string* const boundary = type ? type->find("boundary") : nullptr;
  const bool valid = boundary != nullptr && !boundary->empty() && boundary->size() <= kBoundaryLengthMax &&
                     boundary->back() != ' ' && std::all_of(boundary->begin(), boundary->end(), is_boundary_char);
  if (!valid) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("Content-Type has no boundary of 1 to {} characters", kBoundaryLengthMax)};
  }
  return *boundary;
}

MultipartParser::MultipartParser(std::string_view boundary) : delimiter_(fmt::format("\r\n--{}", boundary)) {}

std::string MultipartParser::place() const {
  if (parts_ == 0) return "before the first part";
  return fmt::format("{} part {}", state_ == State::behind_boundary ? "behind" : "in", parts_);
}

Error MultipartParser::wrong(std::string_view what) const {
  return {ErrorCode::invalid_argument, fmt::format("multipart body, {}: {}", place(), what)};
}

Result<MultipartParser::Event> MultipartParser::next(std::string_view& piece) {
  switch (state_) {
    case State::first_boundary: return take_first_boundary(piece);
    case State::behind_boundary: return take_behind_boundary(piece);
    case State::head: return take_head(piece);
    case State::body: return take_body(piece);
    case State::last_dash:
    case State::done: return take_rest(piece);
  }
  return Event::need_more;
}

// The body begins with the boundary, or with one line end before it.
Result<MultipartParser::Event> MultipartParser::take_first_boundary(std::string_view& piece) {
  while (!piece.empty()) {
    if (matched_ == 0 && piece.front() != '\r') matched_ = kLineEnd.size();
    if (piece.front() != delimiter_[matched_]) {
      return wrong("it does not begin with the boundary that Content-Type names");
    }
    piece.remove_prefix(1);
    if (++matched_ == delimiter_.size()) {
      matched_ = 0;
      state_ = State::behind_boundary;
      return take_behind_boundary(piece);
    }
  }
  return Event::need_more;
}

// Two dashes end the body; blanks and a line end begin a part.
Result<MultipartParser::Event> MultipartParser::take_behind_boundary(std::string_view& piece) {
  while (!piece.empty()) {
    const char c = piece.front();
    const bool fits = line_.empty() ? c == '-' || c == '\r' || c == ' ' || c == '\t' : true;
    if (!fits) return wrong("the boundary does not end its line");
    piece.remove_prefix(1);
    if (line_ == "-") {
      if (c != '-') return wrong("the boundary does not end its line");
      line_.clear();
      state_ = State::last_dash;
      return Event::end;
    }
    if (line_ == "\r") {
      if (c != '\n') return wrong("a CR without LF behind the boundary");
      line_.clear();
      ++parts_;
      state_ = State::head;
      return take_head(piece);
    }
    if (c == '-' || c == '\r') line_ = c;
  }
  return Event::need_more;
}

Result<MultipartParser::Event> MultipartParser::take_head(std::string_view& piece) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  while (!piece.empty()) {
    // Lines end with LF; up to there whole pieces are taken.
    const std::size_t line_end = piece.find('\n');
    const std::size_t taken = line_end == std::string_view::npos ? piece.size() : line_end + 1;
    line_ += piece.substr(0, taken);
    piece.remove_prefix(taken);
    if (line_.size() > kPartHeadBytesMax)
      return wrong(fmt::format("its head is longer than {} bytes", kPartHeadBytesMax));
    if (line_.ends_with(kEnd) || line_ == kLineEnd) return begin_part();
  }
  return Event::need_more;
}

Result<MultipartParser::Event> MultipartParser::begin_part() {
  part_ = {};
  bool has_disposition = false;
  std::string_view rest = line_;
  while (!rest.starts_with(kLineEnd)) {
    const std::size_t end = rest.find(kLineEnd);
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + kLineEnd.size());
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 ||
        line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
      return wrong("a line of its head is no header");
    }
    const std::string name = lower(line.substr(0, colon));
    const std::string_view value = trim(line.substr(colon + 1));
    if (name == "content-type") part_.content_type = value;
    if (name == "content-transfer-encoding" && lower(value) != "binary" && lower(value) != "8bit" &&
        lower(value) != "7bit") {
      return wrong("Content-Transfer-Encoding is not binary: send the bytes as they are");
    }
    if (name != "content-disposition") continue;
    const std::optional<Parameters> disposition = parse_parameters(value);
    if (!disposition || disposition->value != "form-data" || has_disposition) {
      return wrong("its Content-Disposition is not form-data with a name");
    }
    has_disposition = true;
    if (const std::string* const field = disposition->find("name")) part_.name = *field;
    if (const std::string* const field = disposition->find("filename")) part_.file_name = *field;
  }
  if (part_.name.empty()) return wrong("it has no name: send Content-Disposition: form-data; name=\"...\"");
  if (!is_valid_utf8(part_.name) || !is_valid_utf8(part_.file_name.value_or(""))) {
    return wrong("its name or file name is not UTF-8");
  }
  line_.clear();
  state_ = State::body;
  return Event::part_begin;
}

Result<MultipartParser::Event> MultipartParser::take_body(std::string_view& piece) {
  if (piece.empty()) return Event::need_more;
  if (matched_ > 0) {
    // A delimiter began in the piece before. Its first character, CR, comes nowhere else in it: when it breaks off,
    // what was kept back are bytes of the part, and nothing in them begins another one.
    std::size_t more = 0;
    while (more < piece.size() && matched_ + more < delimiter_.size() && piece[more] == delimiter_[matched_ + more])
      ++more;
    piece.remove_prefix(more);
    if (matched_ + more < delimiter_.size() && piece.empty()) {
      matched_ += more;
      return Event::need_more;
    }
    const std::size_t seen = std::exchange(matched_, 0) + more;
    if (seen == delimiter_.size()) {
      state_ = State::behind_boundary;
      return Event::part_end;
    }
    bytes_ = std::string_view(delimiter_).substr(0, seen);
    return Event::bytes;
  }
  std::size_t end = piece.find(delimiter_);
  if (end == 0) {
    piece.remove_prefix(delimiter_.size());
    state_ = State::behind_boundary;
    return Event::part_end;
  }
  if (end == std::string_view::npos) {
    // The beginning of a delimiter at the end is kept back.
    const std::size_t tail_from = piece.size() - std::min(piece.size(), delimiter_.size() - 1);
    const std::size_t last = piece.rfind('\r');
    end = piece.size();
    if (last != std::string_view::npos && last >= tail_from && delimiter_.starts_with(piece.substr(last))) {
      matched_ = piece.size() - last;
      end = last;
    }
  }
  bytes_ = piece.substr(0, end);
  piece.remove_prefix(end + matched_);
  return bytes_.empty() ? Event::need_more : Event::bytes;
}

// One line end may stand behind the last boundary.
Result<MultipartParser::Event> MultipartParser::take_rest(std::string_view& piece) {
  state_ = State::done;
  while (!piece.empty()) {
    if (matched_ == kLineEnd.size() || piece.front() != kLineEnd[matched_]) {
      return Error{ErrorCode::invalid_argument, "multipart body: bytes behind the last boundary"};
    }
    ++matched_;
    piece.remove_prefix(1);
  }
  return Event::need_more;
}

}  // namespace mien::service
