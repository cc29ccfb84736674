#include "store/note.h"

#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "base/file.h"
#include "base/utf8.h"
#include "store/encode.h"

namespace mien {
namespace {

constexpr std::size_t kNoteBytesMax = std::size_t{256} << 20;
constexpr std::string_view kDigits = "0123456789abcdef";

std::string hex(std::string_view bytes) {
  std::string digits;
  for (const char one : bytes) {
    const auto byte = static_cast<unsigned char>(one);
    digits += {kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return digits;
}

// Empty: it is no text of pairs of digits.
std::string bytes_of(const nlohmann::json& value) {
  std::string bytes;
  const std::string digits = value.is_string() ? value.get<std::string>() : std::string();
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    const std::size_t high = kDigits.find(digits[i]);
    const std::size_t low = kDigits.find(digits[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return {};
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

bool read_place(const nlohmann::json& line, ForgottenNote& note) {
  const nlohmann::json& box = line["bbox"];
  const std::string sha256 = line["sha256"].is_string() ? sha256_bytes(line["sha256"].get<std::string>()) : "";
  if (sha256.empty() || !box.is_array() || box.size() != 4) return false;
  for (const nlohmann::json& corner : box) {
    if (!corner.is_number()) return false;
  }
  note.places.insert(
      {sha256, box_bytes({box[0].get<float>(), box[1].get<float>(), box[2].get<float>(), box[3].get<float>()})});
  return true;
}

bool read_line(std::string_view text, ForgottenNote& note) {
  const nlohmann::json line = nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!line.is_object()) return false;
  if (line.contains("sha256") && line.contains("bbox")) return read_place(line, note);
  if (!line.contains("person")) return false;
  const std::string token = bytes_of(line["person"]);
  if (!token.empty()) note.tokens.insert(token);
  return !token.empty();
}

}  // namespace

ForgottenNote read_note(const std::string& path) {
  ForgottenNote note;
  const Result<std::vector<std::uint8_t>> bytes = read_file(path, kNoteBytesMax);
  if (!bytes && bytes.error().code == ErrorCode::not_found) return note;
  if (!bytes) throw Exception(bytes.error());
  std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (!line.empty() && !read_line(line, note)) {
      throw Exception(ErrorCode::bad_data, "cannot read " + replace_invalid_utf8(path) + ": line " +
                                               std::to_string(number) +
                                               " is no note of who was forgotten: mend or "
                                               "delete that line");
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return note;
}

ForgottenNote note_of(Database& database) {
  ForgottenNote note;
  Query tokens = database.prepare("forgotten", "SELECT token FROM forgotten");
  while (tokens.step()) note.tokens.emplace(tokens.blob(0));
  Query places = database.prepare("suppressed", "SELECT sha256, box FROM suppressed");
  while (places.step()) note.places.insert({std::string(places.blob(0)), std::string(places.blob(1))});
  return note;
}

void write_note(const std::string& path, const ForgottenNote& note) {
  PrivateFile file(path);
  for (const std::string& token : note.tokens) file.write(nlohmann::json{{"person", hex(token)}}.dump() + "\n");
  for (const ForgottenNote::Place& place : note.places) {
    const Box box = box_of(place.box);
    const nlohmann::ordered_json line = {{"sha256", sha256_digits(place.sha256)},
                                         {"bbox", {box.x1, box.y1, box.x2, box.y2}}};
    file.write(line.dump() + "\n");
  }
  file.commit();
}

void put_note(Database& database, const ForgottenNote& note) {
  Query token = database.prepare("forgotten", "INSERT OR IGNORE INTO forgotten (token) VALUES (?)");
  for (const std::string& one : note.tokens) token.bind_blob(one).run();
  Query place = database.prepare("suppressed", "INSERT OR IGNORE INTO suppressed (sha256, box) VALUES (?, ?)");
  for (const ForgottenNote::Place& one : note.places) place.bind_blob(one.sha256).bind_blob(one.box).run();
}

}  // namespace mien
