#include "scan/store_sink.h"

#include <algorithm>
#include <chrono>
#include <optional>
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
    if (batch_.size() >= kBatchImagesMax) finish();
    return 0;  // the content tells where it lies
  }

  Record read(std::int64_t, const std::string& sha256) override {
    const auto waiting =
        std::find_if(batch_.begin(), batch_.end(), [&](const Record& one) { return one.sha256 == sha256; });
    if (waiting != batch_.end()) return *waiting;
    std::optional<Record> stored = store_.find_record(sha256);
    if (stored) return std::move(*stored);
    throw Exception(ErrorCode::io, "another program has removed photos from " + replace_invalid_utf8(store_.path()) +
                                       " during the index: run it again");
  }

  void pass_time() override {
    if (!batch_.empty() && Clock::now() - begin_ >= kBatchAgeMax) finish();
  }

  void finish() override {
    if (batch_.empty()) return;
    std::vector<Store::Entry> entries;
    entries.reserve(batch_.size());
    for (const Record& record : batch_) {
      carry_facts_of_changed(store_, record);
      entries.push_back({source_of(record.source), record.source, &record});
    }
    store_.put(entries);
    batch_.clear();
  }

 private:
  std::string source_of(const std::string& path) const {
    const auto source = std::find_if(sources_.begin(), sources_.end(),
                                     [&](const std::string& one) { return path_below(one, path).has_value(); });
    return source == sources_.end() ? path : *source;
  }

  Store& store_;
  std::vector<std::string> sources_;
  std::vector<Record> batch_;
  Clock::time_point begin_;  // when the first of the batch came
};

}  // namespace

std::unique_ptr<Sink> store_sink(Store& store, std::vector<std::string> sources) {
  return std::make_unique<StoreSink>(store, std::move(sources));
}

}  // namespace mien
