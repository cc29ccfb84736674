// People as pages without script, for browsers that run none: to be read alone.
#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "service/people/handlers.h"
#include "service/people/routes.h"
#include "service/people/schemas.h"

namespace mien::service {
namespace {

constexpr std::string_view kPath = "/people/list";
constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::size_t kDateLength = 10;

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : replace_controls(replace_invalid_utf8(text))) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&#39;"; break;
      default: result += c;
    }
  }
  return result;
}

std::string count_text(std::int64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

Response page_answer(const std::string& title, const std::string& body) {
  return {.body = fmt::format("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                              "<meta name=\"viewport\" content=\"width=device-width\"><title>{0}</title></head>\n"
                              "<body><main><h1>{0}</h1>\n{1}</main></body></html>\n",
                              title, body),
          .content_type = std::string(kHtml),
          .headers = {{"Content-Security-Policy",
                       "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"},
                      {"Referrer-Policy", "no-referrer"}}};
}

// A link to the rows that follow, where there are some.
std::string next_link(const PeopleSlice& slice, std::size_t total, const std::string& who) {
  if (slice.end >= total) return "";
  const std::string of_whom = who.empty() ? "" : "who=" + who + "&amp;";
  return fmt::format("<p><a href=\"{}?{}offset={}&amp;limit={}\">more ({} of {} shown)</a></p>\n", kPath, of_whom,
                     slice.end, slice.end - slice.begin, slice.end, total);
}

std::string shown_name(const PersonEntry& entry) {
  return entry.name.empty() ? fmt::format("group {}", entry.id) : escaped(entry.name);
}

Response list_page(PeopleSession& session, const PeopleQuery& query) {
  std::vector<const PersonEntry*> shown;
  for (const PersonEntry& entry : session.entries()) {
    const bool is_small = entry.person == 0 && entry.faces < 2;
    if (!is_small && !entry.is_hidden && !entry.is_stranger) shown.push_back(&entry);
  }
  std::ranges::stable_sort(shown, std::greater<>(), &PersonEntry::images);
  const PeopleSlice slice = slice_of(query, shown.size());
  std::string rows;
  for (std::size_t i = slice.begin; i < slice.end; ++i) {
    const PersonEntry& entry = *shown[i];
    const std::string name = entry.id == 0
                                 ? shown_name(entry)
                                 : fmt::format("<a href=\"{}?who={}\">{}</a>", kPath, entry.id, shown_name(entry));
    rows +=
        fmt::format("<li>{}: {}, {}</li>\n", name, count_text(entry.images, "photo"), count_text(entry.faces, "face"));
  }
  return page_answer("People", fmt::format("<p>{} people and groups. To name and correct them, use the page at <a "
                                           "href=\"/\">/</a> in a browser that runs JavaScript.</p>\n<ol start=\"{}\">"
                                           "\n{}</ol>\n{}",
                                           shown.size(), slice.begin + 1, rows, next_link(slice, shown.size(), "")));
}

Response person_page(PeopleSession& session, const PeopleQuery& query) {
  const PersonEntry entry = session.people().find(query.text("who"));
  const std::vector<PersonFace>& faces = session.faces_of(entry);
  const PeopleSlice slice = slice_of(query, faces.size());
  std::string rows;
  for (std::size_t i = slice.begin; i < slice.end; ++i) {
    const PersonFace& face = faces[i];
    const std::string file = face.source.empty() ? "a photo that is gone" : escaped(base_name(face.source));
    const std::string date = face.taken.empty() ? "" : ", " + escaped(face.taken.substr(0, kDateLength));
    rows += fmt::format("<li>{}{}</li>\n", file, date);
  }
  return page_answer(shown_name(entry),
                     fmt::format("<p>{} in {}; <a href=\"{}\">all people</a></p>\n<ol start=\"{}\">\n{}</ol>\n{}",
                                 count_text(entry.faces, "face"), count_text(entry.images, "photo"), kPath,
                                 slice.begin + 1, rows, next_link(slice, faces.size(), std::to_string(entry.id))));
}

}  // namespace

Route people_page_route(PeopleDesk& desk) {
  QueryRow who = who_row();
  who.required = false;
  return people_get(desk,
                    {.method = "GET",
                     .path = kPath,
                     .summary = "People as a page without script; with who= the photos of one",
                     .query = {who, offset_row(), limit_row()},
                     .answer_type = kHtml,
                     .answer_schema = R"({"type":"string"})"},
                    [](PeopleSession& session, const PeopleQuery& query, const std::shared_ptr<Exchange>& exchange) {
                      exchange->answer(query.has("who") ? person_page(session, query) : list_page(session, query));
                    });
}

}  // namespace mien::service
