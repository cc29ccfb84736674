// The page at /. It holds no data and asks the other routes by the reader's key, so that it is open itself.
#include <fmt/format.h>

#include <cassert>
#include <memory>
#include <utility>

#include "base/base64.h"
#include "base/sha256.h"
#include "service/http/fixed_answer.h"
#include "service/page.h"
#include "service/routes.h"
#include "service/schemas.h"

namespace mien::service {
namespace {

std::string joined(std::span<const std::string_view> texts) {
  std::string result;
  for (const std::string_view text : texts) result += text;
  return result;
}

// As a Content-Security-Policy names an inline style or script: by what stands between its tags, to the byte.
std::string hash_source(std::string_view content) {
  const Sha256Digest digest = sha256(std::span(reinterpret_cast<const std::uint8_t*>(content.data()), content.size()));
  return fmt::format("'sha256-{}'", base64_encode(digest));
}

void put(std::string& document, std::string_view place, std::string_view content) {
  const std::size_t at = document.find(place);
  assert(at != std::string::npos);
  document.replace(at, place.size(), content);
}

}  // namespace

Page make_page(const PageTexts& texts, int body_mb) {
  const std::string style = joined(texts.styles);
  // One scope for all files, which see one another and nothing else sees.
  const std::string script = "(() => {\n\"use strict\";\n" + joined(texts.scripts) + "})();\n";
  Page page;
  page.document = texts.html;
  put(page.document, "@BODY_MB@", std::to_string(body_mb));
  put(page.document, "@STYLE@", style);
  put(page.document, "@SCRIPT@", script);
  page.policy = fmt::format(
      "default-src 'none'; script-src {}; style-src {}; img-src blob: data:; connect-src 'self'; "
      "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      hash_source(script), hash_source(style));
  return page;
}

Route page_route(Service& service) {
  Page page = make_page(page_texts(), service.settings().body_mb);
  const auto answer = std::make_shared<const Response>(
      Response{.body = std::move(page.document),
               .content_type = "text/html; charset=utf-8",
               .headers = {{"Content-Security-Policy", std::move(page.policy)}, {"Referrer-Policy", "no-referrer"}}});
  return {.method = "GET",
          .path = "/",
          .summary = "The page for people",
          .access = Access::open,
          .answer_type = "text/html",
          .answer_schema = kTextSchema,
          .make = [answer](std::shared_ptr<Exchange> exchange) -> std::unique_ptr<RequestHandler> {
            return std::make_unique<FixedAnswer>(std::move(exchange), answer);
          }};
}

}  // namespace mien::service
