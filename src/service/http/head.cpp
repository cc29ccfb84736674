#include "service/http/head.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "base/utf8.h"

namespace mien::service {
namespace {

constexpr std::size_t kHeadersMax = 100;

bool is_token_char(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (c >= '0' && c <= '9') ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

bool is_token(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char); }

// Of a target: visible ASCII, and no fragment.
bool is_target_char(char c) { return c > ' ' && c < '\x7f' && c != '#'; }

// Of a header's value: a control character other than a tab is never meant.
bool is_value_char(char c) { return c == '\t' || static_cast<unsigned char>(c) >= ' ' ? c != '\x7f' : false; }

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

HeadFault wrong(std::string message) { return {400, std::move(message)}; }

struct FirstLine {
  std::string_view method;
  std::string_view target;
  bool is_http_1_0 = false;
};

std::variant<FirstLine, HeadFault> parse_first_line(std::string_view line) {
  if (line.empty()) return wrong("the first line is empty: begin with METHOD PATH HTTP/1.1");
  const std::size_t method_end = line.find(' ');
  const std::size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || target_end == method_end) {
    return wrong("the first line names no version: use METHOD PATH HTTP/1.1");
  }
  FirstLine first{line.substr(0, method_end), line.substr(method_end + 1, target_end - method_end - 1)};
  const std::string_view version = line.substr(target_end + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return wrong("the first line does not end with a version that is spoken here: use HTTP/1.1");
  }
  first.is_http_1_0 = version == "HTTP/1.0";
  if (!is_token(first.method)) return wrong("the method is no word of letters");
  if (!first.target.starts_with('/')) return wrong("the target does not begin with /: use METHOD PATH HTTP/1.1");
  if (!std::all_of(first.target.begin(), first.target.end(), is_target_char)) {
    return wrong("the target has a character that must be written as % and two hex digits");
  }
  return first;
}

// The query's names and values; false for a broken % or text that is not UTF-8.
bool parse_query(std::string_view text, std::vector<NameValue>& query) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    std::optional<std::string> name = percent_decoded(pair.substr(0, equals), true);
    std::optional<std::string> value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value || !is_valid_utf8(*name) || !is_valid_utf8(*value)) return false;
    query.emplace_back(std::move(*name), std::move(*value));
  }
  return true;
}

std::optional<HeadFault> take_target(std::string_view target, RequestHead& request) {
  const std::size_t path_end = std::min(target.find('?'), target.size());
  std::optional<std::string> path = percent_decoded(target.substr(0, path_end), false);
  if (!path || !is_valid_utf8(*path) || path->find('\0') != std::string::npos) {
    return wrong("the path has a % without two hex digits, or is not UTF-8");
  }
  request.path = std::move(*path);
  if (!parse_query(target.substr(std::min(path_end + 1, target.size())), request.query)) {
    return wrong("the query has a % without two hex digits, or is not UTF-8");
  }
  return std::nullopt;
}

std::optional<HeadFault> take_header(std::string_view line, std::vector<NameValue>& headers) {
  const std::string place = fmt::format("header line {}", headers.size() + 1);
  if (headers.size() >= kHeadersMax) return HeadFault{431, fmt::format("more than {} headers", kHeadersMax)};
  if (line.front() == ' ' || line.front() == '\t') return wrong(place + " begins with a space: write it on one line");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return wrong(place + " has no colon");
  if (!is_token(line.substr(0, colon))) return wrong(place + " has a name that is none");
  const std::string_view value = trim(line.substr(colon + 1));
  if (!std::all_of(value.begin(), value.end(), is_value_char)) return wrong(place + " has a control character");
  headers.emplace_back(lower(line.substr(0, colon)), value);
  return std::nullopt;
}

std::size_t count_of(const RequestHead& request, std::string_view name) {
  return static_cast<std::size_t>(std::count_if(request.headers.begin(), request.headers.end(),
                                                [&](const NameValue& header) { return header.first == name; }));
}

// Whether a list such as that of Connection holds a word.
bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    if (lower(trim(list.substr(0, end))) == word) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

std::optional<HeadFault> take_body_length(Head& head) {
  RequestHead& request = head.request;
  const std::optional<std::string_view> encoding = request.header("transfer-encoding");
  const std::optional<std::string_view> length = request.header("content-length");
  if (encoding && length) return wrong("Content-Length together with Transfer-Encoding: use one of them");
  if (encoding) {
    if (count_of(request, "transfer-encoding") > 1 || lower(*encoding) != "chunked") {
      return wrong("Transfer-Encoding is not 'chunked'");
    }
    if (head.is_http_1_0) return wrong("Transfer-Encoding in HTTP/1.0: use HTTP/1.1");
    head.is_chunked = true;
  }
  if (!length) return std::nullopt;
  if (count_of(request, "content-length") > 1) return wrong("more than one Content-Length");
  std::uint64_t bytes = 0;
  const char* const end = length->data() + length->size();
  const std::from_chars_result result = std::from_chars(length->data(), end, bytes);
  // Digits alone: from_chars would take no sign either.
  if (result.ec == std::errc::result_out_of_range) return HeadFault{413, "Content-Length is beyond every limit"};
  if (result.ec != std::errc() || result.ptr != end) return wrong("Content-Length is no whole number");
  request.content_length = bytes;
  return std::nullopt;
}

