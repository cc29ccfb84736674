// The models that are known by name: those built in, those of a catalogue of one's own, and how to get them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "mien/engine.h"
#include "mien/export.h"
#include "mien/result.h"

namespace mien {

// The facts that the catalogue has of a model, whether its file is here or not.
struct CatalogFacts {
  bool is_default = false;
  bool added_by_user = false;
  std::string source;             // where it comes from
  std::string note;               // what a user should know: who trained it, on what
  std::int64_t size_bytes = 0;    // 0: not known
  std::vector<std::string> urls;  // of the file itself; the next is tried when one fails
  bool licence_must_be_accepted = false;
  std::string licence_url;  // where to read it
  std::string decoder;      // of a detector: scrfd, yunet, centerface; empty: as its outputs tell
};

struct CatalogEntry : CatalogFacts {
  ModelInfo model;  // its path is empty when it is not here
  bool installed = false;
  std::vector<std::string> packs;  // archives that hold it; their names may stand in its place
  std::string feed;                // of an embedder
};

// Throws Exception(bad_data) when a catalogue of one's own has an error, which names file, row and field; so do all
// functions here.
MIEN_API std::vector<CatalogEntry> list_models(const Settings& settings);

// The kind of an ONNX file, found by opening it. Throws Exception: not_found, bad_data (no model), unsupported (no face
// model).
struct ProbedModel {
  std::string role;     // "detector" or "embedder"
  std::string decoder;  // of a detector: the name of its kind
  int dimension = 0;    // of an embedder
};
MIEN_API ProbedModel probe_model(const Settings& settings, const std::string& path);

// Reads every file that is here again and compares its sha256. The default models are checked even when absent.
struct ModelCheck {
  std::string name;
  std::string path;
  bool ok = false;
  std::string detail;
};
MIEN_API std::vector<ModelCheck> verify_models(const Settings& settings);

struct AddModelOptions {
  std::string role;                       // "detector" or "embedder"; must be what the file is; empty: what it is
  std::string licence;                    // empty: not known
  std::string feed;                       // of embedders: "insightface" (the default), "sface" or "fr_feature"
  std::optional<float> threshold_verify;  // cosine at a false match rate of 1e-3
  std::optional<float> threshold_search;  // cosine at a false match rate of 1e-5
  std::string threshold_source;           // what they were measured on; needed with a threshold
};
// Copies the file to the user's model folder under this name and writes its row into catalog.json there. Throws
// Exception: invalid_argument (a name that is taken or unsafe, a wrong option); bad_data or unsupported (no face
// model); not_found, io.
MIEN_API CatalogEntry add_model(const Settings& settings, const std::string& name, const std::string& path,
                                const AddModelOptions& options = {});

// Deletes the model's file from the user's model folder and, when the user added it, its row. A pack's name removes its
// models. Files elsewhere are never touched. Throws Exception: not_found; invalid_argument (it lies elsewhere).
struct RemovedModel {
  std::string path;
  std::int64_t bytes_freed = 0;
};
MIEN_API std::vector<RemovedModel> remove_model(const Settings& settings, const std::string& name);

// The plan of a pull; the licence is for showing before anything is fetched.
struct PullPlan {
  std::string name;
  std::vector<std::string> models;
  std::string url;  // the first of them
  std::string folder;
  std::int64_t size_bytes = 0;
  std::string licence;
  std::string licence_terms;
  std::string licence_url;
  bool licence_must_be_accepted = false;
  bool licence_was_accepted = false;  // now or by an earlier pull
};

struct PullProgress {
  std::int64_t done_bytes = 0;
  std::int64_t total_bytes = 0;  // 0: not known
  double bytes_per_second = 0;
};

struct PullOptions {
  bool accept_licence = false;
  bool force = false;         // fetch again what is here
  int stall_seconds = 30;     // less than 1 KB/s for so long ends a download
  std::stop_token stop = {};  // what came is kept, and the next pull goes on with it
  std::function<void(const PullPlan&)> on_plan;
  std::function<void(const PullProgress&)> on_progress;  // a few times a second
  std::function<void(const std::string&)> on_note;       // "another mien is fetching: waiting"
};

// Fetches a model or a pack into the user's model folder: resumed where an earlier pull ended, never larger than the
// catalogue says, checked by sha256, opened once. Proxies are those of the environment. Returns its models.
// Throws Exception: invalid_argument (an unknown name, a licence that was not accepted); not_found (no such address);
// io (network, disk); bad_data (another file than the published one, which is removed); limit_exceeded (too large);
// unsupported (built without libcurl or libarchive); cancelled.
MIEN_API std::vector<CatalogEntry> pull_model(const Settings& settings, const std::string& name,
                                              const PullOptions& options);

}  // namespace mien
