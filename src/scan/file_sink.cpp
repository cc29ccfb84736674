#include <utility>

#include "mien/result.h"
#include "scan/sink.h"

namespace mien {
namespace {

class FileSink : public Sink {
 public:
  FileSink(RecordFile& records, EmbeddingFormat embeddings) : records_(records), embeddings_(embeddings) {}

  bool wants_embeddings() const override { return embeddings_ != EmbeddingFormat::none; }
  std::string line_of(const Record& record) const override { return record_to_json(record, embeddings_); }
  std::int64_t append(const Record&, const std::string& line) override { return records_.append(line).offset; }

  Record read(std::int64_t place, const std::string& sha256) override {
    Result<Record> record = record_from_json(records_.read_line(place));
    if (!record || record->sha256 != sha256) {
      throw Exception(ErrorCode::io, "another program has changed " + records_.shown_path() + " during the scan: " +
                                         (record ? "a record is not where it was written" : record.error().message));
    }
    return std::move(*record);
  }

 private:
  RecordFile& records_;
  EmbeddingFormat embeddings_;
};

}  // namespace

std::unique_ptr<Sink> file_sink(RecordFile& records, EmbeddingFormat embeddings) {
  return std::make_unique<FileSink>(records, embeddings);
}

}  // namespace mien
