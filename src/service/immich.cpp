#include "service/immich.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "service/json_text.h"
#include "service/query.h"

namespace mien::service {
namespace {

using Json = nlohmann::json;

constexpr int kUnprocessable = 422;
constexpr int kBadRequest = 400;

[[noreturn]] void refuse(std::string message, int status = kUnprocessable) {
  throw ImmichRefusal{status, std::move(message)};
}

const Json& member(const Json& object, const char* name, const std::string& place) {
  if (!object.is_object()) refuse(fmt::format("{}: an object is needed", place));
  const auto found = object.find(name);
  if (found == object.end()) refuse(fmt::format("{}: {} is missing", place, name));
  return *found;
}

std::string model_name(const Json& object, const std::string& place) {
  const Json& name = member(object, "modelName", place);
  if (!name.is_string() || name.get_ref<const std::string&>().empty()) {
    refuse(fmt::format("{}.modelName: the name of a model is needed", place));
  }
  return name.get<std::string>();
}

std::optional<float> min_score(const Json& detection, const std::string& place) {
  const auto options = detection.find("options");
  if (options == detection.end() || options->is_null()) return {};
  if (!options->is_object()) refuse(fmt::format("{}.options: an object is needed", place));
  std::optional<float> score;
  for (const auto& [name, value] : options->items()) {
    if (name != "minScore") refuse(fmt::format("{}.options: '{}' is not known: use minScore", place, name));
    const bool is_number = value.is_number() && value.get<double>() >= kScoreLeast && value.get<double>() <= 1;
    if (!is_number) refuse(fmt::format("{}.options.minScore: a number from {} to 1 is needed", place, kScoreLeast));
    score = static_cast<float>(value.get<double>());
  }
  return score;
}

ImmichAsk read_faces(const Json& faces) {
  ImmichAsk ask;
  ask.task = ImmichAsk::kFaces;
  if (!faces.is_object() || faces.empty()) refuse("entries.facial-recognition: an object with detection is needed");
  for (const auto& [name, value] : faces.items()) {
    if (name == "detection" || name == "recognition") continue;
    refuse(fmt::format("entries.facial-recognition: '{}' is not known: use detection and recognition", name));
  }
  const auto detection = faces.find("detection");
  if (detection == faces.end()) {
    refuse("entries.facial-recognition: recognition needs detection beside it", kBadRequest);
  }
  const std::string place = "entries.facial-recognition.detection";
  ask.model = model_name(*detection, place);
  ask.min_score = min_score(*detection, place);
  const auto recognition = faces.find("recognition");
  if (recognition == faces.end()) return ask;
  ask.recognition = true;
  if (model_name(*recognition, "entries.facial-recognition.recognition") != ask.model) {
    refuse("entries.facial-recognition: detection and recognition name different models: use the same name in both",
           kBadRequest);
  }
  return ask;
}

// ---- The answer

void put_box(std::string& out, const Box& box) {
  fmt::format_to(std::back_inserter(out), R"({{"x1":{},"y1":{},"x2":{},"y2":{}}})", rounded(box.x1), rounded(box.y1),
                 rounded(box.x2), rounded(box.y2));
}

std::string recognised(const Analysis& analysis) {
  std::string out = "[";
  for (const Face& face : analysis.faces) {
    if (face.embedding.empty() || !is_finite(face.embedding)) continue;
    out += out.size() > 1 ? ",{\"boundingBox\":" : "{\"boundingBox\":";
    put_box(out, face.bbox);
    out += ",\"embedding\":\"";  // a text: Immich hands it to its database as it is
    char before = '[';
    for (const float value : face.embedding) {
      out += before;
      put_number(out, value);
      before = ',';
    }
    out += "]\",\"score\":";
    put_number(out, face.det_score);
    out += '}';
  }
  return out + "]";
}

// As Immich's own service answers where detection stands alone.
std::string detected(const Analysis& analysis) {
  std::string boxes, scores, landmarks;
  for (const Face& face : analysis.faces) {
    const char* const comma = boxes.empty() ? "" : ",";
    boxes += fmt::format("{}[{},{},{},{}]", comma, rounded(face.bbox.x1), rounded(face.bbox.y1), rounded(face.bbox.x2),
                         rounded(face.bbox.y2));
    scores += comma;
    put_number(scores, face.det_score);
    std::string points;
    for (const Point& point : face.landmarks.value_or(Landmarks{})) {
      points += points.empty() ? "[" : ",[";
      put_number(points, point.x);
      points += ',';
      put_number(points, point.y);
      points += ']';
    }
    landmarks += fmt::format("{}[{}]", comma, points);
  }
  return fmt::format(R"({{"boxes":[{}],"scores":[{}],"landmarks":[{}]}})", boxes, scores, landmarks);
}

}  // namespace

ImmichAsk read_entries(std::string_view text) {
  const Result<Json> read = read_json(text, "entries");
  if (!read) refuse(read.error().message);
  const Json& entries = *read;
  if (!entries.is_object()) refuse("entries: an object is needed");
  if (entries.empty()) return {};
  if (entries.size() > 1) refuse("entries: one task at a time: facial-recognition, clip or ocr");
  const auto task = entries.begin();
  if (task.key() == ImmichAsk::kFaces) return read_faces(task.value());
  ImmichAsk ask;
  ask.task = task.key();
  return ask;
}

std::string immich_answer(const ImmichAsk& ask, const Analysis& analysis) {
  std::string out = "{";
  if (ask.is_faces()) {
    out += "\"facial-recognition\":";
    out += ask.recognition ? recognised(analysis) : detected(analysis);
    out += ',';
  }
  return out + fmt::format(R"("imageHeight":{},"imageWidth":{}}})", analysis.height, analysis.width);
}

Response immich_error(int status, std::string_view message, std::string_view request_id) {
  constexpr std::pair<int, ErrorCode> kCodes[] = {{kBadRequest, ErrorCode::invalid_argument},
                                                  {404, ErrorCode::not_found},
                                                  {413, ErrorCode::limit_exceeded},
                                                  {kUnprocessable, ErrorCode::bad_data},
                                                  {501, ErrorCode::unsupported},
                                                  {503, ErrorCode::unavailable},
                                                  {504, ErrorCode::cancelled}};
  const auto* const row =
      std::find_if(std::begin(kCodes), std::end(kCodes), [&](const auto& one) { return one.first == status; });
  const std::string_view code = error_code_name(row == std::end(kCodes) ? ErrorCode::internal : row->second);
  Response response = error_response(status, code, message, request_id);
  Json body = Json::parse(response.body, nullptr, false);
  if (!body.is_object()) body = Json::object();
  body["detail"] = message;
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return response;
}

}  // namespace mien::service
