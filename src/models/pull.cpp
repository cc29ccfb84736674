// Models from the network: which files, whose licence, fetched, checked, opened once, put in their place.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/archive.h"
#include "base/cancel.h"
#include "base/folder_lock.h"
#include "base/sha256.h"
#include "base/utc_now.h"
#include "base/utf8.h"
#include "device/onnx_file.h"
#include "models/download.h"
#include "models/load.h"
#include "models/local_catalog.h"

namespace mien {
namespace {

namespace fs = std::filesystem;
using Rows = std::vector<std::shared_ptr<const CatalogRow>>;

class Pull {
 public:
  Pull(const Settings& settings, const std::string& name, const PullOptions& options)
      : settings_(settings), name_(name), options_(options), catalog_(load_catalog(settings).take()) {
    choose();
    folder_ = own_model_folder(settings);
  }

  std::vector<CatalogEntry> run() {
    accept_licence();
    const FolderLock lock(folder_, ".pull.lock", [this] { wait_for_other(); });
    catalog_ = load_catalog(settings_).take();
    if (options_.force || !is_here()) {
      if (pack_ != nullptr) {
        pull_pack();
      } else {
        pull_file(*rows_.front());
      }
    }
    std::vector<CatalogEntry> entries;
    for (const std::shared_ptr<const CatalogRow>& row : rows_) {
      entries.push_back(catalog_entry(settings_, catalog_, *row));
    }
    return entries;
  }

 private:
  // Sets the rows, and the pack unless the model has an address of its own.
  void choose() {
    if (const CatalogPack* const pack = catalog_.find_pack(name_)) {
      pack_ = std::make_unique<CatalogPack>(*pack);
      for (const std::string& model : pack_->models) rows_.push_back(catalog_.share_row(model));
      return;
    }
    std::shared_ptr<const CatalogRow> row = catalog_.share_row(name_);
    if (row == nullptr) {
      std::string known;
      for (const CatalogPack& pack : catalog_.packs) known += (known.empty() ? "" : ", ") + pack.name;
      throw Exception(ErrorCode::invalid_argument,
                      fmt::format("no model and no pack is named {}: packs are {}; 'mien models list' lists the models",
                                  replace_invalid_utf8(name_), known));
    }
    rows_ = {row};
    if (!row->urls.empty()) return;
    const CatalogPack* smallest = nullptr;
    for (const CatalogPack& pack : catalog_.packs) {
      if (!pack.holds(row->name)) continue;
      if (smallest == nullptr || pack.size_bytes < smallest->size_bytes) smallest = &pack;
    }
    if (smallest == nullptr) {
      throw Exception(ErrorCode::invalid_argument,
                      fmt::format("{} cannot be fetched by itself: it comes from {}", row->name,
                                  row->source.empty() ? "a place that its row does not name" : row->source));
    }
    pack_ = std::make_unique<CatalogPack>(*smallest);
  }

  PullPlan plan() const {
    PullPlan plan;
    plan.name = name_;
    plan.folder = folder_;
    const std::vector<std::string>& urls = pack_ != nullptr ? pack_->urls : rows_.front()->urls;
    plan.url = urls.front();
    plan.size_bytes = pack_ != nullptr ? pack_->size_bytes : rows_.front()->size_bytes;
    const CatalogRow* strictest = rows_.front().get();
    for (const std::shared_ptr<const CatalogRow>& row : rows_) {
      plan.models.push_back(row->name);
      if (row->licence_must_be_accepted && !strictest->licence_must_be_accepted) strictest = row.get();
    }
    plan.licence = strictest->licence;
    plan.licence_terms = strictest->licence_terms;
    plan.licence_url = strictest->licence_url;
    plan.licence_must_be_accepted = strictest->licence_must_be_accepted;
    return plan;
  }

