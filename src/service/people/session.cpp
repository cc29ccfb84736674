#include "service/people/session.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <tuple>

#include "base/utf8.h"

namespace mien::service {
namespace {

constexpr std::size_t kPersonsKept = 4;  // whose faces are
// A transaction of others takes a second at most, and requests wait for one another here.
constexpr std::chrono::milliseconds kPatience{5'000};

std::string random_text() {
  std::random_device random;
  return fmt::format("{:08x}", random());
}

bool may_be_written(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  return ::access(path.c_str(), W_OK) == 0 && ::access(folder.empty() ? "." : folder.c_str(), W_OK) == 0;
}

}  // namespace

PeopleSession::PeopleSession(std::string path, Settings settings)
    : path_(std::move(path)), settings_(std::move(settings)), run_(random_text()) {
  open();
}

std::optional<PeopleSession::FileId> PeopleSession::find_file() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0) return FileId{status.st_dev, status.st_ino};
  return std::nullopt;
}

PeopleSession::FileId PeopleSession::file_id() const {
  if (const std::optional<FileId> found = find_file()) return *found;
  throw Exception(ErrorCode::not_found,
                  fmt::format("there is no store in {} any more: 'mien index PHOTOS' makes one, 'mien store restore' "
                              "brings a backup back",
                              replace_invalid_utf8(path_)));
}

void PeopleSession::open() {
  using enum StoreOptions::Access;
  // Before it is opened: where another file takes its place meanwhile, the next look sees that.
  const std::optional<FileId> found = find_file();
  store_.emplace(StoreOptions{.path = path_, .access = may_be_written(path_) ? write : read, .patience = kPatience});
  file_id_ = found.value_or(FileId{});
  ++openings_;
}

// A store that is replaced is closed before the new one is opened: closing a file loses what is locked in it.
void PeopleSession::close() {
  drop_people();
  store_.reset();
}

void PeopleSession::drop_views() {
  ++changes_;
  entries_.reset();
  by_name_.reset();
  statistics_.reset();
  history_.reset();
  faces_.clear();
}

void PeopleSession::drop_people() {
  drop_views();
  people_.reset();
  has_changed_ = false;
}

void PeopleSession::look(Purpose purpose) {
  try {
    if (file_id() != file_id_) close();
  } catch (const Exception&) {
    if (store_) close();
    throw;
  }
  if (!store_) return open();
  has_changed_ = store_->has_changed() || has_changed_;
  const bool may_wait = purpose == Purpose::look && people_ && Clock::now() - read_at_ < read_took_;
  if (has_changed_ && !may_wait) drop_people();
}

std::string PeopleSession::identity() const { return fmt::format("{}.{}", run_, openings_); }

std::string PeopleSession::revision() const { return fmt::format("{}-{}", identity(), changes_); }

void PeopleSession::require_store(const std::string& identity) const {
  if (identity == this->identity()) return;
  throw Conflict{"another store is open by now than the one that was shown, and ids are of one store: look again"};
}

People& PeopleSession::people() {
  if (people_) return *people_;
  const Clock::time_point begun = Clock::now();
  people_ = std::make_unique<People>(*store_, settings_);
  read_at_ = Clock::now();
  read_took_ = read_at_ - begun;
  return *people_;
}

const std::vector<PersonEntry>& PeopleSession::entries() {
  const People& people = this->people();
  if (!entries_) entries_ = people.list(true, 1);
  return *entries_;
}

const std::vector<std::size_t>& PeopleSession::by_name() {
  const std::vector<PersonEntry>& all = entries();
  if (by_name_) return *by_name_;
  std::vector<std::tuple<bool, std::u32string, std::size_t>> order;
  for (std::size_t i = 0; i < all.size(); ++i) {
    order.emplace_back(all[i].name.empty(), folded_name(all[i].name), i);
  }
  std::ranges::sort(order);
  by_name_.emplace();
  for (const auto& [has_none, name, place] : order) by_name_->push_back(place);
  return *by_name_;
}

const PeopleStatistics& PeopleSession::statistics() {
  const People& people = this->people();
  if (!statistics_) statistics_ = people.statistics();
  return *statistics_;
}

const std::vector<PersonOperation>& PeopleSession::history() {
  const People& people = this->people();
  if (!history_) history_ = people.history();
  return *history_;
}

const std::vector<PersonFace>& PeopleSession::faces_of(const PersonEntry& entry) {
  const People& people = this->people();
  const auto known = std::ranges::find(faces_, entry.id, &PersonFaces::entry);
  if (known != faces_.end()) {
    faces_.splice(faces_.begin(), faces_, known);
    return faces_.front().faces;
  }
  std::vector<PersonFace> faces = people.faces(entry);
  std::ranges::sort(faces, [](const PersonFace& a, const PersonFace& b) {
    if (a.similarity != b.similarity) return a.similarity > b.similarity;  // without one is less than all
    return a.id < b.id;
  });
  if (faces_.size() == kPersonsKept) faces_.pop_back();
  faces_.push_front({entry.id, std::move(faces)});
  return faces_.front().faces;
}

}  // namespace mien::service
