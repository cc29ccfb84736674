// The rows of the catalogue, and where their files lie.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mien/catalog.h"
#include "ops/recognition_quality.h"

namespace mien {

// How an embedder wants its 112x112 pixels: (x - mean) * scale. Detectors are fed as their decoder wants.
struct FeedChoice {
  // As InsightFace decides: RGB, and raw when the graph itself begins with Sub and Mul, else (x - 127.5) / 127.5.
  bool as_insightface = true;
  float mean = 0;
  float scale = 1;
  bool bgr = false;
  bool operator==(const FeedChoice&) const = default;
};

struct NamedFeed {
  std::string_view name;
  FeedChoice feed;
};
// Feeds that have a name: "insightface", "sface", "fr_feature".
std::span<const NamedFeed> named_feeds();
const FeedChoice* find_feed(std::string_view name);  // null: none has this name
std::string feed_names();                            // "insightface, sface, fr_feature"
// The name, or "RGB (x - 127.5) * 0.0078".
std::string feed_text(const FeedChoice& feed);

// `urls` are http(s) addresses or absolute paths; `path` and `id` stay empty, and a dimension of 0 is what the model
// says.
struct CatalogRow : ModelInfo, CatalogFacts {
  std::string file;           // its name in a folder of models
  std::string licence_terms;  // what has to be accepted, in a few sentences
  bool tried = false;         // opened and run by those who wrote the row
  FeedChoice feed;
  // Whether OpenVINO computes it clearly faster than ONNX Runtime, in 32 bits and on a CPU; empty: as its file tells.
  std::optional<bool> gains_by_openvino;
  // How the length of an embedding tells how far it can be trusted; empty: not measured.
  std::optional<NormScale> norm_scale;
};

// Several rows in one zip archive.
struct CatalogPack {
  std::string name;
  std::vector<std::string> urls;
  std::int64_t size_bytes = 0;
  std::string sha256;
  std::vector<std::string> models;  // names of rows; their files lie in the archive by their names
  bool holds(std::string_view model) const;
};

struct Catalog {
  std::vector<std::shared_ptr<const CatalogRow>> rows;
  std::vector<CatalogPack> packs;
  const CatalogRow* find_row(std::string_view name) const;
  std::shared_ptr<const CatalogRow> share_row(std::string_view name) const;
  const CatalogPack* find_pack(std::string_view name) const;
};

// The rows and packs that are built in.
std::span<const CatalogRow> catalog_rows();
std::span<const CatalogPack> catalog_packs();

// Loads the rows that are built in, then those of MIEN_CATALOG, then the user's. Error: bad_data that names file, row
// and field.
Result<Catalog> load_catalog(const Settings& settings);

// A model that can be opened: its file, and its row when it has one.
struct ModelFile {
  ModelInfo info;
  std::shared_ptr<const CatalogRow> row;  // null: fed as InsightFace would feed it
};

// `name_or_path`: the name of a row or of a pack, or the path of a file; empty: the role's default.
// Error: not_found that says where it looked and how to get the model.
Result<ModelFile> find_model(const Settings& settings, std::string_view role, const std::string& name_or_path);

// Folders of models, first match wins: MIEN_MODEL_DIR alone when it is set, else the user's, the installation's, the
// build's.
std::vector<std::string> model_folders(const Settings& settings);
// The first of them, where models are added and pulled to. Throws Exception(not_found) when there is none.
std::string own_model_folder(const Settings& settings);

// The file of this name in the first of them that has it. Empty: nowhere.
std::string find_in_model_folders(const Settings& settings, const std::string& file);

// The row's file: in the folders of models, or where InsightFace's Python package keeps its packs
// (~/.insightface/models/<pack>/; it has no setting for another place). Empty: nowhere.
std::string find_model_file(const Settings& settings, const Catalog& catalog, const CatalogRow& row);

// Earlier versions of mien kept int8 copies of detectors beside the models: "det_500m.int8.onnx".
std::string int8_copy_name(const std::string& file);
// Says that the detector's copy, where one lies there, is not used.
void log_int8_copy(const Settings& settings, const ModelFile& file);

ModelInfo model_info(const CatalogRow& row, std::string path);
CatalogEntry catalog_entry(const Settings& settings, const Catalog& catalog, const CatalogRow& row);

}  // namespace mien
