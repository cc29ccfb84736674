#include "models/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "base/installation.h"
#include "base/log.h"
#include "base/sha256.h"
#include "models/local_catalog.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLicenceNotKnown = "not known: check where the file comes from";

const CatalogRow* default_row(const Catalog& catalog, std::string_view role) {
  for (const std::shared_ptr<const CatalogRow>& row : catalog.rows) {
    if (row->role == role && row->is_default) return row.get();
  }
  return nullptr;
}

std::string find_in_insightface(const Settings& settings, const Catalog& catalog, const CatalogRow& row) {
  const char* const home = std::getenv("HOME");
  if (!settings.model_dir.empty() || home == nullptr || *home == '\0') return "";
  std::error_code ignored;
  for (const CatalogPack& pack : catalog.packs) {
    if (!pack.holds(row.name)) continue;
    const fs::path path = fs::path(home) / ".insightface" / "models" / pack.name / row.file;
    if (fs::is_regular_file(path, ignored)) return path.string();
  }
  return "";
}

// A bare file may be a row's file under another name; equal size first, because hashing costs start-up time.
std::shared_ptr<const CatalogRow> recognise_file(const Catalog& catalog, const std::string& path,
                                                 std::string_view role) {
  std::error_code failure;
  const std::uintmax_t size = fs::file_size(path, failure);
  if (failure) return nullptr;
  std::string hash;
  for (const std::shared_ptr<const CatalogRow>& row : catalog.rows) {
    if (row->role != role || static_cast<std::uintmax_t>(row->size_bytes) != size) continue;
    if (hash.empty()) {
      const Result<Sha256Digest> digest = sha256_file(path);
      if (!digest) return nullptr;
      hash = sha256_hex(*digest);
    }
    if (hash == row->sha256) return row;
  }
  return nullptr;
}

Error wrong_role(std::string_view name, std::string_view role, std::string_view wanted) {
  return {ErrorCode::invalid_argument, fmt::format("{} is a model for another job: its role is {}, and {} is "
                                                   "needed here",
                                                   name, role, wanted)};
}

std::string known_names(const Catalog& catalog, std::string_view role) {
  std::string names;
  for (const std::shared_ptr<const CatalogRow>& row : catalog.rows) {
    if (row->role == role) names += (names.empty() ? "" : ", ") + row->name;
  }
  return names;
}

bool is_fetchable(const Catalog& catalog, const CatalogRow& row) {
  if (!row.urls.empty()) return true;
  return std::any_of(catalog.packs.begin(), catalog.packs.end(),
                     [&](const CatalogPack& pack) { return pack.holds(row.name); });
}

Result<ModelFile> open_row(const Settings& settings, const Catalog& catalog, std::shared_ptr<const CatalogRow> row,
                           std::string_view role) {
  if (row->role != role) return wrong_role(row->name, row->role, role);
  const std::string path = find_model_file(settings, catalog, *row);
  if (!path.empty()) return ModelFile{model_info(*row, path), std::move(row)};
  const std::string advice = is_fetchable(catalog, *row) ? fmt::format("'mien models pull {}' fetches it", row->name)
                                                         : "./dev build fetches it";
  return Error{ErrorCode::not_found,
               fmt::format("the model {} ({}) is not installed: {}, or set MIEN_MODEL_DIR (looked "
                           "in {})",
                           row->name, row->file, advice, fmt::join(model_folders(settings), ", "))};
}

// The row of that role in a pack.
std::shared_ptr<const CatalogRow> row_of_pack(const Catalog& catalog, const CatalogPack& pack, std::string_view role) {
  for (const std::string& name : pack.models) {
    std::shared_ptr<const CatalogRow> row = catalog.share_row(name);
    if (row != nullptr && row->role == role) return row;
  }
  return nullptr;
}

ModelFile bare_file(std::string name, const std::string& path, std::string_view role) {
  ModelFile bare;
  bare.info.name = std::move(name);
  bare.info.path = path;
  bare.info.role = role;
  bare.info.licence = kLicenceNotKnown;
  return bare;
}

