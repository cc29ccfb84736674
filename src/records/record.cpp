// One image of a scan <-> one line of JSON. docs/formats.md describes the line,
// docs/record.schema.json checks it.
//
// Numbers are 32-bit floats on both sides: nlohmann's writer then gives the shortest text that
// reads back to the same float (0.1 and not 0.10000000149011612), which halves the size of
// embeddings.
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/base64.h"
#include "base/utf8.h"
#include "mien/scan.h"
#include "ops/compare.h"

namespace mien {
namespace {

// Writing keeps the order of keys. Reading must not: looking a key up in an ordered map is linear,
// so that a hostile line with a million keys would take for ever.
using JsonOut =
    nlohmann::basic_json<nlohmann::ordered_map, std::vector, std::string, bool, std::int64_t, std::uint64_t, float>;
using JsonIn = nlohmann::basic_json<std::map, std::vector, std::string, bool, std::int64_t, std::uint64_t, float>;

constexpr std::size_t kShownBytesMax = 60;  // of a line that is not understood, in the message
constexpr double kMicrosecondsPerMillisecond = 1000;

// ---- Record -> line

class RecordWriter {
 public:
  explicit RecordWriter(EmbeddingFormat embeddings) : embeddings_(embeddings) {}

  std::string write(const Record& record) {
    JsonOut line = JsonOut::object();
    put_source(line, record);
    put_image(line, record.analysis);
    line["models"] = {{"detector", text_or_null(record.analysis.models.detector)},
                      {"embedder", text_or_null(record.analysis.models.embedder)},
                      {"embedder_id", text_or_null(record.analysis.models.embedder_id)}};
    line["terms"] = text_or_null(record.terms);
    put_run(line, record.analysis);
    line["error"] = nullptr;
    if (record.error) {
      line["error"] = {{"code", error_code_name(record.error->code)}, {"message", record.error->message}};
    }
    if (record.like) {
      JsonOut matches = JsonOut::array();
      for (const Match& match : record.matches) {
        matches.push_back({{"face", match.face}, {"similarity", number(match.similarity)}});
      }
      line["matches"] = std::move(matches);
      if (record.compare_anyway) line["compare_anyway"] = true;
    }
    // Only now is it known whether every number could be written.
    if (not_finite_count_ > 0) {
      line["warnings"].push_back(std::to_string(not_finite_count_) +
                                 " numbers of this record were not finite and are written as 0");
    }
    // Messages may quote names that are not UTF-8.
    return line.dump(-1, ' ', false, JsonOut::error_handler_t::replace);
  }

 private:
  static JsonOut text_or_null(const std::string& text) { return text.empty() ? JsonOut(nullptr) : JsonOut(text); }

  JsonOut number(double value) {
    const float narrow = static_cast<float>(value);
    if (std::isfinite(narrow)) return narrow;
    ++not_finite_count_;
    return 0.0F;
  }

  static void put_source(JsonOut& line, const Record& record) {
    if (is_valid_utf8(record.source)) {
      line["source"] = record.source;
    } else {
      line["source"] = replace_invalid_utf8(record.source);
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.source.data());
      line["source_base64"] = base64_encode({bytes, record.source.size()});
    }
    if (!record.source_folder.empty()) line["source_folder"] = record.source_folder;
    const bool known = record.source_size >= 0;
    line["source_size"] = known ? JsonOut(record.source_size) : JsonOut(nullptr);
    line["source_mtime_ns"] = known ? JsonOut(record.source_mtime_ns) : JsonOut(nullptr);
    line["sha256"] = text_or_null(record.sha256);
  }

  void put_image(JsonOut& line, const Analysis& analysis) {
    line["phash"] = text_or_null(analysis.phash);
    line["format"] = text_or_null(analysis.format);
    const bool known = analysis.width > 0 && analysis.height > 0;
    line["width"] = known ? JsonOut(analysis.width) : JsonOut(nullptr);
    line["height"] = known ? JsonOut(analysis.height) : JsonOut(nullptr);
    line["taken"] = text_or_null(analysis.taken);
    line["detail"] = known ? JsonOut(detail_name(analysis.detail)) : JsonOut(nullptr);
    JsonOut faces = JsonOut::array();
    for (const Face& face : analysis.faces) faces.push_back(face_json(face));
    line["faces"] = std::move(faces);
    if (analysis.quality) line["quality"] = quality_json(*analysis.quality);
  }

