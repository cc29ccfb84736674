// A store of people as the routes show it: opened again where its file was replaced, read again where somebody else has
// changed it. For one thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mien/settings.h"
#include "mien/tools/people.h"
#include "mien/tools/store.h"

namespace mien::service {

// What a client wanted to change is not any more what it saw.
struct Conflict {
  std::string message;
};

class PeopleSession {
 public:
  // Opens the store and leaves the people in it to the first call. Throws what Store throws.
  PeopleSession(std::string path, Settings settings);

  // Asks what has become of the file, which costs next to nothing: once, before what follows. While others change the
  // store all the time, as an index does, people who are only looked at are as old as reading them takes. Throws what
  // Store throws, and Exception(not_found) when the file is gone.
  enum class Purpose { look, change };
  void look(Purpose purpose);
  // "IDENTITY-CHANGES": a text that is another one after every change of the store by anybody. IDENTITY, without a '-',
  // is another one for each file that was opened, and in each run of the program: ids are of one of them.
  std::string revision() const;
  // Throws Conflict where the store of this IDENTITY is not the one that is open.
  void require_store(const std::string& identity) const;

  // Whether the people are read already, as they were at the last look.
  bool is_read() const { return people_ != nullptr; }

  // Of the store as it was at the last look; valid until the next one, or a change. Throws what Store and People throw.
  People& people();
  const Store& store() const { return *store_; }
  // People::list with all that it can list.
  const std::vector<PersonEntry>& entries();
  // The places of the entries by name, those without one behind them.
  const std::vector<std::size_t>& by_name();
  const PeopleStatistics& statistics();
  // The newest first.
  const std::vector<PersonOperation>& history();
  // By falling similarity, those without one behind them.
  const std::vector<PersonFace>& faces_of(const PersonEntry& entry);

  // Calls `what`, which says or undoes something, and takes note that the store has changed.
  template <typename What>
  auto change(What what) {
    try {
      auto result = what(people());
      drop_views();
      return result;
    } catch (const Exception& failure) {
      // What was typed was wrong, and nothing has happened.
      const ErrorCode code = failure.error().code;
      if (code != ErrorCode::invalid_argument && code != ErrorCode::not_found) drop_people();
      throw;
    } catch (const Conflict&) {
      throw;
    } catch (...) {
      drop_people();
      throw;
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  using FileId = std::pair<dev_t, ino_t>;
  struct PersonFaces {
    FaceId entry = 0;
    std::vector<PersonFace> faces;
  };

  std::optional<FileId> find_file() const;
  FileId file_id() const;  // throws Exception(not_found)
  std::string identity() const;
  void open();
  void close();
  void drop_views();
  void drop_people();

  const std::string path_;
  const Settings settings_;
  const std::string run_;  // another one in each run of the program
  std::uint64_t openings_ = 0;
  std::uint64_t changes_ = 0;
  FileId file_id_{};
  std::optional<Store> store_;
  std::unique_ptr<People> people_;
  bool has_changed_ = false;  // since the people were read
  Clock::time_point read_at_{};
  Clock::duration read_took_{};
  std::optional<std::vector<PersonEntry>> entries_;
  std::optional<std::vector<std::size_t>> by_name_;
  std::optional<PeopleStatistics> statistics_;
  std::optional<std::vector<PersonOperation>> history_;
  std::list<PersonFaces> faces_;  // of those who were looked at last
};

}  // namespace mien::service