std::optional<HeadFault> take_meaning(Head& head) {
  RequestHead& request = head.request;
  const std::size_t hosts = count_of(request, "host");
  if (hosts > 1) return wrong("more than one Host");
  if (hosts == 0 && !head.is_http_1_0) return wrong("Host is missing");
  if (std::optional<HeadFault> fault = take_body_length(head)) return fault;
  head.keep_alive = !head.is_http_1_0;
  for (const auto& [name, value] : request.headers) {
    if (name != "connection") continue;
    if (head.is_http_1_0 && has_word(value, "keep-alive")) head.keep_alive = true;
    if (has_word(value, "close")) head.keep_alive = false;
  }
  if (count_of(request, "content-type") > 1) return wrong("more than one Content-Type");
  request.content_type = request.header("content-type").value_or("");
  const std::optional<std::string_view> expect = request.header("expect");
  if (expect && lower(*expect) != "100-continue") return wrong("Expect is not '100-continue'");
  head.expects_continue = expect && !head.is_http_1_0;
  return std::nullopt;
}

}  // namespace

std::optional<HeadFault> early_fault(std::string_view bytes, std::size_t from) {
  for (std::size_t i = from; i < bytes.size(); ++i) {
    const bool behind_cr = i > 0 && bytes[i - 1] == '\r';
    if (bytes[i] == '\n' && !behind_cr) return wrong("a line ends with LF alone: end lines with CR LF");
    if (bytes[i] != '\n' && behind_cr) return wrong("a CR without LF");
    if (bytes[i] == '\0') return wrong("a zero byte in the head");
  }
  const std::size_t line_end = bytes.find("\r\n");
  if (line_end != std::string_view::npos && line_end + 2 > from) {
    const std::variant<FirstLine, HeadFault> first = parse_first_line(bytes.substr(0, line_end));
    if (const HeadFault* const fault = std::get_if<HeadFault>(&first)) return *fault;
  }
  return std::nullopt;
}

std::variant<Head, HeadFault> parse_head(std::string_view bytes) {
  if (std::optional<HeadFault> fault = early_fault(bytes, 0)) return std::move(*fault);
  if (!bytes.ends_with("\r\n\r\n")) return wrong("the head does not end with an empty line");
  const std::size_t line_end = bytes.find("\r\n");
  const std::variant<FirstLine, HeadFault> first = parse_first_line(bytes.substr(0, line_end));
  if (const HeadFault* const fault = std::get_if<HeadFault>(&first)) return *fault;
  const FirstLine& line = std::get<FirstLine>(first);
  Head head;
  head.request.method = line.method;
  head.target = line.target;
  head.is_http_1_0 = line.is_http_1_0;
  if (std::optional<HeadFault> fault = take_target(line.target, head.request)) return std::move(*fault);
  std::string_view rest = bytes.substr(line_end + 2);
  for (;;) {
    const std::size_t end = rest.find("\r\n");
    const std::string_view header = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    if (header.empty()) break;
    if (std::optional<HeadFault> fault = take_header(header, head.request.headers)) return std::move(*fault);
  }
  if (!rest.empty()) return wrong("bytes behind the head");
  if (std::optional<HeadFault> fault = take_meaning(head)) return std::move(*fault);
  return head;
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += plus_is_space && text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const std::optional<int> high = i + 2 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
    const std::optional<int> low = i + 2 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
    if (!high || !low) return std::nullopt;
    result += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return result;
}

bool is_request_id(std::string_view text) {
  constexpr std::size_t kLengthMax = 64;
  return !text.empty() && text.size() <= kLengthMax && std::all_of(text.begin(), text.end(), [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

std::string trace_id_of(std::string_view traceparent) {
  // 00-<32 hex digits>-<16>-<2>; later versions may go on behind that.
  constexpr std::size_t kTraceBegin = 3;
  constexpr std::size_t kTraceLength = 32;
  constexpr std::size_t kLengthMin = 55;
  if (traceparent.size() < kLengthMin || traceparent[2] != '-' || traceparent[kTraceBegin + kTraceLength] != '-')
    return "";
  const std::string_view id = traceparent.substr(kTraceBegin, kTraceLength);
  const bool hex = std::all_of(id.begin(), id.end(), [](char c) { return hex_digit(c) && !(c >= 'A' && c <= 'F'); });
  const bool zero = std::all_of(id.begin(), id.end(), [](char c) { return c == '0'; });
  return hex && !zero ? std::string(id) : "";
}

}  // namespace mien::service
