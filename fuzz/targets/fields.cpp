// A field of a form of Nextcloud's or the crawlers', its name on the first line -> what it asks for, and the answer.
#include <nlohmann/json.hpp>

#include "../target.h"
#include "base/utf8.h"
#include "service/crawler.h"
#include "service/nextcloud.h"

namespace {

using namespace mien;
using namespace mien::service;

Analysis one_face() {
  Analysis analysis;
  analysis.width = analysis.height = 100;
  Face face;
  face.bbox = {10, 10, 50, 50};
  face.embedding = {1, 2};
  analysis.faces.push_back(face);
  return analysis;
}

void take_box(std::string_view text) {
  const Box box = read_nextcloud_box(text);
  fuzz::require(box.width() > 0 && box.height() > 0, "a box has a size");
  const Analysis analysis = one_face();
  const Face* const face = face_in_box(analysis, box);
  if (face == nullptr) return;
  ModelInfo model;
  model.threshold_search = 0.4F;
  // A form whose names are not UTF-8 does not come this far.
  const std::string_view name = is_valid_utf8(text) ? text : "";
  const nlohmann::json told = nlohmann::json::parse(nextcloud_face(name, box, *face, {"", model, 0.5F}));
  fuzz::require(told["face"]["left"].is_number_integer(), "pixels are whole");
}

void take_field(const Part& part) {
  CrawlerFields fields;
  if (!fields.take(part)) return;
  fuzz::require(fields.quality_min() >= 0 && fields.quality_min() <= 1, "a quality is a share");
  const std::vector<std::string> names = {"a/b.jpg", part.name};
  const std::vector<std::string> hashes = crawler_hashes(fields, names);
  const std::vector<CrawlerImage> images = {{one_face().faces, {}}, {{}, "broken"}};
  const nlohmann::json told = nlohmann::json::parse(crawler_answer(fields, hashes, images, {}));
  for (const std::string& hash : hashes) fuzz::require(told["results"].contains(hash), "each image is told");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all = fuzz::as_text({data, size});
  const std::size_t line_end = all.find('\n');
  if (line_end == std::string_view::npos) return 0;
  const std::string_view text = all.substr(line_end + 1);
  Part part;
  part.name = all.substr(0, line_end);
  part.bytes.assign(text.begin(), text.end());
  try {
    if (part.name == "face") {
      take_box(text);
    } else if (is_valid_utf8(part.name)) {
      take_field(part);
    }
  } catch (const Exception& error) {
    fuzz::require(error.error().code == ErrorCode::invalid_argument, "a fault of the client");
    fuzz::require(error.error().message.starts_with(part.name), "which is said with its place");
  }
  return 0;
}
