#include "service/guard.h"

#include <gtest/gtest.h>

namespace mien::service {
namespace {

RequestHead request(std::vector<NameValue> headers, std::string peer = "127.0.0.1") {
  RequestHead head;
  head.headers = std::move(headers);
  head.peer = std::move(peer);
  return head;
}

int status_of(const Guard& guard, Access access, const RequestHead& head) {
  const std::optional<Refusal> refusal = guard.check(access, head);
  return refusal ? refusal->status : 200;
}

Guard on_loopback() { return Guard({.address = "127.0.0.1", .hosts = {"Faces.home"}}); }

Guard elsewhere(const std::vector<std::string>& networks = {}) {
  Guard::Rules rules{.address = "0.0.0.0", .is_key = [](std::string_view key) { return key == "right"; }};
  for (const std::string& network : networks) rules.immich_from.push_back(Network::parse(network).take());
  return Guard(std::move(rules));
}

TEST(Guard, OnLoopbackTheServiceIsCalledByItsOwnNames) {
  const Guard guard = on_loopback();
  for (const char* const host :
       {"localhost", "localhost:8765", "LOCALHOST", "127.0.0.1:1", "[::1]", "[::1]:8765", "faces.home:80"}) {
    EXPECT_EQ(status_of(guard, Access::keyed, request({{"host", host}})), 200) << host;
  }
  for (const char* const host : {"evil.example", "localhost.evil.example", "localhost:x", "", "127.0.0.1.evil.example",
                                 "[::1", "::1", "localhost@evil.example", "10.0.0.1"}) {
    for (const Access access : {Access::open, Access::keyed, Access::immich}) {
      EXPECT_EQ(status_of(guard, access, request({{"host", host}})), 403) << host;
    }
  }
}

TEST(Guard, PagesOfOtherSitesAreRefusedOnRoutesWithoutKey) {
  const Guard guard = on_loopback();
  const auto page = [&](std::vector<NameValue> headers) {
    headers.emplace_back("host", "localhost:8765");
    return status_of(guard, Access::keyed, request(headers));
  };
  EXPECT_EQ(page({{"origin", "http://localhost:8765"}}), 200) << "a page of the service itself";
  EXPECT_EQ(page({{"origin", "http://evil.example"}}), 403);
  EXPECT_EQ(page({{"origin", "null"}}), 403);
  EXPECT_EQ(page({{"origin", "http://localhost:3000"}}), 403) << "another service of this computer";
  EXPECT_EQ(page({{"sec-fetch-site", "cross-site"}}), 403);
  EXPECT_EQ(page({{"sec-fetch-site", "same-origin"}}), 200);
  EXPECT_EQ(status_of(elsewhere(), Access::open, request({{"host", "a"}, {"sec-fetch-site", "cross-site"}})), 403);
  EXPECT_EQ(status_of(elsewhere({"10.0.0.0/8"}), Access::immich,
                      request({{"host", "a"}, {"origin", "http://b"}}, "10.1.2.3")),
            403);
}

TEST(Guard, PeopleNeedAKeyOfTheirOwn) {
  Guard::Rules rules{.address = "0.0.0.0",
                     .is_key = [](std::string_view key) { return key == "plain" || key == "people"; },
                     .is_people_key = [](std::string_view key) { return key == "people"; }};
  const Guard guard(std::move(rules));
  const auto status = [&](Access access, const char* key) {
    return status_of(guard, access, request({{"host", "a"}, {"x-api-key", key}}));
  };
  EXPECT_EQ(status(Access::people, "people"), 200);
  EXPECT_EQ(status(Access::keyed, "people"), 200);
  EXPECT_EQ(status(Access::keyed, "plain"), 200);
  EXPECT_EQ(status(Access::people, "plain"), 401);
  EXPECT_EQ(status(Access::people, "wrong"), 401);
  EXPECT_EQ(status_of(guard, Access::people, request({{"host", "a"}})), 401);
  const std::optional<Refusal> refusal =
      guard.check(Access::people, request({{"host", "a"}, {"authorization", "Bearer plain"}}));
  ASSERT_TRUE(refusal);
  EXPECT_NE(refusal->message.find("mien keys add NAME --people"), std::string::npos);
}

TEST(Guard, OnLoopbackPeopleNeedNoKeyAndAnswerNoOtherPage) {
  const Guard guard = on_loopback();
  const auto status = [&](Access access, std::vector<NameValue> headers) {
    headers.emplace_back("host", "localhost:8765");
    return status_of(guard, access, request(headers));
  };
  EXPECT_EQ(status(Access::people, {}), 200);
  EXPECT_EQ(status(Access::people, {{"sec-fetch-site", "same-origin"}}), 200);
  EXPECT_EQ(status(Access::people, {{"sec-fetch-site", "same-site"}}), 403) << "another port of this computer";
  EXPECT_EQ(status(Access::keyed, {{"sec-fetch-site", "same-site"}}), 200);
  EXPECT_EQ(status(Access::people, {{"sec-fetch-site", "cross-site"}}), 403);
}

TEST(Guard, ElsewhereAllButTheOpenRoutesNeedAKey) {
  const Guard guard = elsewhere();
  const NameValue host{"host", "any.example"};
  EXPECT_EQ(status_of(guard, Access::open, request({host})), 200);
  EXPECT_EQ(status_of(guard, Access::keyed, request({host})), 401);
  EXPECT_EQ(status_of(guard, Access::immich, request({host})), 401);
  EXPECT_EQ(guard.check(Access::keyed, request({host}))->headers[0], (NameValue{"WWW-Authenticate", "Bearer"}));
  for (const NameValue& header : std::vector<NameValue>{
           {"authorization", "Bearer right"}, {"authorization", "bearer  right"}, {"x-api-key", "right"}}) {
    EXPECT_EQ(status_of(guard, Access::keyed, request({host, header})), 200) << header.second;
    EXPECT_EQ(status_of(guard, Access::immich, request({host, header})), 200) << header.second;
    EXPECT_EQ(status_of(guard, Access::keyed, request({host, header, {"origin", "http://b"}})), 200);
  }
  for (const NameValue& header : std::vector<NameValue>{{"authorization", "Bearer wrong"},
                                                        {"authorization", "right"},
                                                        {"authorization", "Basic right"},
                                                        {"x-api-key", ""},
                                                        {"x-forwarded-for", "127.0.0.1"}}) {
    EXPECT_EQ(status_of(guard, Access::keyed, request({host, header})), 401) << header.second;
  }
}

TEST(Guard, ImmichNeedsNoKeyFromItsNetworks) {
  const Guard guard = elsewhere({"192.168.1.0/24", "fd00::/8", "10.1.2.3"});
  const auto from = [&](Access access, const char* peer) {
    return status_of(guard, access, request({{"host", "a"}, {"x-forwarded-for", "192.168.1.9"}}, peer));
  };
  for (const char* const peer : {"192.168.1.1", "::ffff:192.168.1.255", "fd12::1", "10.1.2.3"}) {
    EXPECT_EQ(from(Access::immich, peer), 200) << peer;
    EXPECT_EQ(from(Access::keyed, peer), 401) << peer;
  }
  for (const char* const peer : {"192.168.2.1", "fe80::1", "10.1.2.4", "127.0.0.1"}) {
    EXPECT_EQ(from(Access::immich, peer), 401) << peer;
  }
}

TEST(Network, HasTheAddressesOfItsPrefix) {
  const auto has = [](const char* network, const char* address) {
    return Network::parse(network).take().has(*parse_address(address));
  };
  EXPECT_TRUE(has("0.0.0.0/0", "1.2.3.4"));
  EXPECT_FALSE(has("0.0.0.0/0", "fd00::1")) << "IPv4 alone";
  EXPECT_TRUE(has("::/0", "1.2.3.4"));
  EXPECT_TRUE(has("10.0.0.128/25", "10.0.0.200"));
  EXPECT_FALSE(has("10.0.0.128/25", "10.0.0.127"));
  EXPECT_TRUE(has("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(has("2001:db8::/33", "2001:db8:8000::1"));
  for (const char* const text : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "fd00::/129", "a/8", "/8",
                                 "10.0.0.0/8x", "10.0.0.0/+8"}) {
    EXPECT_FALSE(Network::parse(text)) << text;
  }
  EXPECT_TRUE(is_loopback(*parse_address("127.1.2.3")));
  EXPECT_TRUE(is_loopback(*parse_address("::1")));
  EXPECT_FALSE(is_loopback(*parse_address("0.0.0.0")));
  EXPECT_FALSE(is_loopback(*parse_address("::")));
}

}  // namespace
}  // namespace mien::service
