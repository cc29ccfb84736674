#include "service/nextcloud.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

#include "service/json_text.h"

namespace mien::service {
namespace {

// The app's own numbers: its sensitivity, its least confidence, and the confidence that its own service gives to faces
// that are certain, with the factor for those that a second look did not confirm.
constexpr double kDistance = 0.4;
constexpr double kConfidenceLeast = 0.99;
constexpr double kConfidenceMost = 1.1;
constexpr double kUnconfirmed = 0.8;

// Far beyond any picture, and a number that float holds.
constexpr double kPixelMost = 1e6;

double read_threshold(const std::string& text, const ModelInfo& embedder) {
  if (text.empty()) {
    if (embedder.threshold_search) return *embedder.threshold_search;
    throw Exception(
        ErrorCode::invalid_argument,
        fmt::format("--nextcloud: no threshold for searching is known for the model {}{}: add "
                    "--nextcloud-threshold T, the cosine above which two faces are one person's",
                    embedder.name, embedder.threshold_source.empty() ? "" : " (" + embedder.threshold_source + ")"));
  }
  double threshold = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), threshold);
  const bool is_number = failure == std::errc() && end == text.data() + text.size();
  if (is_number && threshold > 0 && threshold < 1) return threshold;
  throw Exception(ErrorCode::invalid_argument,
                  fmt::format("MIEN_NEXTCLOUD_THRESHOLD (--nextcloud-threshold) is '{}': use a number above 0 and "
                              "below 1, the cosine above which two faces are one person's",
                              text));
}

double norm_of(const Face& face) {
  double sum = 0;
  for (const float value : face.embedding) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

bool has_direction(const Face& face) { return is_finite(face.embedding) && norm_of(face) > 0; }

bool has(const Box& box, float x, float y) { return x >= box.x1 && x <= box.x2 && y >= box.y1 && y <= box.y2; }

bool has_middle_of(const Box& box, const Box& other) {
  return has(box, (other.x1 + other.x2) / 2, (other.y1 + other.y2) / 2);
}

double overlap_of(const Box& a, const Box& b) {
  const double width = std::min<double>(a.x2, b.x2) - std::max(a.x1, b.x1);
  const double height = std::min<double>(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return 0;
  const double both = width * height;
  return both / (static_cast<double>(a.width()) * a.height() + static_cast<double>(b.width()) * b.height() - both);
}

float read_side(const nlohmann::json& face, const char* name) {
  const auto found = face.find(name);
  if (found == face.end()) {
    throw Exception(ErrorCode::invalid_argument, fmt::format("face: {} is missing: use left, top, right and bottom in "
                                                             "pixels of the picture",
                                                             name));
  }
  const bool is_pixel = found->is_number() && std::abs(found->get<double>()) <= kPixelMost;
  if (!is_pixel) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("face.{}: a number of pixels from -{} to {} is needed", name, kPixelMost, kPixelMost));
  }
  return found->get<float>();
}

void put_face(std::string& out, const Box& box, const Face& face, const NextcloudScale& scale) {
  fmt::format_to(std::back_inserter(out), R"({{"left":{},"top":{},"right":{},"bottom":{},"detection_confidence":)",
                 rounded(box.x1), rounded(box.y1), rounded(box.x2), rounded(box.y2));
  put_number(out, scale.confidence(face));
  out += ",\"landmarks\":[";
  const char* comma = "";
  for (const Point& point : face.landmarks.value_or(Landmarks{})) {
    fmt::format_to(std::back_inserter(out), R"({}{{"x":{},"y":{}}})", comma, rounded(point.x), rounded(point.y));
    comma = ",";
  }
  out += "],\"descriptor\":";
  const double factor = scale.length() / norm_of(face);
  char before = '[';
  for (const float value : face.embedding) {
    out += before;
    put_number(out, static_cast<float>(value * factor));
    before = ',';
  }
  out += "]}";
}

// The app cuts its thumbnails by the box.
Box inside(const Box& box, const Analysis& analysis) {
  const float width = static_cast<float>(analysis.width);
  const float height = static_cast<float>(analysis.height);
  return {std::clamp(box.x1, 0.0F, width), std::clamp(box.y1, 0.0F, height), std::clamp(box.x2, 0.0F, width),
          std::clamp(box.y2, 0.0F, height)};
}

std::string text_of(std::string_view file_name) { return nlohmann::json(std::string(base_name(file_name))).dump(); }

}  // namespace

NextcloudScale::NextcloudScale(const std::string& threshold, const ModelInfo& embedder, float score_least)
    : length_(kDistance / std::sqrt(2 - 2 * read_threshold(threshold, embedder))), score_least_(score_least) {}

double NextcloudScale::confidence(const Face& face) const {
  const double range = 1 - score_least_;
  const double above = range > 0 ? (face.det_score - score_least_) / range : 1;
  const double confidence = kConfidenceLeast + (kConfidenceMost - kConfidenceLeast) * above;
  return face.poor_reason ? confidence * kUnconfirmed : confidence;
}

Box read_nextcloud_box(std::string_view text) {
  const nlohmann::json face = read_json(text, "face").take();
  if (!face.is_object()) {
    throw Exception(ErrorCode::invalid_argument, "face: an object with left, top, right and bottom is needed");
  }
  const Box box{read_side(face, "left"), read_side(face, "top"), read_side(face, "right"), read_side(face, "bottom")};
  if (box.width() > 0 && box.height() > 0) return box;
  throw Exception(ErrorCode::invalid_argument,
                  fmt::format("face: left {}, top {}, right {}, bottom {} is no box: right must be more than left, and "
                              "bottom more than top",
                              box.x1, box.y1, box.x2, box.y2));
}

const Face* face_in_box(const Analysis& analysis, const Box& box) {
  const Face* best = nullptr;
  double best_overlap = 0;
  for (const Face& face : analysis.faces) {
    if (!has_direction(face) || !(has_middle_of(box, face.bbox) || has_middle_of(face.bbox, box))) continue;
    const double overlap = overlap_of(box, face.bbox);
    if (overlap <= best_overlap) continue;
    best = &face;
    best_overlap = overlap;
  }
  return best;
}

std::string_view base_name(std::string_view path) { return path.substr(path.find_last_of('/') + 1); }

std::string nextcloud_faces(std::string_view file_name, const Analysis& analysis, const NextcloudScale& scale) {
  std::string faces;
  int count = 0;
  for (const Face& face : analysis.faces) {
    if (!has_direction(face)) continue;
    if (count++ > 0) faces += ',';
    put_face(faces, inside(face.bbox, analysis), face, scale);
  }
  return fmt::format(R"({{"filename":{},"faces-count":{},"faces":[{}]}})", text_of(file_name), count, faces);
}

std::string nextcloud_face(std::string_view file_name, const Box& box, const Face& face, const NextcloudScale& scale) {
  std::string out = fmt::format(R"({{"filename":{},"face":)", text_of(file_name));
  put_face(out, box, face, scale);
  return out + "}";
}

}  // namespace mien::service