  void put_run(JsonOut& line, const Analysis& analysis) {
    JsonOut placement = JsonOut::object();
    for (const Placement& one : analysis.placement) {
      placement[one.operation] = {{"requested", one.requested},
                                  {"ran", one.ran},
                                  {"runtime", one.runtime},
                                  {"device", one.device},
                                  {"reason", one.reason ? JsonOut(*one.reason) : JsonOut(nullptr)}};
    }
    line["placement"] = std::move(placement);
    const Timings& timings = analysis.timings_ms;
    line["timings_ms"] = {{"read", milliseconds(timings.read)},       {"decode", milliseconds(timings.decode)},
                          {"enhance", milliseconds(timings.enhance)}, {"detect", milliseconds(timings.detect)},
                          {"embed", milliseconds(timings.embed)},     {"quality", milliseconds(timings.quality)},
                          {"total", milliseconds(timings.total)}};
    line["warnings"] = analysis.warnings;
  }

  // Clocks are not better than a microsecond; more digits would be noise.
  JsonOut milliseconds(double value) {
    return number(std::round(value * kMicrosecondsPerMillisecond) / kMicrosecondsPerMillisecond);
  }

  JsonOut face_json(const Face& face) {
    JsonOut out = JsonOut::object();
    out["bbox"] = {number(face.bbox.x1), number(face.bbox.y1), number(face.bbox.x2), number(face.bbox.y2)};
    out["landmarks"] = nullptr;
    if (face.landmarks) {
      JsonOut points = JsonOut::array();
      for (const Point& point : *face.landmarks) {
        points.push_back(JsonOut::array({number(point.x), number(point.y)}));
      }
      out["landmarks"] = std::move(points);
    }
    out["det_score"] = number(face.det_score);
    out["face_size"] = JsonOut::array({number(face.face_width()), number(face.face_height())});
    out["scale"] = number(face.scale);
    out["enhancement_scale"] = number(face.enhancement_scale);
    out["rotation"] = face.rotation;
    out["quality"] = face.quality ? quality_json(*face.quality) : JsonOut(nullptr);
    out["recognition_quality"] = face.recognition_quality ? number(*face.recognition_quality) : JsonOut(nullptr);
    out["poor_reason"] = face.poor_reason ? JsonOut(poor_reason_name(*face.poor_reason)) : JsonOut(nullptr);
    if (embeddings_ != EmbeddingFormat::none && !face.embedding.empty()) {
      out["embedding"] = embedding_json(face.embedding);
    }
    return out;
  }

  JsonOut quality_json(const Quality& quality) {
    JsonOut out = JsonOut::object();
    out["blur_score"] = number(quality.blur_score);
    out["brightness"] = number(quality.brightness);
    out["contrast"] = number(quality.contrast);
    out["sharpness"] = number(quality.sharpness);
    out["pose_angles"] = nullptr;
    if (quality.pose_angles) {
      out["pose_angles"] = {{"yaw", number(quality.pose_angles->yaw)},
                            {"pitch", number(quality.pose_angles->pitch)},
                            {"roll", number(quality.pose_angles->roll)}};
    }
    out["occlusion_score"] = quality.occlusion_score ? number(*quality.occlusion_score) : JsonOut(nullptr);
    out["overall_score"] = number(quality.overall_score);
    return out;
  }

  JsonOut embedding_json(const std::vector<float>& embedding) {
    JsonOut numbers = JsonOut::array();
    for (const float value : embedding) numbers.push_back(number(value));
    if (embeddings_ == EmbeddingFormat::json) return numbers;
    std::vector<std::uint8_t> bytes;
    bytes.reserve(embedding.size() * sizeof(float));
    for (const JsonOut& value : numbers) {
      const std::uint32_t bits = std::bit_cast<std::uint32_t>(value.get<float>());
      for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<std::uint8_t>(bits >> shift & 0xff));
    }
    return base64_encode(bytes);
  }

  EmbeddingFormat embeddings_;
  int not_finite_count_ = 0;
};

// ---- Line -> Record

// Each read_* returns false at the first thing that is not as it should be, and problem() says
// which.
class RecordReader {
 public:
  const std::string& problem() const { return problem_; }

  bool read(const JsonIn& line, Record& record) {
    if (!line.is_object()) return fail("it is not a JSON object");
    return read_source(line, record) && read_image(line, record.analysis) && read_run(line, record.analysis) &&
           read_error(line, record) && read_matches(line, record);
  }

 private:
  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  bool fail_key(std::string_view key, std::string_view expected) {
    return fail("\"" + std::string(key) + "\" is missing or is not " + std::string(expected));
  }

