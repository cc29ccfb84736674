// Where the records of a scan go: a file of lines, or the store. The loop knows no other difference between the two.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "mien/scan.h"
#include "records/output.h"

namespace mien {

class Sink {
 public:
  virtual ~Sink() = default;

  // Whether records come with their embeddings, which otherwise nobody keeps: they are biometric data of strangers.
  virtual bool wants_embeddings() const = 0;
  // The record as text, where this sink writes text. From many threads.
  virtual std::string line_of(const Record& record) const = 0;

  // What follows is called by one thread.

  // Takes the next record, in order. Returns the place that read() finds it at.
  virtual std::int64_t append(const Record& record, const std::string& line) = 0;
  // The record of this content that lies there, of this run or an earlier one; embeddings may be missing.
  virtual Record read(std::int64_t place, const std::string& sha256) = 0;
  // Called several times a second, also when no record comes.
  virtual void pass_time() {}
  // What was appended is kept from here on, whatever happens.
  virtual void finish() {}
  // The same where the scan ends early: what cannot be kept well before the rest has come is left to the next scan.
  virtual void break_off() { finish(); }
};

// The file must outlive the sink. A record is kept as soon as it is appended. Throws Exception(io).
std::unique_ptr<Sink> file_sink(RecordFile& records, EmbeddingFormat embeddings);

}  // namespace mien