void check_file(const CatalogEntry& entry, ModelCheck& check) {
  const Result<Sha256Digest> digest = sha256_file(entry.model.path);
  if (!digest) {
    check.detail = digest.error().message;
    return;
  }
  const std::string hash = sha256_hex(*digest);
  check.ok = hash == entry.model.sha256;
  const char* const reference = entry.added_by_user ? "when it was added" : "published";
  if (check.ok) {
    check.detail = entry.added_by_user ? "sha256 as when it was added" : "sha256 as published";
  } else {
    check.detail = fmt::format("sha256 is {}, {} it was {}: fetch the file again", hash, reference, entry.model.sha256);
  }
}

}  // namespace

bool CatalogPack::holds(std::string_view model) const {
  return std::find(models.begin(), models.end(), model) != models.end();
}

const CatalogRow* Catalog::find_row(std::string_view name) const { return share_row(name).get(); }

std::shared_ptr<const CatalogRow> Catalog::share_row(std::string_view name) const {
  for (const std::shared_ptr<const CatalogRow>& row : rows) {
    if (row->name == name) return row;
  }
  return nullptr;
}

const CatalogPack* Catalog::find_pack(std::string_view name) const {
  for (const CatalogPack& pack : packs) {
    if (pack.name == name) return &pack;
  }
  return nullptr;
}

const FeedChoice* find_feed(std::string_view name) {
  for (const NamedFeed& known : named_feeds()) {
    if (known.name == name) return &known.feed;
  }
  return nullptr;
}

std::string feed_names() {
  std::string names;
  for (const NamedFeed& known : named_feeds()) names += (names.empty() ? "" : ", ") + std::string(known.name);
  return names;
}

std::string feed_text(const FeedChoice& feed) {
  if (feed.as_insightface) return "insightface";
  return fmt::format("{} (x - {:g}) / {:g}", feed.bgr ? "BGR" : "RGB", feed.mean, 1 / feed.scale);
}

Result<Catalog> load_catalog(const Settings& settings) {
  Catalog catalog;
  for (const CatalogRow& row : catalog_rows()) catalog.rows.push_back(std::make_shared<CatalogRow>(row));
  catalog.packs.assign(catalog_packs().begin(), catalog_packs().end());
  if (!settings.catalog.empty()) {
    Result<LocalCatalog> shared = read_local_catalog(settings.catalog, CatalogUse::named);
    if (!shared) return shared.error();
    if (std::optional<Error> problem = merge_local_catalog(std::move(*shared), settings.catalog, catalog)) {
      return *problem;
    }
  }
  const std::vector<std::string> folders = model_folders(settings);
  if (folders.empty()) return catalog;
  const std::string path = local_catalog_path(folders.front());
  Result<LocalCatalog> own = read_local_catalog(path, CatalogUse::own);
  if (!own) return own.error();
  if (std::optional<Error> problem = merge_local_catalog(std::move(*own), path, catalog)) return *problem;
  return catalog;
}

std::vector<std::string> model_folders(const Settings& settings) {
  if (!settings.model_dir.empty()) return {settings.model_dir};
  std::vector<std::string> folders;
  if (const fs::path user = user_data_folder("models"); !user.empty()) folders.push_back(user.string());
  for (const fs::path& installed : installed_data_folders()) folders.push_back((installed / "models").string());
  if (std::string_view(MIEN_DEFAULT_MODEL_DIR) != "") folders.emplace_back(MIEN_DEFAULT_MODEL_DIR);
  return folders;
}

std::string own_model_folder(const Settings& settings) {
  if (!settings.model_dir.empty()) return settings.model_dir;
  const fs::path user = user_data_folder("models");
  if (user.empty()) {
    throw Exception(ErrorCode::not_found, "there is no folder for models of your own: set HOME or MIEN_MODEL_DIR");
  }
  return user.string();
}

std::string find_in_model_folders(const Settings& settings, const std::string& file) {
  std::error_code ignored;
  for (const std::string& folder : model_folders(settings)) {
    const fs::path path = fs::path(folder) / file;
    if (fs::is_regular_file(path, ignored)) return path.string();
  }
  return "";
}

