#include "scan/one_image.h"

#include <deque>
#include <optional>
#include <utility>

#include "base/stopwatch.h"
#include "mien/tools/stream.h"
#include "pipeline/analyze.h"

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
  std::optional<Record> made;
  bool is_given = false;
  RecordStream stream;
  stream.next = [&](std::optional<std::chrono::milliseconds>) {
    return std::exchange(is_given, true) ? std::nullopt : std::optional(StreamImage{encoded, &options});
  };
  stream.on_record = [&](Record record) { made = std::move(record); };
  records_of_stream(engine, stream, workspace);
  return std::move(*made);
}

void set_batch_delay(const Engine& engine, std::chrono::milliseconds delay) {
  if (engine.state().device) engine.state().device->set_batch_delay(delay);
}

float detection_threshold(const Engine& engine) { return engine.state().detector->score_threshold; }

void records_of_stream(const Engine& engine, const RecordStream& stream, Workspace& workspace) {
  struct InWork {
    Record record;
    double read_ms = 0;
    const AnalyzeOptions* options = nullptr;
  };
  std::deque<InWork> in_work;
  ImageStream images;
  images.next = [&](std::optional<std::chrono::milliseconds> patience) -> std::optional<Bytes> {
    const std::optional<StreamImage> image = stream.next(patience);
    if (!image) return std::nullopt;
    Stopwatch watch;
    InWork& one = in_work.emplace_back();
    one.options = image->options;
    (void)add_content(image->encoded, one.record);
    one.read_ms = watch.lap();
    return image->encoded;
  };
  images.options = [&] { return in_work.back().options; };
  images.on_result = [&](std::size_t, Result<Analysis> result) {
    InWork one = std::move(in_work.front());
    in_work.pop_front();
    add_result(std::move(result), one.record);
    // A scan opens no embedder for embeddings that nobody wants.
    if (!one.options->embed) one.record.analysis.models.embedder = one.record.analysis.models.embedder_id = {};
    add_read_time(one.read_ms, one.record);
    stream.on_record(std::move(one.record));
  };
  analyze_stream(engine.state(), {}, workspace.state(), images);
}

}  // namespace mien
