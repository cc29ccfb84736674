#include "models/local_catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/folder_lock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "device/onnx_file.h"
#include "models/detectors.h"

namespace mien {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t kCatalogBytesMax = std::size_t{4} << 20;
constexpr std::int64_t kPackBytesMax = std::int64_t{4} << 30;

// A problem found while reading; it becomes an Error that names the file.
struct Problem {
  std::string text;
};

// Reads the fields of one object and remembers which it has seen, so that a mistyped one is not silently ignored.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) throw Problem{where_ + " is not an object"};
  }

  std::string text(const char* key, bool required = false) {
    const Json* const value = find(key, required);
    if (value == nullptr) return "";
    if (!value->is_string() || (required && value->get_ref<const std::string&>().empty())) {
      fail(key, "must be a text");
    }
    return value->get<std::string>();
  }
  bool flag(const char* key) {
    const Json* const value = find(key, false);
    if (value == nullptr) return false;
    if (!value->is_boolean()) fail(key, "must be true or false");
    return value->get<bool>();
  }
  std::int64_t integer(const char* key, std::int64_t max) {
    const Json* const value = find(key, false);
    if (value == nullptr) return 0;
    const bool fits =
        value->is_number_integer() && value->get<double>() >= 0 && value->get<double>() <= static_cast<double>(max);
    if (!fits) fail(key, fmt::format("must be a whole number from 0 to {}", max));
    return value->get<std::int64_t>();
  }
  std::optional<double> number(const char* key, double low, double high) {
    const Json* const value = find(key, false);
    if (value == nullptr) return std::nullopt;
    const double number = value->is_number() ? value->get<double>() : NAN;
    if (!(number >= low && number <= high)) fail(key, fmt::format("must be a number from {:g} to {:g}", low, high));
    return number;
  }
  // A text, or an array of texts.
  std::vector<std::string> texts(const char* key, bool required) {
    const Json* const value = find(key, required);
    std::vector<std::string> result;
    if (value == nullptr) return result;
    if (value->is_string()) return {value->get<std::string>()};
    if (!value->is_array() || (required && value->empty())) fail(key, "must be a text or an array of texts");
    for (const Json& one : *value) {
      if (!one.is_string()) fail(key, "must be a text or an array of texts");
      result.push_back(one.get<std::string>());
    }
    return result;
  }
  const Json* find(const char* key, bool required) {
    seen_.emplace_back(key);
    const auto place = object_.find(key);
    if (place != object_.end() && !place->is_null()) return &*place;
    if (required) fail(key, "is missing");
    return nullptr;
  }
  void finish() const {
    for (const auto& [key, value] : object_.items()) {
      if (std::find(seen_.begin(), seen_.end(), key) == seen_.end()) fail(key, "is not a field of the catalogue");
    }
  }
  [[noreturn]] void fail(std::string_view key, std::string_view problem) const {
    throw Problem{fmt::format("{}: \"{}\" {}", where_, key, problem)};
  }
  void rename(const std::string& name) { where_ += " (" + name + ")"; }

 private:
  const Json& object_;
  std::string where_;
  std::vector<std::string> seen_;
};

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_address(std::string_view url) { return url.starts_with("http://") || url.starts_with("https://"); }

// Paths begin at the folder of the catalogue's file, unless they are absolute.
std::vector<std::string> read_urls(Fields& fields, bool required, const fs::path& folder) {
  std::vector<std::string> urls = fields.texts("url", required);
  for (std::string& url : urls) {
    if (is_address(url)) continue;
    if (url.empty() || url.find("://") != std::string::npos) {
      fields.fail("url", "must be an http or https address, or the path of a file");
    }
    url = (folder / url).lexically_normal().string();
  }
  return urls;
}

std::string read_sha256(Fields& fields) {
  const std::string text = fields.text("sha256", true);
  if (!is_sha256(text)) fields.fail("sha256", "must be 64 hex digits in lower case");
  return text;
}

