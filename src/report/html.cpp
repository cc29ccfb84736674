#include "report/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <vector>

#include "base/utf8.h"

namespace mien::report {
namespace {

constexpr std::size_t kBoxesMax = 100;   // drawn on one picture
constexpr std::size_t kLabelledMax = 8;  // faces up to which boxes of strangers carry a label
// Photos of crowds get two columns where the thumbnail has the pixels for it.
constexpr std::size_t kCrowdFaces = 10;
constexpr int kCrowdWidth = 500;
constexpr std::size_t kMessageBytesMax = 400;
// The picture is shown at about this size (page.cpp); labels are scaled to be read there.
constexpr float kShownSide = 290;
constexpr float kLabelSize = 13;

// The code point at the start of valid UTF-8, and how many bytes it takes.
struct CodePoint {
  char32_t value = 0;
  std::size_t size = 1;
};

CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  if (byte(0) < 0x80) return {byte(0), 1};
  if (byte(0) < 0xe0) return {(byte(0) & 0x1f) << 6 | (byte(1) & 0x3f), 2};
  if (byte(0) < 0xf0) return {(byte(0) & 0xf) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f), 3};
  return {(byte(0) & 7) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f), 4};
}

struct Range {
  char32_t first;
  char32_t last;
};

// Joiners (U+200C, U+200D) stay: scripts and emoji need them, and they do not reorder text.
constexpr Range kHidden[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e}, {0x200b, 0x200b},
    {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x2069}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};

bool is_hidden(char32_t character) {
  for (const Range& range : kHidden) {
    if (character >= range.first && character <= range.last) return true;
  }
  return false;
}

std::string shortened(const std::string& text) {
  if (text.size() <= kMessageBytesMax) return text;
  return replace_invalid_utf8(std::string_view(text).substr(0, kMessageBytesMax)) + " ...";
}

std::optional<float> similarity_of(const Record& record, std::size_t face) {
  for (const Match& match : record.matches) {
    if (static_cast<std::size_t>(match.face) == face) return match.similarity;
  }
  return std::nullopt;
}