  static const JsonIn* find(const JsonIn& object, const char* key) {
    const auto place = object.find(key);
    return place == object.end() ? nullptr : &*place;
  }
  // Null stands for "not known" and leaves `out` as it is.
  bool read_text(const JsonIn& object, const char* key, std::string& out, bool null_allowed = false) {
    const JsonIn* value = find(object, key);
    if (value && null_allowed && value->is_null()) return true;
    if (!value || !value->is_string()) return fail_key(key, null_allowed ? "a string or null" : "a string");
    out = value->get_ref<const std::string&>();
    return true;
  }
  template <typename Number>
  bool read_integer(const JsonIn& object, const char* key, Number& out, bool null_allowed = true) {
    const JsonIn* value = find(object, key);
    if (value && null_allowed && value->is_null()) return true;
    constexpr std::int64_t kMax = std::numeric_limits<Number>::max();
    constexpr std::int64_t kMin = std::numeric_limits<Number>::min();
    const bool fits = value && value->is_number_integer() &&
                      (!value->is_number_unsigned() || value->get<std::uint64_t>() <= std::uint64_t{kMax}) &&
                      value->get<std::int64_t>() >= kMin;
    if (!fits) return fail_key(key, null_allowed ? "an integer or null" : "an integer");
    out = value->get<Number>();
    return true;
  }
  template <typename Number>
  bool read_number(const JsonIn& object, const char* key, Number& out) {
    const JsonIn* value = find(object, key);
    if (!value || !value->is_number()) return fail_key(key, "a number");
    out = static_cast<Number>(value->get<float>());
    return true;
  }
  bool read_numbers(const JsonIn* value, const char* key, std::span<float> out) {
    if (!value || !value->is_array() || value->size() != out.size()) return fail_numbers(key, out.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (!(*value)[i].is_number()) return fail_numbers(key, out.size());
      out[i] = (*value)[i].get<float>();
    }
    return true;
  }
  bool fail_numbers(const char* key, std::size_t count) {
    return fail_key(key, "an array of " + std::to_string(count) + " numbers");
  }

  bool read_source(const JsonIn& line, Record& record) {
    if (!read_text(line, "source", record.source)) return false;
    if (find(line, "source_base64")) {
      std::string encoded;
      if (!read_text(line, "source_base64", encoded)) return false;
      const Result<std::vector<std::uint8_t>> raw = base64_decode(encoded);
      if (!raw) return fail_key("source_base64", "base64");
      record.source.assign(raw->begin(), raw->end());
    }
    if (find(line, "source_folder") && !read_text(line, "source_folder", record.source_folder)) return false;
    return read_integer(line, "source_size", record.source_size) &&
           read_integer(line, "source_mtime_ns", record.source_mtime_ns) &&
           read_text(line, "sha256", record.sha256, true) && read_text(line, "terms", record.terms, true);
  }

  bool read_image(const JsonIn& line, Analysis& analysis) {
    if (!read_text(line, "phash", analysis.phash, true) || !read_text(line, "format", analysis.format, true) ||
        !read_integer(line, "width", analysis.width) || !read_integer(line, "height", analysis.height) ||
        !read_taken(line, analysis.taken) || !read_detail(line, analysis.detail)) {
      return false;
    }
    const JsonIn* faces = find(line, "faces");
    if (!faces || !faces->is_array()) return fail_key("faces", "an array");
    analysis.faces.reserve(faces->size());
    for (const JsonIn& one : *faces) {
      if (!read_face(one, analysis.faces.emplace_back())) return false;
    }
    if (const JsonIn* quality = find(line, "quality")) return read_quality(*quality, analysis.quality);
    return true;
  }

  // Older records have none.
  bool read_taken(const JsonIn& line, std::string& out) {
    return !find(line, "taken") || read_text(line, "taken", out, true);
  }

  // Photos were looked at once before there was a choice.
  bool read_detail(const JsonIn& line, Detail& out) {
    const JsonIn* value = find(line, "detail");
    if (!value || value->is_null()) return true;
    const std::optional<Detail> detail =
        value->is_string() ? find_detail(value->get_ref<const std::string&>()) : std::nullopt;
    if (!detail) return fail_key("detail", "auto, off, full or null");
    out = *detail;
    return true;
  }

  // Older records have none.
  bool read_rotation(const JsonIn& object, int& out) {
    if (!find(object, "rotation")) return true;
    if (!read_integer(object, "rotation", out, false)) return false;
    if (out < 0 || out > 270 || out % 90 != 0) return fail_key("rotation", "0, 90, 180 or 270");
    return true;
  }

