#include "service/crawler.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "service/json_text.h"

namespace mien::service {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kFieldBytesMax = std::size_t{1} << 20;
constexpr double kMarginMost = 10;  // of a face's size

[[noreturn]] void fail(std::string_view field, std::string_view allowed) {
  throw Exception(ErrorCode::invalid_argument, fmt::format("{}: {}", field, allowed));
}

double read_number(std::string_view field, std::string_view text, double most) {
  double number = 0;
  text = trim(text);
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = failure == std::errc() && end == text.data() + text.size();
  if (!is_number || !(number >= 0 && number <= most)) fail(field, fmt::format("use a number from 0 to {}", most));
  return number;
}

// As the programs of Python write them.
bool read_bool(std::string_view field, std::string_view text) {
  const std::string word = lower(trim(text));
  for (const std::string_view one : {"true", "1", "yes", "on"}) {
    if (word == one) return true;
  }
  for (const std::string_view one : {"false", "0", "no", "off"}) {
    if (word == one) return false;
  }
  fail(field, "use true or false");
}

std::map<std::size_t, std::string> read_hashes(std::string_view text) {
  constexpr std::string_view kForm = R"(use a list of {"phash": "...", "index": 0} with an index for each image)";
  const Json rows = read_json(text, "image_hashes").take();
  if (!rows.is_array()) fail("image_hashes", kForm);
  std::map<std::size_t, std::string> hashes;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string place = fmt::format("image_hashes[{}]", i);
    const Json& row = rows[i];
    const bool is_row = row.is_object() && row.contains("phash") && row["phash"].is_string() && row.contains("index") &&
                        row["index"].is_number_unsigned();
    if (!is_row || row["phash"].get_ref<const std::string&>().empty()) fail(place, kForm);
    const std::size_t index = row["index"].get<std::size_t>();
    if (!hashes.emplace(index, row["phash"].get<std::string>()).second) {
      fail(place, fmt::format("the index {} is there twice", index));
    }
  }
  return hashes;
}

std::string quoted(const std::string& text) { return Json(text).dump(); }

void put_vector(std::string& out, const std::vector<float>& values) {
  char before = '[';
  for (const float value : values) {
    out += before;
    put_number(out, value);
    before = ',';
  }
  out += ']';
}

void put_face(std::string& out, const Face& face) {
  out += "{\"bbox\":";
  put_vector(out, {face.bbox.x1, face.bbox.y1, face.bbox.x2, face.bbox.y2});
  out += ",\"landmarks\":[";
  const char* comma = "";
  for (const Point& point : face.landmarks.value_or(Landmarks{})) {
    out += comma;
    put_vector(out, {point.x, point.y});
    comma = ",";
  }
  out += "],\"embedding\":";
  if (face.embedding.empty() || !is_finite(face.embedding)) {
    out += "null";
  } else {
    put_vector(out, face.embedding);
  }
  out += ",\"quality\":";
  put_number(out, face.det_score);
  out += ",\"age\":null,\"gender\":null}";
}

std::string faces_of(const CrawlerImage& image, double quality_min) {
  std::string out = "[";
  for (const Face& face : image.faces) {
    if (face.det_score < quality_min) continue;
    if (out.size() > 1) out += ',';
    put_face(out, face);
  }
  return out + "]";
}

// What the answer says of one hash.
struct Said {
  std::string faces = "[]";
  std::string problem;
};

// Of the images with one hash, by their indices.
Said say_images(const CrawlerFields& fields, const std::vector<CrawlerImage>& images,
                const std::vector<std::size_t>& indices) {
  const auto is_readable = [&](std::size_t index) { return !images[index].problem; };
  const auto readable = std::find_if(indices.begin(), indices.end(), is_readable);
  const CrawlerImage& image = images[readable == indices.end() ? indices.front() : *readable];
  Said said{faces_of(image, fields.quality_min()), image.problem.value_or("")};
  if (!image.problem && fields.needs_face() && said.faces == "[]") {
    said.problem = fmt::format("there is no face with a quality of {} or more (require_face)", fields.quality_min());
  }
  if (indices.size() > 1) {
    said.problem +=
        fmt::format("{}{} images came with this hash: the answer is that of {}", said.problem.empty() ? "" : "; ",
                    indices.size(), readable == indices.begin() ? "the first" : "the first that can be read");
  }
  return said;
}

}  // namespace

