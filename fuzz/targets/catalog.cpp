// A catalogue of somebody: JSON -> rows and packs, and back; beside the rows that are built in.
#include "../scratch_file.h"
#include "models/local_catalog.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mien;
  static fuzz::ScratchFile scratch;
  const Result<LocalCatalog> read = read_local_catalog(scratch.put({data, size}), CatalogUse::named);
  if (!read) {
    fuzz::require(read.error().code == ErrorCode::bad_data, "a wrong catalogue is bad data");
    fuzz::require(read.error().message.find('\n') == std::string::npos, "an error is one line");
    return 0;
  }
  for (const CatalogRow& row : read->rows) {
    fuzz::require(is_safe_name(row.name) && is_safe_name(row.file), "a name is no way into another folder");
    fuzz::require(row.size_bytes >= 0 && row.dimension >= 0, "sizes are within their bounds");
  }
  const std::string text = local_catalog_text(*read);
  const Result<LocalCatalog> again = read_local_catalog(
      scratch.put({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}), CatalogUse::named);
  fuzz::require(again.ok(), "what was written can be read");
  fuzz::require(local_catalog_text(*again) == text, "and says the same");

  Catalog catalog;
  for (const CatalogRow& row : catalog_rows()) catalog.rows.push_back(std::make_shared<CatalogRow>(row));
  catalog.packs.assign(catalog_packs().begin(), catalog_packs().end());
  LocalCatalog own = *read;
  const std::optional<Error> error = merge_local_catalog(std::move(own), "catalog.json", catalog);
  fuzz::require(!error || error->code == ErrorCode::bad_data, "what does not fit together is bad data");
  for (const CatalogPack& pack : catalog.packs) {
    if (error) break;
    for (const std::string& model : pack.models) {
      fuzz::require(catalog.find_row(model) != nullptr, "a pack holds rows");
    }
  }
  return 0;
}