  bool was_accepted() const {
    const LocalCatalog own = read_local_catalog(local_catalog_path(folder_), CatalogUse::own).take();
    return std::all_of(rows_.begin(), rows_.end(), [&](const std::shared_ptr<const CatalogRow>& row) {
      return !row->licence_must_be_accepted ||
             std::any_of(own.accepted.begin(), own.accepted.end(), [&](const AcceptedLicence& accepted) {
               return accepted.name == row->name && accepted.licence == row->licence;
             });
    });
  }

  void accept_licence() {
    PullPlan shown = plan();
    const bool was_accepted_before = shown.licence_must_be_accepted && was_accepted();
    shown.licence_was_accepted = was_accepted_before || options_.accept_licence;
    if (options_.on_plan) options_.on_plan(shown);
    if (!shown.licence_must_be_accepted || was_accepted_before) return;
    if (!options_.accept_licence) {
      throw Exception(
          ErrorCode::invalid_argument,
          fmt::format("the licence of {} must be accepted first: {}. {} Read it at {}; to accept it, add "
                      "--accept-license",
                      name_, shown.licence, shown.licence_terms,
                      shown.licence_url.empty() ? "the place where the file comes from" : shown.licence_url));
    }
    change_local_catalog(folder_, [&](LocalCatalog& own) {
      for (const std::shared_ptr<const CatalogRow>& row : rows_) {
        if (!row->licence_must_be_accepted) continue;
        std::erase_if(own.accepted, [&](const AcceptedLicence& accepted) { return accepted.name == row->name; });
        own.accepted.push_back({row->name, row->licence, utc_now()});
      }
    });
  }

  void wait_for_other() {
    throw_if_stopped(options_.stop);
    if (has_waited_) return;
    has_waited_ = true;
    if (options_.on_note) options_.on_note("another mien is fetching into " + folder_ + ": waiting for it");
  }

  bool is_here() const {
    return std::all_of(rows_.begin(), rows_.end(), [&](const std::shared_ptr<const CatalogRow>& row) {
      const std::string path = find_model_file(settings_, catalog_, *row);
      return !path.empty() && has_sha256(path, row->sha256);
    });
  }

  static bool has_sha256(const std::string& path, const std::string& wanted) {
    const Result<Sha256Digest> digest = sha256_file(path);
    return digest && sha256_hex(*digest) == wanted;
  }

  std::string in_folder(const std::string& file) const { return (fs::path(folder_) / file).string(); }

  void pull_file(const CatalogRow& row) {
    const std::string part = in_folder(row.file + ".part");
    fetch(row.urls, part, row.size_bytes, row.sha256, 0);
    open_or_discard(row, part);
    install(row, part);
    discard(part);
  }

  void pull_pack() {
    const std::string part = in_folder(pack_->name + ".zip.part");
    std::int64_t unpacked = 0;
    std::vector<ArchiveMember> members;
    for (const std::shared_ptr<const CatalogRow>& row : rows_) {
      unpacked += row->size_bytes;
      members.push_back({row->file, in_folder(row->file + ".part"), limit_of(row->size_bytes)});
    }
    fetch(pack_->urls, part, pack_->size_bytes, pack_->sha256, unpacked);
    try {
      extract_members(part, members);
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        check_sha256(members[i].target_path, members[i].name + " in the archive", rows_[i]->sha256);
        open_or_discard(*rows_[i], members[i].target_path);
      }
      for (std::size_t i = 0; i < rows_.size(); ++i) install(*rows_[i], members[i].target_path);
    } catch (const Exception& error) {
      for (const ArchiveMember& member : members) discard(member.target_path);
      // The archive itself stays for the next try when only room was missing.
      if (error.error().code != ErrorCode::io) discard(part);
      throw;
    }
    discard(part);
  }

  static std::int64_t limit_of(std::int64_t size_bytes) {
    return size_bytes > 0 ? size_bytes : static_cast<std::int64_t>(kModelBytesMax);
  }

