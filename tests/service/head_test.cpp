#include "service/http/head.h"

#include <gtest/gtest.h>

namespace mien::service {
namespace {

std::string fault_of(const std::string& bytes) {
  const std::variant<Head, HeadFault> result = parse_head(bytes);
  const HeadFault* const fault = std::get_if<HeadFault>(&result);
  return fault == nullptr ? "" : std::to_string(fault->status) + " " + fault->message;
}

Head head_of(const std::string& bytes) {
  std::variant<Head, HeadFault> result = parse_head(bytes);
  EXPECT_TRUE(std::holds_alternative<Head>(result)) << fault_of(bytes);
  return std::holds_alternative<Head>(result) ? std::get<Head>(std::move(result)) : Head{};
}

std::string with(const std::string& headers) { return "POST / HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n"; }

TEST(Head, IsReadIntoItsParts) {
  const Head head = head_of(
      "POST /v1/an%61lyze?min_score=0.5&a=%C3%A4+b&flag HTTP/1.1\r\nHost: localhost:8765\r\nX-Api-Key:  k \r\n"
      "Content-Type: image/jpeg\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(head.request.method, "POST");
  EXPECT_EQ(head.request.path, "/v1/analyze");
  EXPECT_EQ(head.target, "/v1/an%61lyze?min_score=0.5&a=%C3%A4+b&flag");
  EXPECT_EQ(head.request.query, (std::vector<NameValue>{{"min_score", "0.5"}, {"a", "\xc3\xa4 b"}, {"flag", ""}}));
  EXPECT_EQ(head.request.header("x-api-key"), "k");
  EXPECT_EQ(head.request.header("absent"), std::nullopt);
  EXPECT_EQ(head.request.content_type, "image/jpeg");
  EXPECT_EQ(head.request.content_length, 12U);
  EXPECT_TRUE(head.keep_alive && head.expects_continue && !head.is_chunked);
}

TEST(Head, SaysWhetherTheConnectionStays) {
  EXPECT_TRUE(head_of(with("")).keep_alive);
  EXPECT_FALSE(head_of(with("Connection: foo, Close\r\n")).keep_alive);
  EXPECT_FALSE(head_of("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_TRUE(head_of("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
  EXPECT_TRUE(head_of(with("Transfer-Encoding: Chunked\r\n")).is_chunked);
}

TEST(Head, WhatTwoReadersCouldReadDifferentlyIsRefused) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), "400 Content-Length together"},
      {with("Content-Length: 3\r\nContent-Length: 3\r\n"), "400 more than one Content-Length"},
      {with("Content-Length: 3, 3\r\n"), "400 Content-Length is no whole"},
      {with("Content-Length: +3\r\n"), "400 Content-Length is no whole"},
      {with("Content-Length: -3\r\n"), "400 Content-Length is no whole"},
      {with("Content-Length: 0x3\r\n"), "400 Content-Length is no whole"},
      {with("Content-Length:\r\n"), "400 Content-Length is no whole"},
      {with("Content-Length: 99999999999999999999\r\n"), "413"},
      {with("Transfer-Encoding: gzip, chunked\r\n"), "400 Transfer-Encoding"},
      {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "400 Transfer-Encoding"},
      {with("Transfer-Encoding: identity\r\n"), "400 Transfer-Encoding"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400 Transfer-Encoding"},
      {with("Content-Length : 3\r\n"), "400 header line 2 has a name"},
      {with(" folded\r\n"), "400 header line 2 begins with a space"},
      {with("A: b\rc\r\n"), "400 a CR without LF"},
      {with("A: b\nB: c\r\n"), "400 a line ends with LF alone"},
      {with(std::string("A: b\0c\r\n", 8)), "400 a zero byte"},
      {with("A: b\x01\r\n"), "400 header line 2 has a control"},
      {with("no colon\r\n"), "400 header line 2 has no colon"},
      {with(": empty\r\n"), "400 header line 2 has a name"},
      {with("Host: b\r\n"), "400 more than one Host"},
      {with("Expect: 200-ok\r\n"), "400 Expect"},
      {"GET / HTTP/1.1\r\n\r\n", "400 Host is missing"},
      {"GET /\r\n\r\n", "400 the first line names no version"},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "400 the first line does not end"},
      {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "400 the target"},
      {"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400 the target"},
      {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "400 the target"},
      {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "400 the target"},
      {"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", "400 the method"},
      {"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "400 the path"},
      {"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", "400 the path"},
      {"GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", "400 the path"},
      {"GET /?a=%f HTTP/1.1\r\nHost: a\r\n\r\n", "400 the query"},
      {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400 the first line is empty"},
  };
  for (const auto& [bytes, fault] : rows) {
    EXPECT_EQ(fault_of(bytes).substr(0, fault.size()), fault) << bytes;
  }
  std::string many;
  for (int i = 0; i < 101; ++i) many += "A: b\r\n";
  EXPECT_EQ(fault_of(with(many)).substr(0, 3), "431");
}

TEST(Head, WhatIsWrongEarlyNeedsNoRest) {
  EXPECT_TRUE(early_fault("GET /\r\n", 0));
  EXPECT_TRUE(early_fault("GET / HTTP/1.1\n", 14));
  EXPECT_TRUE(early_fault("GET / HTTP/1.1\r\nA\rB", 17));
  EXPECT_TRUE(early_fault("\x16\x03\x01\r\n", 0)) << "a client that speaks TLS";
  EXPECT_FALSE(early_fault("GET / HTTP/1.1\r", 0)) << "the LF may come";
  EXPECT_FALSE(early_fault("GET / HT", 0));
}

TEST(Head, IdsAreTakenOverWhereTheyAreHarmless) {
  EXPECT_TRUE(is_request_id("aZ09._-"));
  EXPECT_TRUE(is_request_id(std::string(64, 'a')));
  EXPECT_FALSE(is_request_id(std::string(65, 'a')));
  EXPECT_FALSE(is_request_id(""));
  EXPECT_FALSE(is_request_id("a b"));
  EXPECT_FALSE(is_request_id("a\xc3\xa4"));
  const std::string id = "0af7651916cd43dd8448eb211c80319c";
  EXPECT_EQ(trace_id_of("00-" + id + "-b7ad6b7169203331-01"), id);
  EXPECT_EQ(trace_id_of("00-" + std::string(32, '0') + "-b7ad6b7169203331-01"), "");
  EXPECT_EQ(trace_id_of("00-" + id), "");
  EXPECT_EQ(trace_id_of("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"), "");
}

}  // namespace
}  // namespace mien::service