  bool read_face(const JsonIn& object, Face& face) {
    if (!object.is_object()) return fail_key("faces", "an array of objects");
    std::array<float, 4> corners{};
    std::array<float, 2> size{};  // follows from the box: checked, not kept
    if (!read_numbers(find(object, "bbox"), "bbox", corners) ||
        !read_numbers(find(object, "face_size"), "face_size", size)) {
      return false;
    }
    face.bbox = {corners[0], corners[1], corners[2], corners[3]};
    const JsonIn* quality = find(object, "quality");
    if (!quality) return fail_key("quality", "an object or null");
    return read_landmarks(find(object, "landmarks"), face) && read_number(object, "det_score", face.det_score) &&
           read_number(object, "scale", face.scale) &&
           read_number(object, "enhancement_scale", face.enhancement_scale) && read_rotation(object, face.rotation) &&
           read_quality(*quality, face.quality) && read_recognition(object, face) &&
           read_embedding(find(object, "embedding"), face.embedding);
  }

  bool read_landmarks(const JsonIn* value, Face& face) {
    if (value && value->is_null()) return true;
    Landmarks landmarks;
    if (!value || !value->is_array() || value->size() != landmarks.size()) {
      return fail_key("landmarks", "null or an array of 5 points");
    }
    for (std::size_t i = 0; i < landmarks.size(); ++i) {
      std::array<float, 2> point{};
      if (!read_numbers(&(*value)[i], "landmarks", point)) return false;
      landmarks[i] = {point[0], point[1]};
    }
    face.landmarks = landmarks;
    return true;
  }

  bool read_quality(const JsonIn& value, std::optional<Quality>& out) {
    if (value.is_null()) return true;
    if (!value.is_object()) return fail_key("quality", "an object or null");
    Quality quality;
    if (!read_number(value, "blur_score", quality.blur_score) ||
        !read_number(value, "brightness", quality.brightness) || !read_number(value, "contrast", quality.contrast) ||
        !read_number(value, "sharpness", quality.sharpness) ||
        !read_number(value, "overall_score", quality.overall_score)) {
      return false;
    }
    const JsonIn* occlusion = find(value, "occlusion_score");
    if (!occlusion) return fail_key("occlusion_score", "a number or null");
    if (!occlusion->is_null() && !read_number(value, "occlusion_score", quality.occlusion_score.emplace())) {
      return false;
    }
    const JsonIn* angles = find(value, "pose_angles");
    if (!angles || !(angles->is_null() || angles->is_object())) return fail_key("pose_angles", "an object or null");
    if (angles->is_object()) {
      PoseAngles& pose = quality.pose_angles.emplace();
      if (!read_number(*angles, "yaw", pose.yaw) || !read_number(*angles, "pitch", pose.pitch) ||
          !read_number(*angles, "roll", pose.roll)) {
        return false;
      }
    }
    out = quality;
    return true;
  }

  // Records of earlier versions have neither.
  bool read_recognition(const JsonIn& object, Face& face) {
    const JsonIn* const quality = find(object, "recognition_quality");
    if (quality != nullptr && !quality->is_null() &&
        !read_number(object, "recognition_quality", face.recognition_quality.emplace())) {
      return false;
    }
    const JsonIn* const reason = find(object, "poor_reason");
    if (reason == nullptr || reason->is_null()) return true;
    if (reason->is_string()) face.poor_reason = poor_reason_from_name(reason->get_ref<const std::string&>());
    return face.poor_reason.has_value() || fail_key("poor_reason", "the name of a reason or null");
  }

  bool read_embedding(const JsonIn* value, std::vector<float>& out) {
    if (!value) return true;
    if (value->is_array()) {
      out.resize(value->size());
      return read_numbers(value, "embedding", out);
    }
    if (!value->is_string()) return fail_key("embedding", "an array of numbers or base64");
    const Result<std::vector<std::uint8_t>> bytes = base64_decode(value->get_ref<const std::string&>());
    if (!bytes || bytes->size() % sizeof(float) != 0) return fail_key("embedding", "base64 of 32-bit floats");
    out.reserve(bytes->size() / sizeof(float));
    for (std::size_t i = 0; i < bytes->size(); i += sizeof(float)) {
      std::uint32_t bits = 0;
      for (std::size_t k = 0; k < sizeof(float); ++k) bits |= std::uint32_t{(*bytes)[i + k]} << (8 * k);
      out.push_back(std::bit_cast<float>(bits));
      if (!std::isfinite(out.back())) return fail_key("embedding", "made of finite numbers");
    }
    return true;
  }

