// Models that the user adds, and removing what lies in the user's folder.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/sha256.h"
#include "base/utf8.h"
#include "device/onnx_file.h"
#include "models/download.h"
#include "models/load.h"
#include "models/local_catalog.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

FeedChoice feed_of(const std::string& name) {
  if (name.empty()) return {};
  if (const FeedChoice* const feed = find_feed(name)) return *feed;
  throw Exception(ErrorCode::invalid_argument, fmt::format("no feed is named '{}': use one of {}", name, feed_names()));
}

void check_options(const std::string& name, const AddModelOptions& options) {
  if (!is_safe_name(name)) {
    throw Exception(ErrorCode::invalid_argument, fmt::format("a model cannot be named '{}': use letters, digits, '.', "
                                                             "'_' and '-'",
                                                             replace_invalid_utf8(name)));
  }
  if ((options.threshold_verify || options.threshold_search) && options.threshold_source.empty()) {
    throw Exception(ErrorCode::invalid_argument,
                    "a threshold needs its source: say what it was measured on (--threshold-source)");
  }
  for (const std::optional<float>& threshold : {options.threshold_verify, options.threshold_search}) {
    if (threshold && !(*threshold >= -1 && *threshold <= 1)) {
      throw Exception(ErrorCode::invalid_argument, "a threshold is a cosine: allowed are -1 to 1");
    }
  }
}

// Returns the row that describes the file, which it opens for that.
CatalogRow describe(const Settings& settings, const std::string& name, const std::string& path,
                    const AddModelOptions& options) {
  CatalogRow row;
  row.name = name;
  row.file = name + ".onnx";
  row.added_by_user = true;
  row.source = "added by you";
  row.licence = options.licence.empty() ? "not known: check where the file comes from" : options.licence;
  row.feed = feed_of(options.feed);
  row.threshold_verify = options.threshold_verify;
  row.threshold_search = options.threshold_search;
  row.threshold_source = options.threshold_source;
  // The false match rates that --threshold-verify and --threshold-search stand for.
  if (row.threshold_verify) row.rate_verify = 1e-3;
  if (row.threshold_search) row.rate_search = 1e-5;
  const ProbedModel probed = probe_model(settings, path);
  row.role = probed.role;
  row.decoder = probed.decoder;
  row.dimension = probed.dimension;
  if (!options.role.empty() && options.role != row.role) {
    throw Exception(ErrorCode::invalid_argument, fmt::format("{} is a model for another job: its role is {}, not {}",
                                                             replace_invalid_utf8(path), row.role, options.role));
  }
  const bool is_for_embedder = !options.feed.empty() || row.threshold_verify || row.threshold_search;
  if (row.role == "detector" && is_for_embedder) {
    throw Exception(
        ErrorCode::invalid_argument,
        fmt::format("{} is a detector: a feed and thresholds are for embedders", replace_invalid_utf8(path)));
  }
  return row;
}

void refuse_taken_name(const Settings& settings, const CatalogRow& row, const std::string& target) {
  const Catalog catalog = load_catalog(settings).take();
  std::error_code ignored;
  bool is_taken = catalog.find_row(row.name) != nullptr || catalog.find_pack(row.name) != nullptr;
  is_taken = is_taken || fs::symlink_status(target, ignored).type() != fs::file_type::not_found;
  for (const std::shared_ptr<const CatalogRow>& other : catalog.rows) is_taken = is_taken || other->file == row.file;
  if (is_taken) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("there is a model named {} already: choose another name", row.name));
  }
}

