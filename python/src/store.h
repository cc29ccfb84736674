// A store as Python has it: one connection, which one thread uses at a time, and the people in it.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "bindings.h"
#include "mien/settings.h"
#include "mien/tools/people.h"
#include "mien/tools/store.h"
#include "open_file.h"
#include "process.h"

namespace mien::python {

// Used by whoever has its turn, without the interpreter lock.
class OpenStore {
 public:
  using Turn = std::unique_lock<std::timed_mutex>;

  OpenStore(const StoreOptions& options, Settings settings, int threads);

  // Waits until no other thread is in the store. With the interpreter lock Ctrl-C is seen meanwhile.
  Turn take_turn_with_lock();
  Turn take_turn() { return Turn(mutex_); }

  // Throws when it is closed.
  Store& store();
  // Those of what lies in the file now, whoever has changed it.
  People& people();
  // The next to ask gets them anew.
  void forget_people() { people_.reset(); }
  // Whether others have changed the file since this was asked last.
  bool has_changed();
  void close();

  const Settings& settings() const { return settings_; }
  int threads() const { return threads_; }

 private:
  void look();

  std::timed_mutex mutex_;
  Settings settings_;
  int threads_;
  std::optional<Store> store_;      // empty: closed
  std::unique_ptr<People> people_;  // empty: nobody asked for them, or others have changed the file since
  bool was_changed_ = false;        // by others, and nobody was told
};

// As Python has it. The child of a fork leaves it alone.
class PythonStore {
 public:
  PythonStore(const Settings& settings, const StoreOptions& options, bool only_looks, int threads);

  const std::string& path() const { return path_; }
  bool is_closed() const { return is_closed_; }
  // Throws when it is closed, or was opened by another process.
  std::shared_ptr<OpenStore> get();
  // Throws where it was opened for looking alone.
  void require_write() const;
  void close();

 private:
  bool only_looks_ = false;
  bool is_closed_ = false;
  std::optional<OpenFile> file_;  // before the store: it is known until SQLite has closed it
  OwnedByProcess<OpenStore> opened_;
  std::string path_;
};

// Runs `work` on what is open, without the interpreter lock and when no other thread is in it.
template <typename Work>
auto with_turn(PythonStore& self, Work work) {
  const std::shared_ptr<OpenStore> opened = self.get();
  OpenStore::Turn turn = opened->take_turn_with_lock();
  return without_lock([&] {
    const OpenStore::Turn ours = std::move(turn);
    return work(*opened);
  });
}
template <typename Work>
auto with_store(PythonStore& self, Work work) {
  return with_turn(self, [&](OpenStore& opened) { return work(opened.store()); });
}
template <typename Work>
auto with_people(PythonStore& self, Work work) {
  return with_turn(self, [&](OpenStore& opened) { return work(opened.people()); });
}

// Attributes that are bytes of the library, as paths or text; None where they are empty.
template <typename T>
auto path_or_none(std::string T::*field) {
  return [field](const T& self) { return (self.*field).empty() ? nb::none() : to_path(self.*field); };
}
template <typename T>
auto text_or_none(std::string T::*field) {
  return [field](const T& self) { return (self.*field).empty() ? nb::none() : to_text(self.*field); };
}
// A number of the store's; None where there is none.
template <typename T>
auto id_or_none(std::int64_t T::*field) {
  return [field](const T& self) { return self.*field == 0 ? nb::none() : nb::cast(self.*field); };
}
nb::list to_paths(const std::vector<std::string>& paths);
nb::tuple to_tuple(const Box& box);

// One file each: what the calls return; the calls themselves; those about people.
void bind_store_results(nb::module_& module);
void bind_people_results(nb::module_& module);
void bind_people(nb::class_<PythonStore>& store);

}  // namespace mien::python