// Faces in the order in which they are listed: matches first, then as found, by falling score.
std::vector<std::size_t> faces_in_order(const Record& record) {
  std::vector<std::size_t> order(record.analysis.faces.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_partition(order.begin(), order.end(),
                        [&](std::size_t face) { return similarity_of(record, face).has_value(); });
  return order;
}

// All boxes of a kind are one path, drawn twice: dark and wide below, light and thin above, so that
// they are seen on any picture.
std::string boxes_svg(const std::string& path, std::string_view kind) {
  if (path.empty()) return "";
  return fmt::format("<path class=\"under\" d=\"{0}\"/><path class=\"{1}\" d=\"{0}\"/>", path, kind);
}

std::string overlay_svg(const Record& record) {
  const Analysis& analysis = record.analysis;
  const float unit = static_cast<float>(std::max(analysis.width, analysis.height)) / kShownSide;
  const float label_size = unit * kLabelSize;
  std::string strangers;
  std::string matched;
  std::string labels;
  std::size_t drawn = 0;
  for (const std::size_t index : faces_in_order(record)) {
    if (drawn++ == kBoxesMax) break;
    const Face& face = analysis.faces[index];
    const std::optional<float> similarity = similarity_of(record, index);
    (similarity ? matched : strangers) +=
        fmt::format("M{:.0f} {:.0f}h{:.0f}v{:.0f}h{:.0f}z", face.bbox.x1, face.bbox.y1, face.bbox.width(),
                    face.bbox.height(), -face.bbox.width());
    // A score beside a similarity would be taken for one.
    if (!similarity && (!record.matches.empty() || analysis.faces.size() > kLabelledMax)) continue;
    // Above the box, or inside it when there is no room.
    const float above = face.bbox.y1 - label_size * 0.35F;
    const float y = above > label_size ? above : face.bbox.y1 + label_size * 1.1F;
    labels += fmt::format("<text{} x=\"{:.0f}\" y=\"{:.0f}\">{:.2f}</text>", similarity ? " class=\"hit\"" : "",
                          std::max(face.bbox.x1, 0.0F), y, similarity ? *similarity : face.det_score);
  }
  return fmt::format("<svg viewBox=\"0 0 {} {}\" font-size=\"{:.0f}\" aria-hidden=\"true\">{}{}{}</svg>",
                     analysis.width, analysis.height, label_size, boxes_svg(strangers, "other"),
                     boxes_svg(matched, "hit"), labels);
}

std::string picture_html(const Record& record, const Thumbnail& thumbnail) {
  if (thumbnail.data_uri.empty()) {
    return fmt::format("<div class=\"pic none\"><p>No picture: {}</p></div>", html_text(thumbnail.problem));
  }
  return fmt::format(
      "<div class=\"pic\"><img src=\"{}\" width=\"{}\" height=\"{}\" loading=\"lazy\" "
      "decoding=\"async\" alt=\"{}\">{}</div>",
      thumbnail.data_uri, thumbnail.width, thumbnail.height, html_text(description(record)),
      record.analysis.faces.empty() ? std::string() : overlay_svg(record));
}

std::string quality_html(const Quality& quality) {
  std::string out =
      fmt::format("quality <b>{:.2f}</b> (blur {:.0f}, brightness {:.0f}, contrast {:.0f}, sharpness {:.0f}",
                  quality.overall_score, quality.blur_score, quality.brightness, quality.contrast, quality.sharpness);
  if (quality.pose_angles) {
    const PoseAngles& pose = *quality.pose_angles;
    out += fmt::format("; yaw {}\u00b0, pitch {}\u00b0, roll {}\u00b0", std::lround(pose.yaw), std::lround(pose.pitch),
                       std::lround(pose.roll));
  }
  return out + ")";
}

std::string face_html(const Record& record, std::size_t index) {
  const Face& face = record.analysis.faces[index];
  const std::optional<float> similarity = similarity_of(record, index);
  std::string out = "<li>";
  if (similarity) out += fmt::format("<b class=\"hit\">similarity {:.3f}</b>, ", *similarity);
  out += fmt::format("score {:.2f}, {:.0f} \u00d7 {:.0f} px", face.det_score, face.face_width(), face.face_height());
  if (face.quality) out += ", " + quality_html(*face.quality);
  if (face.recognition_quality) {
    out += fmt::format(", recognition quality <b>{:.2f}</b>", *face.recognition_quality);
    if (face.poor_reason) out += fmt::format(": {}", poor_reason_name(*face.poor_reason));
  }
  return out + "</li>";
}

std::string details_html(const Record& record, std::size_t faces_listed_max) {
  const std::vector<std::size_t> order = faces_in_order(record);
  const std::string name = html_text(split_path(record.source).name);
  std::string out = fmt::format(
      "<details><summary>Scores and quality<span class=\"vh\"> of the faces in {}</span></summary>"
      "<ol>",
      name);
  const std::size_t listed = std::min(order.size(), faces_listed_max);
  for (std::size_t i = 0; i < listed; ++i) out += face_html(record, order[i]);
  out += "</ol>";
  if (listed < order.size()) {
    out += fmt::format("<p>{} more in the records.</p>",
                       counted(static_cast<std::int64_t>(order.size() - listed), "face"));
  }
  return out + "</details>";
}

std::string facts_html(const Record& record) {
  std::string out;
  if (!record.matches.empty()) {
    out += fmt::format("<b class=\"hit\">Match {:.2f}</b>", best_similarity(record));
  }
  const std::int64_t faces = static_cast<std::int64_t>(record.analysis.faces.size());
  out += fmt::format("<span>{}</span>", faces == 0 ? "no face" : counted(faces, "face"));
  if (best_quality(record) >= 0) {
    out += fmt::format("<span>{}quality {:.2f}</span>", faces > 1 ? "best " : "", best_quality(record));
  }
  out += fmt::format("<span>{} \u00d7 {} px</span>", record.analysis.width, record.analysis.height);
  return out;
}

std::string path_html(const std::string& path, std::string_view name_tag) {
  const PathParts parts = split_path(path);
  std::string out = fmt::format("<{0} class=\"name\"><bdi>{1}</bdi></{0}>", name_tag, html_text(parts.name));
  if (!parts.folder.empty()) {
    out += fmt::format("<span class=\"folder\"><bdi>{}</bdi></span>", html_text(parts.folder));
  }
  return out;
}

}  // namespace