  bool read_run(const JsonIn& line, Analysis& analysis) {
    const JsonIn* models = find(line, "models");
    if (!models || !models->is_object()) return fail_key("models", "an object");
    return read_text(*models, "detector", analysis.models.detector, true) &&
           read_text(*models, "embedder", analysis.models.embedder, true) &&
           read_text(*models, "embedder_id", analysis.models.embedder_id, true) &&
           read_placement(line, analysis.placement) && read_timings(line, analysis.timings_ms) &&
           read_warnings(line, analysis.warnings);
  }

  bool read_placement(const JsonIn& line, std::vector<Placement>& out) {
    const JsonIn* placement = find(line, "placement");
    if (!placement || !placement->is_object()) return fail_key("placement", "an object");
    for (const auto& [operation, value] : placement->items()) {
      if (!value.is_object()) return fail_key("placement", "an object of objects");
      Placement& one = out.emplace_back();
      one.operation = operation;
      const JsonIn* reason = find(value, "reason");
      if (!reason) return fail_key("reason", "a string or null");
      if (!read_text(value, "requested", one.requested) || !read_text(value, "ran", one.ran) ||
          !read_text(value, "runtime", one.runtime) || !read_text(value, "device", one.device) ||
          (!reason->is_null() && !read_text(value, "reason", one.reason.emplace()))) {
        return false;
      }
    }
    return true;
  }

  bool read_timings(const JsonIn& line, Timings& out) {
    const JsonIn* timings = find(line, "timings_ms");
    if (!timings || !timings->is_object()) return fail_key("timings_ms", "an object");
    return read_number(*timings, "read", out.read) && read_number(*timings, "decode", out.decode) &&
           read_number(*timings, "enhance", out.enhance) && read_number(*timings, "detect", out.detect) &&
           read_number(*timings, "embed", out.embed) && read_number(*timings, "quality", out.quality) &&
           read_number(*timings, "total", out.total);
  }

  bool read_warnings(const JsonIn& line, std::vector<std::string>& out) {
    const JsonIn* warnings = find(line, "warnings");
    if (!warnings || !warnings->is_array()) return fail_key("warnings", "an array");
    for (const JsonIn& warning : *warnings) {
      if (!warning.is_string()) return fail_key("warnings", "an array of strings");
      out.push_back(warning.get_ref<const std::string&>());
    }
    return true;
  }

  bool read_error(const JsonIn& line, Record& record) {
    const JsonIn* error = find(line, "error");
    if (!error || !(error->is_null() || error->is_object())) return fail_key("error", "an object or null");
    if (error->is_null()) return true;
    std::string code;
    Error& out = record.error.emplace();
    if (!read_text(*error, "code", code) || !read_text(*error, "message", out.message)) return false;
    out.code = error_code_from_name(code);
    if (error_code_name(out.code) != code) return fail_key("code", "the name of an error");
    return true;
  }

  bool read_matches(const JsonIn& line, Record& record) {
    const JsonIn* matches = find(line, "matches");
    if (!matches) return true;
    if (!matches->is_array()) return fail_key("matches", "an array");
    record.like = true;
    if (const JsonIn* anyway = find(line, "compare_anyway")) {
      if (!anyway->is_boolean()) return fail_key("compare_anyway", "true or false");
      record.compare_anyway = anyway->get<bool>();
    }
    for (const JsonIn& one : *matches) {
      if (!one.is_object()) return fail_key("matches", "an array of objects");
      Match& match = record.matches.emplace_back();
      if (!read_integer(one, "face", match.face, false) || !read_number(one, "similarity", match.similarity)) {
        return false;
      }
      const int face_count = static_cast<int>(record.analysis.faces.size());
      if (match.face < 0 || match.face >= face_count) return fail_key("face", "the number of a face of this image");
    }
    return true;
  }

  std::string problem_;
};

Error not_a_record(std::string_view line, const std::string& problem) {
  const std::string shown = replace_controls(line.substr(0, kShownBytesMax), ' ');
  const std::string_view more = line.size() > kShownBytesMax ? "..." : "";
  return {ErrorCode::bad_data, "cannot read a record of mien: " + problem +
                                   "; the line begins with: " + replace_invalid_utf8(shown) + std::string(more)};
}

}  // namespace

std::string record_to_json(const Record& record, EmbeddingFormat embeddings) {
  return RecordWriter(embeddings).write(record);
}

Result<Record> record_from_json(std::string_view line) {
  const JsonIn json = JsonIn::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return not_a_record(line, "it is cut off or not JSON");
  Record record;
  RecordReader reader;
  if (!reader.read(json, record)) return not_a_record(line, reader.problem());
  return record;
}

}  // namespace mien
