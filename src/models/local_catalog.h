// A catalogue of one's own: a JSON file with the same fields as the rows that are built in (docs/models.md).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "models/catalog.h"

namespace mien {

// A licence that the user accepted.
struct AcceptedLicence {
  std::string name;     // of the row or pack
  std::string licence;  // as it was shown
  std::string date;     // 2026-11-23T05:00:00Z
};

struct LocalCatalog {
  std::vector<CatalogRow> rows;
  std::vector<CatalogPack> packs;
  std::vector<AcceptedLicence> accepted;
};

// catalog.json in a folder of models.
std::string local_catalog_path(const std::string& folder);

// A file that is absent is an empty catalogue for all but `named`, which is a catalogue that a setting names. One that
// may not be read is a warning in the log and an empty catalogue for `own`, because the defaults lie elsewhere, and an
// error for whoever would write it anew. Error: bad_data naming file, row and field; not_found, io.
enum class CatalogUse { named, own, to_change };
Result<LocalCatalog> read_local_catalog(const std::string& path, CatalogUse use);
std::string local_catalog_text(const LocalCatalog& catalog);

// Adds the rows and packs of the catalogue at `path`. An error when a name or a file is taken, or a pack's model is not
// known.
std::optional<Error> merge_local_catalog(LocalCatalog&& local, const std::string& path, Catalog& catalog);

// Reads the catalogue of this folder, lets `change` change it and writes it whole, while no other process can do the
// same. The folder is made when it is missing. Throws Exception: what `change` throws, bad_data, io.
void change_local_catalog(const std::string& folder, const std::function<void(LocalCatalog&)>& change);

// Letters, digits, '.', '_' and '-', not beginning with '.' or '-': safe as a file's name.
bool is_safe_name(std::string_view name);

}  // namespace mien
