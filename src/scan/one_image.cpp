#include "scan/one_image.h"

#include <utility>

#include "pipeline/stopwatch.h"

namespace mien {

Sha256Digest add_content(Bytes encoded, Record& record) {
  const Sha256Digest digest = sha256(encoded);
  record.sha256 = sha256_hex(digest);
  return digest;
}

void add_result(Result<Analysis> result, Record& record) {
  if (result) {
    record.analysis = std::move(*result);
  } else {
    record.error = result.error();
  }
}

void add_read_time(double read_ms, Record& record) {
  Timings& timings = record.analysis.timings_ms;
  timings.read = read_ms;
  timings.total += read_ms;
}

Record analyze_to_record(const Engine& engine, Bytes encoded, const AnalyzeOptions& options, Workspace& workspace) {
  Record record;
  Stopwatch watch;
  (void)add_content(encoded, record);
  const double read_ms = watch.lap();
  add_result(engine.analyze(encoded, options, workspace), record);
  // A scan opens no embedder for embeddings that nobody wants.
  if (!options.embed) record.analysis.models.embedder = record.analysis.models.embedder_id = {};
  add_read_time(read_ms, record);
  return record;
}

}  // namespace mien