std::string display_text(std::string_view text) {
  const std::string valid = replace_invalid_utf8(text);
  std::string out;
  out.reserve(valid.size());
  for (std::string_view left = valid; !left.empty();) {
    const CodePoint point = first_code_point(left);
    if (is_hidden(point.value)) {
      out += fmt::format("\\u{{{:04X}}}", static_cast<std::uint32_t>(point.value));
    } else {
      out += left.substr(0, point.size);
    }
    left.remove_prefix(point.size);
  }
  return out;
}

std::string html_text(std::string_view text) {
  const std::string shown = display_text(text);
  std::string out;
  out.reserve(shown.size());
  for (const char character : shown) {
    switch (character) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += character;
    }
  }
  return out;
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char character : display_text(text)) {
    switch (character) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      // No end tag and no comment may begin inside a script element.
      case '<': out += "\\u003c"; break;
      case '>': out += "\\u003e"; break;
      case '&': out += "\\u0026"; break;
      default: out += character;
    }
  }
  return out + "\"";
}

std::string with_commas(std::int64_t value) {
  std::string digits = std::to_string(value);
  for (std::ptrdiff_t i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > (value < 0 ? 1 : 0); i -= 3) {
    digits.insert(static_cast<std::size_t>(i), ",");
  }
  return digits;
}

std::string counted(std::int64_t count, std::string_view singular) {
  return fmt::format("{} {}{}", with_commas(count), singular, count == 1 ? "" : "s");
}

PathParts split_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {"", path};
  return {path.substr(0, slash + 1), path.substr(slash + 1)};
}

const Match* best_match(const Record& record) {
  const auto best = std::max_element(record.matches.begin(), record.matches.end(),
                                     [](const Match& a, const Match& b) { return a.similarity < b.similarity; });
  return best == record.matches.end() ? nullptr : &*best;
}

float best_similarity(const Record& record) {
  const Match* best = best_match(record);
  return best ? best->similarity : -2;
}

double best_quality(const Record& record) {
  double best = -1;
  for (const Face& face : record.analysis.faces) {
    if (face.quality) best = std::max(best, face.quality->overall_score);
  }
  return best;
}

std::string description(const Record& record) {
  const std::int64_t faces = static_cast<std::int64_t>(record.analysis.faces.size());
  std::string out = std::string(split_path(record.source).name) + ": ";
  out += faces == 0 ? "no face" : counted(faces, "face");
  if (!record.matches.empty()) {
    out += fmt::format(", {} similar to the person looked for, at best {:.2f}",
                       with_commas(static_cast<std::int64_t>(record.matches.size())), best_similarity(record));
  }
  return out;
}

std::string card_html(const Record& record, const Thumbnail& thumbnail, std::size_t faces_listed_max) {
  const bool crowd = record.analysis.faces.size() >= kCrowdFaces && thumbnail.width >= kCrowdWidth;
  std::string out =
      fmt::format("<li class=\"card{}{}\">", record.matches.empty() ? "" : " match", crowd ? " crowd" : "");
  out += picture_html(record, thumbnail);
  if (!thumbnail.face_data_uri.empty()) {
    out +=
        fmt::format("<img class=\"face\" src=\"{}\" loading=\"lazy\" decoding=\"async\" alt=\"The face that matches\">",
                    thumbnail.face_data_uri);
  }
  out += path_html(record.source, "h3");
  out += "<p class=\"facts\">" + facts_html(record) + "</p>";
  for (const std::string& warning : record.analysis.warnings) {
    out += "<p class=\"warning\">Warning: " + html_text(shortened(warning)) + "</p>";
  }
  if (!record.analysis.faces.empty()) out += details_html(record, faces_listed_max);
  return out + "</li>\n";
}

std::string match_row_html(const Record& record) {
  return fmt::format("<tr><th scope=\"row\">{}</th><td>{:.3f}</td><td>{}</td></tr>\n", path_html(record.source, "span"),
                     best_similarity(record), record.analysis.faces.size());
}

std::string failure_row_html(const Record& record) {
  const Error error = record.error.value_or(Error{ErrorCode::internal, "no reason recorded"});
  return fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td><code>{}</code></td></tr>\n",
                     path_html(record.source, "span"), html_text(shortened(error.message)),
                     error_code_name(error.code));
}

}  // namespace mien::report
