// The models that are known by name, and those that the user added.
#pragma once

#include <string>
#include <vector>

#include "mien/engine.h"
#include "mien/export.h"
#include "mien/result.h"

namespace mien {

struct CatalogEntry {
  ModelInfo model;
  bool installed = false;
  bool is_default = false;
  bool added_by_user = false;
  std::string source;  // the package it comes from
  std::string note;    // what a user should know: who trained it, on what
};

MIEN_API std::vector<CatalogEntry> list_models(const Settings& settings);
// Reads every installed file again and compares its sha256. One line a model.
struct ModelCheck {
  std::string name;
  std::string path;
  bool ok = false;
  std::string detail;
};
MIEN_API std::vector<ModelCheck> verify_models(const Settings& settings);
// Copies the file to the user's model folder under this name. Throws Exception: already_exists is invalid_argument,
// a file that is no face model is bad_data or unsupported.
MIEN_API CatalogEntry add_model(const Settings& settings, const std::string& name, const std::string& path);

}  // namespace mien
