// The JSON and the query of the routes of people -> what is asked; the first line is the query, the rest the JSON.
#include <algorithm>
#include <string>
#include <variant>

#include "../target.h"
#include "base/utf8.h"
#include "service/http/head.h"
#include "service/people/asked.h"

namespace {

using namespace mien;
using namespace mien::service;

// What `read` throws is a fault of the client, and says so.
template <typename Read>
void ask(Read read) {
  try {
    read();
  } catch (const Exception& refusal) {
    fuzz::require(refusal.error().code == ErrorCode::invalid_argument, "a fault of the client");
    fuzz::require(!refusal.error().message.empty() && refusal.error().message.size() < 2000, "which is said");
  }
}

void ask_body(std::string_view text) {
  static constexpr std::string_view kMembers[] = {"who", "name", "seen", "face", "faces", "operation", "yes"};
  const PeopleBody body({text.begin(), text.end()}, kMembers);
  const auto is_id = [](std::int64_t id) { return id >= 1 && id <= kPeopleIdMax; };
  ask([&] { fuzz::require(is_valid_utf8(body.text("who")) && is_valid_utf8(body.text("name")), "names are text"); });
  ask([&] { fuzz::require(is_valid_utf8(body.text_or_null("seen").value_or("")), "names are text"); });
  ask([&] { fuzz::require(is_id(body.id("face")), "an id is one"); });
  ask([&] { fuzz::require(is_id(body.id_or_null("operation").value_or(1)), "an id is one"); });
  ask([&] {
    const std::vector<FaceId> faces = body.faces();
    fuzz::require(!faces.empty() && std::all_of(faces.begin(), faces.end(), is_id), "ids are such");
  });
  ask([&] { (void)body.flag("yes"); });
}

void ask_query(std::string_view text) {
  const std::variant<Head, HeadFault> head = parse_head("GET /?" + std::string(text) + " HTTP/1.1\r\nHost: a\r\n\r\n");
  const Head* const parsed = std::get_if<Head>(&head);
  if (parsed == nullptr) return;
  static constexpr std::string_view kViews[] = {"all", "new"};
  const PeopleQuery query(parsed->request, {{"who", "{}", "whom", true}, {"limit", "{}", ""}, {"view", "{}", ""}});
  fuzz::require(query.has("who"), "what must be there is");
  ask([&] {
    const std::int64_t limit = query.number("limit", 1, 200, 60);
    fuzz::require(limit >= 1 && limit <= 200, "bounds");
  });
  ask([&] {
    const std::string view = query.choice("view", kViews);
    fuzz::require(view == "all" || view == "new", "one of those");
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::as_text({data, size});
  const std::size_t line = text.find('\n');
  ask([&] { ask_query(text.substr(0, line)); });
  ask([&] { ask_body(line == std::string_view::npos ? std::string_view() : text.substr(line + 1)); });
  return 0;
}
