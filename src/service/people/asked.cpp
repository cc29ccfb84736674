#include "service/people/asked.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/utf8.h"
#include "service/json_text.h"

namespace mien::service {
namespace {

constexpr std::size_t kFacesMax = 10'000;  // that are named at once
constexpr std::string_view kStoreMember = "store";

[[noreturn]] void refuse_asked(std::string message) {
  throw Exception(ErrorCode::invalid_argument, std::move(message));
}

// As much of what came as a message shows.
std::string shown(const std::string& text) {
  constexpr std::size_t kBytesMax = 60;
  return replace_controls(replace_invalid_utf8(text.substr(0, kBytesMax)));
}

[[noreturn]] void refuse_value(const std::string& name, const std::string& value, const std::string& allowed) {
  refuse_asked(fmt::format("the query's {}='{}' is not valid: use {}", name, shown(value), allowed));
}

std::optional<std::int64_t> whole_number(const nlohmann::json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const std::uint64_t number = value.get<std::uint64_t>();
  if (number < 1 || number > static_cast<std::uint64_t>(kPeopleIdMax)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

}  // namespace

PeopleQuery::PeopleQuery(const RequestHead& head, const std::vector<QueryRow>& rows) {
  for (const auto& [name, value] : head.query) {
    if (std::ranges::find(rows, std::string_view(name), &QueryRow::name) == rows.end()) {
      std::string names;
      for (const QueryRow& row : rows) names += fmt::format("{}{}", names.empty() ? "" : ", ", row.name);
      refuse_asked(fmt::format("the query has '{}', which is no option here: {}", shown(name),
                               names.empty() ? "there are none" : "use " + names));
    }
    if (!values_.emplace(name, value).second) refuse_asked(fmt::format("the query has '{}' twice: use it once", name));
  }
  for (const QueryRow& row : rows) {
    if (row.required && !has(std::string(row.name)))
      refuse_asked(fmt::format("the query has no {}: {}", row.name, row.help));
  }
}

std::string PeopleQuery::text(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string() : found->second;
}

std::int64_t PeopleQuery::number(const std::string& name, std::int64_t least, std::int64_t most,
                                 std::int64_t otherwise) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return otherwise;
  const std::string& value = found->second;
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (failure == std::errc() && end == value.data() + value.size() && number >= least && number <= most) return number;
  refuse_value(name, value, fmt::format("a whole number from {} to {}", least, most));
}

bool PeopleQuery::flag(const std::string& name) const {
  const std::string value = has(name) ? text(name) : "false";
  if (value != "true" && value != "1" && value != "false" && value != "0") refuse_value(name, value, "true or false");
  return value == "true" || value == "1";
}

std::string PeopleQuery::choice(const std::string& name, std::span<const std::string_view> allowed) const {
  if (!has(name)) return std::string(allowed.front());
  const std::string value = text(name);
  if (std::ranges::find(allowed, std::string_view(value)) != allowed.end()) return value;
  refuse_value(name, value, fmt::format("one of {}", fmt::join(allowed, ", ")));
}

PeopleBody::PeopleBody(const std::vector<std::uint8_t>& bytes, std::span<const std::string_view> members) {
  json_ = read_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "the body").take();
  const std::string known = fmt::format("{}, and perhaps {}", fmt::join(members, ", "), kStoreMember);
  if (!json_.is_object()) refuse_asked(fmt::format("the body is no JSON object: it has {}", known));
  for (const auto& [name, value] : json_.items()) {
    if (name == kStoreMember || std::ranges::find(members, std::string_view(name)) != members.end()) continue;
    refuse_asked(fmt::format("the body has a member that is none here: it has {}", known));
  }
}

std::optional<std::string> PeopleBody::store() const {
  if (!json_.contains(kStoreMember)) return std::nullopt;
  return text(kStoreMember);
}

const nlohmann::json& PeopleBody::at(std::string_view member) const {
  const auto found = json_.find(member);
  if (found == json_.end()) refuse_asked(fmt::format("the body has no member '{}'", member));
  return *found;
}

std::string PeopleBody::text(std::string_view member) const {
  const nlohmann::json& value = at(member);
  if (!value.is_string()) refuse_asked(fmt::format("the member '{}' is no text", member));
  return value.get<std::string>();
}

std::int64_t PeopleBody::id(std::string_view member) const {
  const std::optional<std::int64_t> id = whole_number(at(member));
  if (!id) refuse_asked(fmt::format("the member '{}' is no id: use a whole number above 0", member));
  return *id;
}

std::optional<std::int64_t> PeopleBody::id_or_null(std::string_view member) const {
  const auto found = json_.find(member);
  if (found == json_.end() || found->is_null()) return std::nullopt;
  return id(member);
}

std::vector<FaceId> PeopleBody::faces() const {
  const nlohmann::json& value = at("faces");
  if (!value.is_array() || value.empty() || value.size() > kFacesMax) {
    refuse_asked(fmt::format("the member 'faces' is no list of 1 to {} faces", kFacesMax));
  }
  std::vector<FaceId> faces;
  for (const nlohmann::json& one : value) {
    const std::optional<std::int64_t> face = whole_number(one);
    if (!face) refuse_asked("the member 'faces' has what is no id: use whole numbers above 0");
    faces.push_back(*face);
  }
  return faces;
}

bool PeopleBody::flag(std::string_view member) const {
  const nlohmann::json& value = at(member);
  if (!value.is_boolean()) refuse_asked(fmt::format("the member '{}' is neither true nor false", member));
  return value.get<bool>();
}

std::optional<std::string> PeopleBody::text_or_null(std::string_view member) const {
  const auto found = json_.find(member);
  if (found == json_.end()) return std::nullopt;
  return found->is_null() ? std::string() : text(member);
}

}  // namespace mien::service