std::string read_name(Fields& fields) {
  const std::string name = fields.text("name", true);
  if (!is_safe_name(name))
    fields.fail("name", "may hold letters, digits, '.', '_' and '-', and begins with none of these");
  fields.rename(name);
  return name;
}

FeedChoice read_feed(Fields& fields) {
  const Json* const value = fields.find("feed", false);
  if (value == nullptr) return {};
  if (value->is_string()) {
    if (const FeedChoice* const known = find_feed(value->get_ref<const std::string&>())) return *known;
    fields.fail("feed", fmt::format("must be {} or an object with order, mean and scale", feed_names()));
  }
  Fields parts(*value, "\"feed\"");
  FeedChoice feed;
  feed.as_insightface = false;
  const std::string order = parts.text("order", true);
  if (order != "RGB" && order != "BGR") parts.fail("order", "must be RGB or BGR");
  feed.bgr = order == "BGR";
  feed.mean = static_cast<float>(parts.number("mean", -1000, 1000).value_or(0));
  feed.scale = static_cast<float>(parts.number("scale", 1e-6, 1000).value_or(1));
  parts.finish();
  return feed;
}

// "scrfd, yunet or centerface"
std::string decoder_names() {
  std::string names;
  for (const DetectorKind* const kind : detector_kinds()) {
    if (!names.empty()) names += kind == detector_kinds().back() ? " or " : ", ";
    names += kind->name;
  }
  return names;
}

std::optional<float> narrow(std::optional<double> value) {
  if (!value) return std::nullopt;
  return static_cast<float>(*value);
}

void read_thresholds(Fields& fields, CatalogRow& row) {
  row.threshold_verify = narrow(fields.number("threshold_verify", -1, 1));
  row.threshold_search = narrow(fields.number("threshold_search", -1, 1));
  row.rate_verify = fields.number("rate_verify", 0, 1);
  row.rate_search = fields.number("rate_search", 0, 1);
  row.rate_verify_max = fields.number("rate_verify_max", 0, 1);
  row.rate_search_max = fields.number("rate_search_max", 0, 1);
  row.threshold_source = fields.text("threshold_source");
  if ((row.threshold_verify || row.threshold_search) && row.threshold_source.empty()) {
    fields.fail("threshold_source", "is missing: a threshold without its source is a number that nobody can check");
  }
}

CatalogRow read_row(const Json& object, const std::string& where, const fs::path& folder) {
  Fields fields(object, where);
  CatalogRow row;
  row.name = read_name(fields);
  row.role = fields.text("role", true);
  if (row.role != "detector" && row.role != "embedder") fields.fail("role", "must be detector or embedder");
  row.file = fields.text("file", true);
  if (!is_safe_name(row.file) || !row.file.ends_with(".onnx")) {
    fields.fail("file", "must be the name of an .onnx file, without folders");
  }
  row.urls = read_urls(fields, false, folder);
  row.size_bytes = fields.integer("size", static_cast<std::int64_t>(kModelBytesMax));
  row.sha256 = read_sha256(fields);
  row.licence = fields.text("licence", true);
  row.licence_must_be_accepted = fields.flag("licence_must_be_accepted");
  row.licence_terms = fields.text("licence_terms");
  row.licence_url = fields.text("licence_url");
  row.source = fields.text("source");
  row.note = fields.text("note");
  row.added_by_user = fields.flag("added");
  row.decoder = fields.text("decoder");
  if (!row.decoder.empty() && find_detector_kind(row.decoder) == nullptr) {
    fields.fail("decoder", "must be " + decoder_names());
  }
  row.feed = read_feed(fields);
  row.dimension = static_cast<int>(fields.integer("dimension", 4096));
  read_thresholds(fields, row);
  fields.finish();
  return row;
}

