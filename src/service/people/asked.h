// What a request about people asks: its query, or its JSON, read strictly. What is wrong is
// Exception(invalid_argument), which names the option or member and what is allowed.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mien/tools/store.h"
#include "service/http/http.h"

namespace mien::service {

// Of faces, photos and operations: whole numbers that every reader of JSON has.
inline constexpr std::int64_t kPeopleIdMax = (std::int64_t{1} << 53) - 1;

class PeopleQuery {
 public:
  // Every name of the query is that of a row, once, and those that are required are there.
  PeopleQuery(const RequestHead& head, const std::vector<QueryRow>& rows);

  bool has(const std::string& name) const { return values_.contains(name); }
  std::string text(const std::string& name) const;  // empty: it is not there
  std::int64_t number(const std::string& name, std::int64_t least, std::int64_t most, std::int64_t otherwise) const;
  bool flag(const std::string& name) const;
  std::string choice(const std::string& name, std::span<const std::string_view> allowed) const;  // else the first

 private:
  std::map<std::string, std::string> values_;
};

class PeopleBody {
 public:
  // An object of no members but these, and `store`.
  PeopleBody(const std::vector<std::uint8_t>& bytes, std::span<const std::string_view> members);

  // Of which store the ids are, as PeopleSession::require_store takes it, where that is said.
  std::optional<std::string> store() const;

  std::string text(std::string_view member) const;
  std::int64_t id(std::string_view member) const;
  std::optional<std::int64_t> id_or_null(std::string_view member) const;
  std::vector<FaceId> faces() const;
  bool flag(std::string_view member) const;
  // Nothing where it is not there; empty where it is null.
  std::optional<std::string> text_or_null(std::string_view member) const;

 private:
  const nlohmann::json& at(std::string_view member) const;

  nlohmann::json json_;
};

}  // namespace mien::service