bool CrawlerFields::take(const Part& part) {
  constexpr std::string_view kNames[] = {"image_hashes", "min_face_quality", "require_face", "crop_faces",
                                         "face_margin"};
  if (std::find(std::begin(kNames), std::end(kNames), part.name) == std::end(kNames)) return false;
  if (std::find(seen_.begin(), seen_.end(), part.name) != seen_.end()) fail(part.name, "the form has it twice");
  seen_.push_back(part.name);
  if (part.bytes.size() > kFieldBytesMax) fail(part.name, fmt::format("longer than {} bytes", kFieldBytesMax));
  const std::string_view text(reinterpret_cast<const char*>(part.bytes.data()), part.bytes.size());
  if (part.name == "image_hashes") hashes_ = read_hashes(text);
  if (part.name == "min_face_quality") quality_min_ = read_number(part.name, text, 1);
  if (part.name == "require_face") needs_face_ = read_bool(part.name, text);
  if (part.name == "crop_faces") (void)read_bool(part.name, text);
  if (part.name == "face_margin") (void)read_number(part.name, text, kMarginMost);
  return true;
}

void CrawlerFields::check() const {
  if (!quality_min_) fail("min_face_quality", "the field is missing: use a number from 0 to 1");
}

bool ran_on_gpu(const Analysis& analysis, const std::vector<std::string>& emulated) {
  return std::any_of(analysis.placement.begin(), analysis.placement.end(), [&](const Placement& placement) {
    return placement.ran != "cpu" && std::find(emulated.begin(), emulated.end(), placement.device) == emulated.end();
  });
}

std::vector<std::string> emulated_gpus(const std::vector<DeviceStatus>& devices) {
  std::vector<std::string> names;
  for (const DeviceStatus& status : devices) {
    if (status.device.is_software) names.push_back(status.device.name);
  }
  return names;
}

bool has_gpu(const std::vector<DeviceStatus>& devices) {
  return std::any_of(devices.begin(), devices.end(), [](const DeviceStatus& status) {
    return !status.device.is_software && !status.breaker_open[index_of(Operation::face_detection)];
  });
}

std::string_view stem_of(std::string_view file_name) {
  const std::string_view name = file_name.substr(file_name.find_last_of("/\\") + 1);
  const std::size_t dot = name.rfind('.');
  return dot == 0 || dot == std::string_view::npos ? name : name.substr(0, dot);
}

std::vector<std::string> crawler_hashes(const CrawlerFields& fields, const std::vector<std::string>& file_names) {
  std::vector<std::string> hashes;
  for (const std::string& name : file_names) {
    const auto told = fields.hashes().find(hashes.size());
    std::string hash(told == fields.hashes().end() ? stem_of(name) : told->second);
    if (hash.empty()) {
      fail(fmt::format("image {}", hashes.size()),
           "its index is not in image_hashes, and it has no file name: send one of them, for faces are told by the "
           "hash of their image");
    }
    hashes.push_back(std::move(hash));
  }
  return hashes;
}

std::string crawler_answer(const CrawlerFields& fields, const std::vector<std::string>& hashes,
                           const std::vector<CrawlerImage>& images, const CrawlerFacts& facts) {
  std::map<std::string, std::vector<std::size_t>> indices;
  for (std::size_t i = 0; i < hashes.size(); ++i) indices[hashes[i]].push_back(i);
  std::map<std::string, Said> said;
  for (const auto& [hash, of_hash] : indices) said[hash] = say_images(fields, images, of_hash);
  for (const auto& [index, hash] : fields.hashes()) {
    const bool is_missing = index >= hashes.size() && !said.contains(hash);
    if (is_missing) said[hash].problem = fmt::format("no image with the index {} came", index);
  }
  std::string results;
  std::string errors;
  for (const auto& [hash, one] : said) {
    const std::string key = quoted(hash);
    results += fmt::format("{}{}:{}", results.empty() ? "" : ",", key, one.faces);
    if (one.problem.empty()) continue;
    errors += fmt::format("{}{}:{}", errors.empty() ? "" : ",", key, quoted(one.problem));
  }
  return fmt::format(R"({{"results":{{{}}},"processing_time_ms":{:.1f},"gpu_used":{},"worker_id":{},"errors":{{{}}}}})",
                     results, facts.processing_ms, facts.gpu_used, quoted(facts.worker_id), errors);
}

}  // namespace mien::service