CatalogPack read_pack(const Json& object, const std::string& where, const fs::path& folder) {
  Fields fields(object, where);
  CatalogPack pack;
  pack.name = read_name(fields);
  pack.urls = read_urls(fields, true, folder);
  pack.size_bytes = fields.integer("size", kPackBytesMax);
  pack.sha256 = read_sha256(fields);
  pack.models = fields.texts("models", true);
  fields.finish();
  return pack;
}

AcceptedLicence read_accepted(const Json& object, const std::string& where) {
  Fields fields(object, where);
  AcceptedLicence accepted{fields.text("name", true), fields.text("licence", true), fields.text("date", true)};
  fields.finish();
  return accepted;
}

// Returns what `read` makes of each object of an array.
template <typename Row, typename Read>
void read_each(Fields& fields, const std::string& key, std::vector<Row>& rows, const Read& read) {
  const Json* const array = fields.find(key.c_str(), false);
  if (array == nullptr) return;
  if (!array->is_array()) fields.fail(key, "must be an array");
  for (const Json& object : *array) rows.push_back(read(object, fmt::format("{}[{}]", key, rows.size())));
}

LocalCatalog read_catalog(const Json& json, const fs::path& folder) {
  Fields fields(json, "the catalogue");
  LocalCatalog catalog;
  const auto in_folder = [&](auto read) {
    return [read, &folder](const Json& object, const std::string& where) { return read(object, where, folder); };
  };
  read_each(fields, "models", catalog.rows, in_folder(read_row));
  read_each(fields, "packs", catalog.packs, in_folder(read_pack));
  read_each(fields, "accepted", catalog.accepted, read_accepted);
  fields.finish();
  return catalog;
}

template <typename Value>
void put(Json& object, const char* key, const Value& value) {
  if (value != Value{}) object[key] = value;
}

void put_number(Json& object, const char* key, const std::optional<double>& value) {
  if (value) object[key] = *value;
}

// A float's shortest text, and not 0.47799998521804810.
std::optional<double> widen(const std::optional<float>& value) {
  if (!value) return std::nullopt;
  return std::stod(fmt::format("{}", *value));
}

Json feed_json(const FeedChoice& feed) {
  for (const NamedFeed& known : named_feeds()) {
    if (known.feed == feed) return std::string(known.name);
  }
  return {{"order", feed.bgr ? "BGR" : "RGB"}, {"mean", *widen(feed.mean)}, {"scale", *widen(feed.scale)}};
}

Json row_json(const CatalogRow& row) {
  Json object = {{"name", row.name}, {"role", row.role}, {"file", row.file}};
  put(object, "url", row.urls);
  put(object, "size", row.size_bytes);
  object["sha256"] = row.sha256;
  object["licence"] = row.licence;
  put(object, "licence_must_be_accepted", row.licence_must_be_accepted);
  put(object, "licence_terms", row.licence_terms);
  put(object, "licence_url", row.licence_url);
  put(object, "source", row.source);
  put(object, "note", row.note);
  put(object, "added", row.added_by_user);
  put(object, "decoder", row.decoder);
  if (row.role == "embedder") object["feed"] = feed_json(row.feed);
  put(object, "dimension", row.dimension);
  put_number(object, "threshold_verify", widen(row.threshold_verify));
  put_number(object, "threshold_search", widen(row.threshold_search));
  put_number(object, "rate_verify", row.rate_verify);
  put_number(object, "rate_search", row.rate_search);
  put_number(object, "rate_verify_max", row.rate_verify_max);
  put_number(object, "rate_search_max", row.rate_search_max);
  put(object, "threshold_source", row.threshold_source);
  return object;
}

Error in_catalog(const std::string& path, const std::string& problem) {
  return {ErrorCode::bad_data,
          fmt::format("the catalogue {}: {}", replace_invalid_utf8(path), replace_controls(problem))};
}

