// The rows of the catalogue, and where their files lie.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mien/catalog.h"

namespace mien {

struct CatalogRow {
  std::string_view name;
  std::string_view role;  // "detector" or "embedder"
  std::string_view file;
  std::string_view sha256;
  std::string_view licence;
  std::string_view package;  // where the file comes from
  std::string_view note;
  bool is_default = false;
  // Embedders only. Detectors are recognised by their outputs and fed as their kind wants.
  float mean = 0;
  float scale = 1;
  bool bgr = false;
  int dimension = 0;
  std::optional<float> threshold_verify = {};
  std::optional<float> threshold_search = {};
  std::string_view threshold_source = {};
};

std::span<const CatalogRow> catalog_rows();

// A model that can be opened: its file, and its row when it has one.
struct ModelFile {
  ModelInfo info;
  const CatalogRow* row = nullptr;  // null: fed as InsightFace would feed it
};

// `name_or_path`: a row's name, a name that the user added, or the path of a file; empty: the role's default.
// Error: not_found that says where it looked and how to get the model.
Result<ModelFile> find_model(const Settings& settings, std::string_view role, const std::string& name_or_path);

// Folders of models, first match wins: MIEN_MODEL_DIR alone when it is set, else the user's, the installation's, the
// build's.
std::vector<std::string> model_folders(const Settings& settings);

}  // namespace mien
