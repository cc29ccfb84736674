#include "service/http/multipart.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mien::service {
namespace {

using Event = MultipartParser::Event;

struct Got {
  std::string name;
  std::string file_name;
  std::string type;
  std::string bytes;
  bool operator==(const Got&) const = default;
};

struct Outcome {
  std::vector<Got> parts;
  std::string error;
  bool complete = false;
};

// The body in pieces of `step` bytes.
Outcome parse(std::string_view body, std::size_t step, std::string_view boundary = "b") {
  MultipartParser parser(boundary);
  Outcome outcome;
  for (std::size_t at = 0; at < body.size(); at += step) {
    const std::string copy(body.substr(at, step));
    std::string_view piece = copy;
    for (;;) {
      const Result<Event> event = parser.next(piece);
      if (!event) {
        outcome.error = event.error().message;
        return outcome;
      }
      if (*event == Event::part_begin) {
        const PartHead& head = parser.part();
        outcome.parts.push_back({head.name, head.file_name.value_or("(none)"), head.content_type, ""});
      }
      if (*event == Event::bytes) outcome.parts.back().bytes += parser.bytes();
      if (*event == Event::need_more) break;
    }
    EXPECT_TRUE(piece.empty()) << "a piece is taken in whole";
  }
  outcome.complete = parser.is_complete();
  if (!outcome.complete) outcome.error = parser.place();
  return outcome;
}

std::string part(const std::string& head, const std::string& bytes) {
  return "--b\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + bytes + "\r\n";
}

TEST(Multipart, PartsComeAsTheyWereSentInPiecesOfEverySize) {
  const std::string odd = "\r\n--a\r\r\n-\r\n--\r\n--ab\r";  // what looks like a boundary and is none
  const std::string body = part("name=\"entries\"", "{}") +
                           part("name=\"image\"; filename=\"blob\"\r\nContent-Type: image/jpeg", odd) +
                           part("name=\"empty\"; filename=\"\"", "") + "--b--\r\n";
  const std::vector<Got> expected = {
      {"entries", "(none)", "", "{}"}, {"image", "blob", "image/jpeg", odd}, {"empty", "", "", ""}};
  for (std::size_t step = 1; step <= body.size(); ++step) {
    const Outcome outcome = parse(body, step);
    EXPECT_EQ(outcome.error, "") << step;
    EXPECT_TRUE(outcome.complete) << step;
    EXPECT_EQ(outcome.parts, expected) << step;
  }
}

TEST(Multipart, NamesAreReadAsBrowsersAndCurlWriteThem) {
  const std::string last = "--b--";
  EXPECT_EQ(parse(part("name=image; filename=a.jpg", "x") + last, 7).parts[0].file_name, "a.jpg");
  EXPECT_EQ(parse(part(R"(name="a"; filename="a \"b\" \\ c.jpg")", "x") + last, 7).parts[0].file_name,
            R"(a "b" \ c.jpg)");
  EXPECT_EQ(parse(part(R"(name="a"; filename="C:\photos\x.jpg")", "x") + last, 7).parts[0].file_name,
            R"(C:\photos\x.jpg)");
  EXPECT_EQ(parse(part("name=\"a;b=c\"; filename=\"\xc3\xa4.jpg\"", "x") + last, 7).parts[0],
            (Got{"a;b=c", "\xc3\xa4.jpg", "", "x"}));
}

TEST(Multipart, WhatIsWrongIsSaidWithItsPlace) {
  const std::string good = part("name=\"a\"", "x");
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"x" + good + "--b--", "before the first part: it does not begin with the boundary"},
      {"--c\r\n", "does not begin with the boundary"},
      {"--bx\r\n", "does not end its line"},
      {good + part("filename=\"a\"", "x") + "--b--", "in part 2: it has no name"},
      {good + "--b\r\n\r\nx\r\n--b--", "in part 2: it has no name"},
      {"--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--", "not form-data"},
      {"--b\r\nno header\r\n\r\nx\r\n--b--", "in part 1: a line of its head is no header"},
      {"--b\r\nA: " + std::string(9000, 'a') + "\r\n\r\n", "its head is longer than 8192 bytes"},
      {part("name=\"a\"\r\nContent-Transfer-Encoding: base64", "x") + "--b--", "Content-Transfer-Encoding"},
      {part("name=\"\xff\"", "x") + "--b--", "not UTF-8"},
      {good + "--b--\r\nmore", "bytes behind the last boundary"},
      {good + "--b--\r\n\r\n", "bytes behind the last boundary"},
      {good, "in part 1"},
      {good + "--b", "behind part 1"},
      {good.substr(0, good.size() - 3), "in part 1"},
      {"--b", "before the first part"},
  };
  for (const auto& [body, message] : rows) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{3}, body.size()}) {
      const Outcome outcome = parse(body, step);
      EXPECT_NE(outcome.error.find(message), std::string::npos) << body << "\n" << outcome.error;
      EXPECT_FALSE(outcome.complete);
    }
  }
}

TEST(Multipart, TheBoundaryIsThatOfContentType) {
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=----formdata-undici-012345678901").take(),
            "----formdata-undici-012345678901");
  EXPECT_EQ(multipart_boundary("Multipart/Form-Data; charset=x; BOUNDARY=\"a b\"").take(), "a b");
  EXPECT_EQ(multipart_boundary("image/jpeg").error().code, ErrorCode::unsupported);
  EXPECT_EQ(multipart_boundary("").error().code, ErrorCode::unsupported);
  for (const std::string type : {"", "; boundary=", "; boundary=\"a", "; boundary=\"a \"", "; boundary=a\xff",
                                 "; boundary=a; boundary=b", "; nothing"}) {
    EXPECT_EQ(multipart_boundary("multipart/form-data" + type).error().code, ErrorCode::invalid_argument) << type;
  }
  EXPECT_FALSE(multipart_boundary("multipart/form-data; boundary=" + std::string(71, 'a')));
}

}  // namespace
}  // namespace mien::service