Result<LocalCatalog> parse_catalog(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  const Json json = Json::parse(bytes.begin(), bytes.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return in_catalog(path, "it is not JSON");
  try {
    std::error_code failure;
    const fs::path absolute = fs::absolute(path, failure);
    return read_catalog(json, (failure ? fs::path(path) : absolute).parent_path());
  } catch (const Problem& problem) {
    return in_catalog(path, problem.text);
  }
}

// The catalogue is read for each model that is opened.
void warn_once(const std::string& warning) {
  static std::mutex mutex;
  static std::set<std::string> said;  // guarded by mutex
  const std::lock_guard lock(mutex);
  if (said.insert(warning).second) log(LogLevel::warning, warning);
}

}  // namespace

bool is_safe_name(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  constexpr std::size_t kLengthMax = 128;
  return !name.empty() && name.size() <= kLengthMax && name.front() != '.' && name.front() != '-' &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::string local_catalog_path(const std::string& folder) { return (fs::path(folder) / "catalog.json").string(); }

Result<LocalCatalog> read_local_catalog(const std::string& path, CatalogUse use) {
  if (use == CatalogUse::own) {
    const OptionalFile file = read_optional_file(path, kCatalogBytesMax, "models of one's own are not known");
    if (!file.warning.empty()) warn_once(file.warning);
    return file.is_read ? parse_catalog(path, file.bytes) : LocalCatalog{};
  }
  const Result<std::vector<std::uint8_t>> bytes = read_file(path, kCatalogBytesMax);
  if (bytes) return parse_catalog(path, *bytes);
  if (bytes.error().code == ErrorCode::not_found && use == CatalogUse::to_change) return LocalCatalog{};
  return bytes.error();
}

std::string local_catalog_text(const LocalCatalog& catalog) {
  Json json = {{"models", Json::array()}};
  for (const CatalogRow& row : catalog.rows) json["models"].push_back(row_json(row));
  for (const CatalogPack& pack : catalog.packs) {
    Json object = {{"name", pack.name}, {"url", pack.urls}};
    put(object, "size", pack.size_bytes);
    object["sha256"] = pack.sha256;
    object["models"] = pack.models;
    json["packs"].push_back(std::move(object));
  }
  for (const AcceptedLicence& accepted : catalog.accepted) {
    json["accepted"].push_back({{"name", accepted.name}, {"licence", accepted.licence}, {"date", accepted.date}});
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<Error> merge_local_catalog(LocalCatalog&& local, const std::string& path, Catalog& catalog) {
  const auto is_taken = [&](const std::string& name) {
    return catalog.find_row(name) != nullptr || catalog.find_pack(name) != nullptr;
  };
  for (CatalogRow& row : local.rows) {
    if (is_taken(row.name)) return in_catalog(path, fmt::format("\"name\" {} is taken", row.name));
    for (const std::shared_ptr<const CatalogRow>& other : catalog.rows) {
      if (other->file == row.file && other->sha256 != row.sha256) {
        return in_catalog(path, fmt::format("{}: \"file\" {} is that of {}", row.name, row.file, other->name));
      }
    }
    catalog.rows.push_back(std::make_shared<CatalogRow>(std::move(row)));
  }
  for (CatalogPack& pack : local.packs) {
    if (is_taken(pack.name)) return in_catalog(path, fmt::format("\"name\" {} is taken", pack.name));
    for (const std::string& name : pack.models) {
      if (catalog.find_row(name) != nullptr) continue;
      return in_catalog(path, fmt::format("the pack {}: \"models\" names {}, which is no row", pack.name, name));
    }
    catalog.packs.push_back(std::move(pack));
  }
  return std::nullopt;
}

void change_local_catalog(const std::string& folder, const std::function<void(LocalCatalog&)>& change) {
  const FolderLock lock(folder, ".catalog.lock");
  const std::string path = local_catalog_path(folder);
  LocalCatalog catalog = read_local_catalog(path, CatalogUse::to_change).take();
  change(catalog);
  const std::string text = local_catalog_text(catalog);
  write_private_file(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace mien