std::string find_model_file(const Settings& settings, const Catalog& catalog, const CatalogRow& row) {
  std::string path = find_in_model_folders(settings, row.file);
  return path.empty() ? find_in_insightface(settings, catalog, row) : path;
}

std::string int8_copy_name(const std::string& file) { return fs::path(file).stem().string() + ".int8.onnx"; }

void log_int8_copy(const Settings& settings, const ModelFile& file) {
  const std::string copy = find_in_model_folders(settings, int8_copy_name(file.row ? file.row->file : file.info.path));
  if (copy.empty()) return;
  log(LogLevel::info, fmt::format("{} is ignored and can be deleted: int8 detectors are no longer used", copy));
}

ModelInfo model_info(const CatalogRow& row, std::string path) {
  ModelInfo info = static_cast<const ModelInfo&>(row);
  info.path = std::move(path);
  if (info.licence.empty()) info.licence = kLicenceNotKnown;
  return info;
}

CatalogEntry catalog_entry(const Settings& settings, const Catalog& catalog, const CatalogRow& row) {
  CatalogEntry entry;
  static_cast<CatalogFacts&>(entry) = static_cast<const CatalogFacts&>(row);
  entry.model = model_info(row, find_model_file(settings, catalog, row));
  entry.installed = !entry.model.path.empty();
  for (const CatalogPack& pack : catalog.packs) {
    if (pack.holds(row.name)) entry.packs.push_back(pack.name);
  }
  if (row.role == "embedder") entry.feed = feed_text(row.feed);
  return entry;
}

Result<ModelFile> find_model(const Settings& settings, std::string_view role, const std::string& name_or_path) {
  const Result<Catalog> catalog = load_catalog(settings);
  if (!catalog) return catalog.error();
  std::shared_ptr<const CatalogRow> row =
      name_or_path.empty() ? catalog->share_row(default_row(*catalog, role)->name) : catalog->share_row(name_or_path);
  if (row == nullptr) {
    if (const CatalogPack* const pack = catalog->find_pack(name_or_path)) {
      row = row_of_pack(*catalog, *pack, role);
      if (row == nullptr) {
        return Error{ErrorCode::invalid_argument, fmt::format("the pack {} has no {}", pack->name, role)};
      }
    }
  }
  if (row != nullptr) return open_row(settings, *catalog, std::move(row), role);
  std::error_code ignored;
  if (!fs::is_regular_file(name_or_path, ignored)) {
    // The user may have put the file into a folder of models by hand.
    const bool is_plain_name = name_or_path.find('/') == std::string::npos;
    const std::string found = is_plain_name ? find_in_model_folders(settings, name_or_path + ".onnx") : "";
    if (!found.empty()) return bare_file(name_or_path, found, role);
    return Error{ErrorCode::not_found, fmt::format("no {} named or stored at {}: use one of {}, or the path of an "
                                                   "ONNX file",
                                                   role, name_or_path, known_names(*catalog, role))};
  }
  row = recognise_file(*catalog, name_or_path, role);
  if (row != nullptr) return ModelFile{model_info(*row, name_or_path), row};
  return bare_file(fs::path(name_or_path).filename().string(), name_or_path, role);
}

std::vector<CatalogEntry> list_models(const Settings& settings) {
  const Catalog catalog = load_catalog(settings).take();
  std::vector<CatalogEntry> entries;
  for (const std::shared_ptr<const CatalogRow>& row : catalog.rows) {
    entries.push_back(catalog_entry(settings, catalog, *row));
  }
  return entries;
}

std::vector<ModelCheck> verify_models(const Settings& settings) {
  std::vector<ModelCheck> checks;
  for (const CatalogEntry& entry : list_models(settings)) {
    ModelCheck check{entry.model.name, entry.model.path, false, ""};
    if (entry.installed) {
      check_file(entry, check);
    } else if (entry.is_default || entry.added_by_user) {
      check.detail = "not installed";
    } else {
      continue;
    }
    checks.push_back(std::move(check));
  }
  return checks;
}

}  // namespace mien