// The copy appears under its name when it is whole.
void copy_model(const std::string& from, const std::string& target, CatalogRow& row) {
  const std::string part = target + ".part";
  std::error_code failure;
  try {
    copy_as_download({.url = from, .part_path = part, .bytes_max = kModelBytesMax});
    row.size_bytes = static_cast<std::int64_t>(fs::file_size(part));
    row.sha256 = sha256_hex(sha256_file(part).take());
    fs::rename(part, target);
  } catch (const fs::filesystem_error& error) {
    fs::remove(part, failure);
    throw Exception(ErrorCode::io, fmt::format("{} cannot be written: {}", target, error.code().message()));
  } catch (const Exception& error) {
    fs::remove(part, failure);
    throw Exception(error.error().code, fmt::format("{} could not be copied to {}: {}", replace_invalid_utf8(from),
                                                    target, error.error().message));
  }
}

// The rows that a name stands for.
std::vector<std::shared_ptr<const CatalogRow>> rows_of(const Catalog& catalog, const std::string& name) {
  if (std::shared_ptr<const CatalogRow> row = catalog.share_row(name)) return {row};
  const CatalogPack* const pack = catalog.find_pack(name);
  if (pack == nullptr) {
    throw Exception(ErrorCode::not_found,
                    fmt::format("no model is named {}: 'mien models list' lists them", replace_invalid_utf8(name)));
  }
  std::vector<std::shared_ptr<const CatalogRow>> rows;
  for (const std::string& model : pack->models) rows.push_back(catalog.share_row(model));
  return rows;
}

// Removes one file of the folder, if it is there.
void remove_file(const fs::path& path, std::vector<RemovedModel>& removed) {
  std::error_code failure;
  if (fs::symlink_status(path, failure).type() == fs::file_type::not_found) return;
  const bool is_link = fs::is_symlink(path, failure);
  const std::uintmax_t size = is_link ? 0 : fs::file_size(path, failure);
  if (!fs::remove(path, failure)) {
    throw Exception(ErrorCode::io, fmt::format("{} cannot be removed: {}", path.string(), failure.message()));
  }
  removed.push_back({path.string(), static_cast<std::int64_t>(size)});
}

}  // namespace

CatalogEntry add_model(const Settings& settings, const std::string& name, const std::string& path,
                       const AddModelOptions& options) {
  check_options(name, options);
  CatalogRow row = describe(settings, name, path, options);
  const std::string folder = own_model_folder(settings);
  const std::string target = (fs::path(folder) / row.file).string();
  change_local_catalog(folder, [&](LocalCatalog& catalog) {
    refuse_taken_name(settings, row, target);
    copy_model(path, target, row);
    catalog.rows.push_back(row);
  });
  return catalog_entry(settings, load_catalog(settings).take(), row);
}

std::vector<RemovedModel> remove_model(const Settings& settings, const std::string& name) {
  const Catalog catalog = load_catalog(settings).take();
  const std::string folder = own_model_folder(settings);
  std::vector<RemovedModel> removed;
  std::string elsewhere;
  bool has_row = false;
  for (const std::shared_ptr<const CatalogRow>& row : rows_of(catalog, name)) {
    const fs::path path = fs::path(folder) / row->file;
    has_row = has_row || row->added_by_user;
    for (const char* const ending : {"", ".part", ".part.info"}) remove_file(path.string() + ending, removed);
    if (row->role == "detector") remove_file(fs::path(folder) / int8_copy_name(row->file), removed);
    if (removed.empty() && elsewhere.empty()) elsewhere = find_model_file(settings, catalog, *row);
  }
  for (const char* const ending : {".zip.part", ".zip.part.info"}) {
    if (catalog.find_pack(name) != nullptr) remove_file(fs::path(folder) / (name + ending), removed);
  }
  if (removed.empty() && !has_row) {
    if (elsewhere.empty()) throw Exception(ErrorCode::not_found, fmt::format("the model {} is not installed", name));
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("{} lies at {}, outside your folder of models {}: mien does not remove what it did not "
                                "put there",
                                name, elsewhere, folder));
  }
  if (has_row) {
    change_local_catalog(folder, [&](LocalCatalog& own) {
      std::erase_if(own.rows, [&](const CatalogRow& row) { return row.name == name && row.added_by_user; });
    });
  }
  return removed;
}

}  // namespace mien