  // The part file, complete and with this sha256.
  void fetch(const std::vector<std::string>& urls, const std::string& part, std::int64_t size_bytes,
             const std::string& sha256, std::int64_t more_bytes) {
    check_room(part, size_bytes, more_bytes);
    const bool used_earlier_bytes = fetch_from_any(urls, part, size_bytes);
    if (has_sha256(part, sha256)) return;
    if (used_earlier_bytes) {
      // The server did not say that its file changed meanwhile.
      discard(part);
      fetch_from_any(urls, part, size_bytes);
    }
    check_sha256(part, urls.front(), sha256);
  }

  bool fetch_from_any(const std::vector<std::string>& urls, const std::string& part, std::int64_t size_bytes) {
    for (std::size_t i = 0;; ++i) {
      try {
        return fetch_from(urls[i], part, size_bytes);
      } catch (const Exception& error) {
        if (error.error().code != ErrorCode::not_found || i + 1 == urls.size()) throw;
      }
    }
  }

  bool fetch_from(const std::string& url, const std::string& part, std::int64_t size_bytes) {
    Download wanted{.url = url,
                    .part_path = part,
                    .size_bytes = size_bytes,
                    .bytes_max = limit_of(size_bytes),
                    .stall_seconds = options_.stall_seconds,
                    .stop = options_.stop,
                    .on_progress = [this](std::int64_t done, std::int64_t total, double speed) {
                      if (options_.on_progress) options_.on_progress({done, total, speed});
                    }};
    if (url.starts_with("http://") || url.starts_with("https://")) return download(wanted);
    copy_as_download(wanted);
    return false;
  }

  void check_room(const std::string& part, std::int64_t size_bytes, std::int64_t more_bytes) const {
    std::error_code failure;
    const fs::space_info space = fs::space(folder_, failure);
    if (failure) return;
    const std::uintmax_t here = fs::file_size(part, failure);
    const std::int64_t had = failure ? 0 : static_cast<std::int64_t>(here);
    const std::int64_t needed = size_bytes + more_bytes - std::min(had, size_bytes);
    if (static_cast<std::uintmax_t>(needed) <= space.available) return;
    throw Exception(ErrorCode::io, fmt::format("{} needs {} bytes in {}, where {} are free: free room, or set "
                                               "MIEN_MODEL_DIR to another folder",
                                               name_, needed, folder_, space.available));
  }

  void check_sha256(const std::string& part, const std::string& origin, const std::string& wanted) const {
    const std::string found = sha256_hex(sha256_file(part).take());
    if (found == wanted) return;
    discard(part);
    throw Exception(ErrorCode::bad_data,
                    fmt::format("{} is not the published file: its sha256 is {}, the catalogue says {}; what came was "
                                "removed",
                                origin, found, wanted));
  }

  // Opened before it gets its name, so that a name never stands for something that does not work.
  void open_or_discard(const CatalogRow& row, const std::string& part) const {
    try {
      open_once(settings_, {model_info(row, part), catalog_.share_row(row.name)});
    } catch (const Exception& error) {
      const ErrorCode code = error.error().code;
      if (code == ErrorCode::bad_data || code == ErrorCode::unsupported) discard(part);
      throw;
    }
  }

  void install(const CatalogRow& row, const std::string& part) const {
    std::error_code failure;
    fs::rename(part, in_folder(row.file), failure);
    if (failure) {
      throw Exception(ErrorCode::io, fmt::format("{} cannot be written: {}", in_folder(row.file), failure.message()));
    }
  }

  static void discard(const std::string& part) {
    std::error_code ignored;
    fs::remove(part, ignored);
    fs::remove(part_facts_path(part), ignored);
  }

  const Settings& settings_;
  const std::string name_;
  const PullOptions& options_;
  Catalog catalog_;
  std::string folder_;
  Rows rows_;
  std::unique_ptr<CatalogPack> pack_;  // the archive that is fetched; null: the file itself
  bool has_waited_ = false;
};

}  // namespace

std::vector<CatalogEntry> pull_model(const Settings& settings, const std::string& name, const PullOptions& options) {
  return Pull(settings, name, options).run();
}

}  // namespace mien
