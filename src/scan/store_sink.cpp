#include "scan/store_sink.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/utf8.h"
#include "mien/result.h"
#include "scan/carry.h"
#include "store/places.h"

namespace mien {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatchImagesMax = 200;
constexpr std::chrono::seconds kBatchAgeMax{1};

class StoreSink : public Sink {
 public:
  StoreSink(Store& store, std::vector<std::string> sources) : store_(store), sources_(std::move(sources)) {}

  bool wants_embeddings() const override { return true; }
  std::string line_of(const Record&) const override { return {}; }

  std::int64_t append(const Record& record, const std::string&) override {
    if (batch_.empty()) begin_ = Clock::now();
    batch_.push_back(record);
    if (batch_.size() >= kBatchImagesMax) put_batch();
    return 0;  // the content tells where it lies
  }

  Record read(std::int64_t, const std::string& sha256) override {
    for (const Record& record : batch_) {
      if (record.sha256 == sha256) return record;
    }
    for (const auto& [content, record] : waiting_) {
      if (record.sha256 == sha256) return record;
    }
    std::optional<Record> stored = store_.find_record(sha256);
    if (stored) return std::move(*stored);
    throw Exception(ErrorCode::io, "another program has removed photos from " + replace_invalid_utf8(store_.path()) +
                                       " during the index: run it again");
  }

  void pass_time() override {
    if (!batch_.empty() && Clock::now() - begin_ >= kBatchAgeMax) put_batch();
  }

  void finish() override {
    put_batch();
    std::vector<const Record*> rest;  // no copy of what they were has come
    for (const auto& [content, record] : waiting_) rest.push_back(&record);
    put(rest);
    waiting_.clear();
  }

  // Paths of what waits hold what it was: the next index reads it again, and the copies.
  void break_off() override {
    put_batch();
    waiting_.clear();
  }

 private:
  // What another embedder sees of a changed photo waits for what it sees of a copy of what the photo was: until then
  // nobody can tell which faces are the same.
  void put_batch() {
    std::vector<std::optional<std::string>> awaited;
    std::vector<const Record*> ready;
    for (const Record& record : batch_) {
      awaited.push_back(carry_facts_of_changed(store_, record));
      if (!awaited.back()) ready.push_back(&record);
    }
    put(ready);
    std::set<std::string> contents;
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      if (awaited[i]) {
        waiting_.emplace(*awaited[i], std::move(batch_[i]));
      } else {
        contents.insert(batch_[i].sha256);
      }
    }
    batch_.clear();
    for (const std::string& content : contents) put_those_behind(content);
  }

  // The content is there now.
  void put_those_behind(const std::string& content) {
    const auto [first, last] = waiting_.equal_range(content);
    std::vector<const Record*> ready;
    for (auto it = first; it != last; ++it) {
      (void)carry_facts_of_changed(store_, it->second);
      ready.push_back(&it->second);
    }
    put(ready);
    waiting_.erase(first, last);
  }

  void put(const std::vector<const Record*>& records) {
    if (records.empty()) return;
    std::vector<Store::Entry> entries;
    for (const Record* const record : records) entries.push_back({source_of(record->source), record->source, record});
    store_.put(entries);
  }

  std::string source_of(const std::string& path) const {
    const auto source = std::find_if(sources_.begin(), sources_.end(),
                                     [&](const std::string& one) { return path_below(one, path).has_value(); });
    return source == sources_.end() ? path : *source;
  }

  Store& store_;
  std::vector<std::string> sources_;
  std::vector<Record> batch_;
  std::multimap<std::string, Record> waiting_;  // by the SHA-256 of what they were
  Clock::time_point begin_;                     // when the first of the batch came
};

}  // namespace

std::unique_ptr<Sink> store_sink(Store& store, std::vector<std::string> sources) {
  return std::make_unique<StoreSink>(store, std::move(sources));
}

}  // namespace mien
