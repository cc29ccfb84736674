// Results as Python pickles and copies them: a tuple of the fields of each, in order.
#pragma once

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "bindings.h"
#include "mien/catalog.h"
#include "mien/device.h"
#include "mien/scan.h"
#include "mien/tools/people.h"
#include "mien/tools/people_import.h"
#include "mien/tools/store.h"

namespace mien::python::pickling {

// The fields of each kind of result. A new field is added to its row.
inline auto fields(Point& p) { return std::tie(p.x, p.y); }
inline auto fields(Box& b) { return std::tie(b.x1, b.y1, b.x2, b.y2); }
inline auto fields(PoseAngles& p) { return std::tie(p.yaw, p.pitch, p.roll); }
inline auto fields(Quality& q) {
  return std::tie(q.blur_score, q.brightness, q.contrast, q.sharpness, q.overall_score, q.occlusion_score,
                  q.pose_angles);
}
inline auto fields(Face& f) {
  return std::tie(f.bbox, f.landmarks, f.det_score, f.scale, f.enhancement_scale, f.embedding, f.quality,
                  f.recognition_quality, f.poor_reason, f.rotation);
}
inline auto fields(Placement& p) { return std::tie(p.operation, p.requested, p.ran, p.runtime, p.device, p.reason); }
inline auto fields(Timings& t) { return std::tie(t.read, t.decode, t.enhance, t.detect, t.embed, t.quality, t.total); }
inline auto fields(ModelNames& m) { return std::tie(m.detector, m.embedder, m.embedder_id); }
inline auto fields(Analysis& a) {
  return std::tie(a.format, a.width, a.height, a.phash, a.faces, a.quality, a.models, a.placement, a.timings_ms,
                  a.detail, a.warnings, a.taken);
}
inline auto fields(Match& m) { return std::tie(m.face, m.similarity); }
inline auto fields(Error& e) { return std::tie(e.code, e.message); }
inline auto fields(Record& r) {
  return std::tie(r.source, r.source_folder, r.source_size, r.source_mtime_ns, r.sha256, r.terms, r.analysis, r.matches,
                  r.best_similarity, r.like, r.compare_anyway, r.error);
}
inline auto fields(ScanProgress& p) { return std::tie(p.done, p.found, p.listing_finished, p.images_per_second); }
inline auto fields(LeftOut& l) { return std::tie(l.kind, l.one, l.count); }
inline auto fields(ScanSummary& s) {
  return std::tie(s.images, s.analyzed, s.resumed, s.gone, s.changed, s.pruned, s.duplicates, s.failed, s.unavailable,
                  s.faces, s.matched_images, s.poor_faces, s.left_out, s.seconds, s.threshold, s.expected_false_matches,
                  s.interrupted, s.placement, s.placement_counts, s.gpu_choice, s.notes, s.idle_gpu);
}
inline auto fields(ModelInfo& m) {
  return std::tie(m.name, m.path, m.sha256, m.licence, m.role, m.id, m.dimension, m.threshold_verify,
                  m.threshold_search, m.rate_verify, m.rate_search, m.rate_verify_max, m.rate_search_max,
                  m.threshold_source);
}
inline auto fields(ProbedModel& m) { return std::tie(m.role, m.decoder, m.dimension); }
inline auto fields(Device& d) {
  return std::tie(d.id, d.name, d.backend, d.memory_total_mb, d.memory_free_mb, d.memory_used_mb, d.memory_held_mb,
                  d.unified_memory, d.is_software, d.driver, d.cores, d.features);
}
inline auto fields(BackendInfo& b) { return std::tie(b.name, b.usable, b.status, b.devices, b.chosen); }
inline auto fields(SettingValue& s) { return std::tie(s.name, s.value, s.source, s.help, s.allowed, s.kind); }
inline auto fields(Settings& s) {
  return std::tie(s.all_gpu, s.all_gpu_where_it_pays, s.operation_gpu, s.gpu_backend, s.gpu_device_id,
                  s.gpu_memory_limit_gb, s.gpu_batch_size, s.gpu_time_limit_s, s.cudnn_search, s.log_level, s.runtime,
                  s.threads, s.precision, s.detail, s.allow_software_gpu, s.sandbox, s.decoder, s.model_dir, s.catalog,
                  s.ort_library, s.openvino_library, s.test_device, s.backend_dir, s.listen, s.key_file, s.hosts,
                  s.immich, s.immich_from, s.upstream, s.queue, s.queue_mb, s.body_mb, s.batch_delay_ms,
                  s.drain_seconds, s.log_format, s.no_sandbox, s.serve_store, s.nextcloud, s.nextcloud_threshold,
                  s.crawler, s.crawler_embeddings, s.values, s.warnings);
}

inline auto fields(FacePlace& p) { return std::tie(p.sha256, p.bbox); }
inline auto fields(StoredImage& i) {
  return std::tie(i.id, i.sha256, i.width, i.height, i.phash, i.taken, i.paths, i.is_gone);
}
inline auto fields(StoredFace& f) {
  return std::tie(f.id, f.key, f.image, f.number, f.bbox, f.det_score, f.recognition_quality, f.poor_reason);
}
inline auto fields(StoredPlace& p) {
  return std::tie(p.source, p.path, p.size_bytes, p.mtime_ns, p.sha256, p.terms, p.is_gone, p.error, p.can_be_repeated);
}
inline auto fields(StoreStatistics& s) {
  return std::tie(s.images, s.paths, s.gone, s.failed, s.faces, s.vectors, s.bytes);
}
inline auto fields(PeopleStatistics& s) {
  return std::tie(s.faces, s.in_people, s.in_groups, s.poor, s.not_faces, s.without_vector, s.statements,
                  s.without_face);
}
inline auto fields(PersonEntry& p) {
  return std::tie(p.id, p.person, p.name, p.is_hidden, p.is_stranger, p.is_imported, p.faces, p.images, p.new_faces,
                  p.members, p.groups);
}
inline auto fields(PersonFace& f) {
  return std::tie(f.id, f.group, f.source, f.copies, f.number, f.bbox, f.taken, f.state, f.similarity, f.image,
                  f.person, f.poor_reason);
}
inline auto fields(Statement& s) { return std::tie(s.place, s.kind, s.person); }
inline auto fields(PersonOperation& o) {
  return std::tie(o.id, o.kind, o.time, o.person, o.other, o.text, o.statements, o.is_undone);
}
inline auto fields(PeopleChange& c) { return std::tie(c.operation, c.person, c.name, c.faces, c.left_out); }
inline auto fields(Suggestion& s) {
  return std::tie(s.kind, s.person, s.other, s.similarity, s.face, s.other_face, s.face_similarity);
}
inline auto fields(FoundFace& f) { return std::tie(f.face, f.number, f.name, f.similarity); }
inline auto fields(FoundPhoto& p) { return std::tie(p.source, p.copies, p.taken, p.faces); }
inline auto fields(FindResult& r) {
  return std::tie(r.photos, r.without_date, r.compared, r.threshold, r.expected_false_matches, r.notes);
}
inline auto fields(ForgottenPerson& p) { return std::tie(p.verdicts, p.faces, p.vectors, p.places); }
inline auto fields(ImportSummary& s) {
  return std::tie(s.photos, s.with_names, s.sidecars, s.regions, s.stated, s.known, s.no_face, s.unusable, s.persons,
                  s.failed, s.interrupted, s.notes);
}

inline auto fields(AnalyzeOptions& o) {
  return std::tie(o.embed, o.face_quality, o.image_quality, o.phash, o.enhance, o.rotations, o.detail, o.det_threshold,
                  o.min_quality, o.min_face);
}

// How many fields a struct has: as many as braces may initialise.
struct Anything {
  template <typename T>
  operator T() const;  // NOLINT(google-explicit-constructor): it is never called
};
template <typename T, typename... Fields>
consteval std::size_t count_fields() {
  if constexpr (requires { T{Fields{}..., Anything{}}; }) {
    return count_fields<T, Fields..., Anything>();
  } else {
    return sizeof...(Fields);
  }
}
template <typename T>
using FieldsOf = decltype(fields(std::declval<T&>()));
template <typename T>
concept HasFields = requires(T& value) {
  fields(value);
};

// A value as Python has it, and back. Text of the library is bytes: it may be the path of a file.
inline nb::object pack(const std::string& text) { return nb::bytes(text.data(), text.size()); }
template <typename T>
requires std::is_arithmetic_v<T> nb::object pack(T value) { return nb::cast(value); }
template <typename T>
requires std::is_enum_v<T> nb::object pack(T value) { return nb::cast(static_cast<int>(value)); }
template <HasFields T>
nb::object pack(const T& value);
template <typename T>
nb::object pack(const std::optional<T>& value);
template <typename T, std::size_t kSize>
nb::object pack(const std::array<T, kSize>& values);
template <typename T>
nb::object pack(const std::vector<T>& values);

[[noreturn]] inline void refuse_pickle() {
  throw Exception(ErrorCode::bad_data, "this was pickled by another version of mien");
}

inline void unpack(nb::handle from, std::string& text) {
  const nb::bytes bytes = nb::cast<nb::bytes>(from);
  text.assign(bytes.c_str(), bytes.size());
}
template <typename T>
requires std::is_arithmetic_v<T>
void unpack(nb::handle from, T& value) { value = nb::cast<T>(from); }
template <typename T>
requires std::is_enum_v<T>
void unpack(nb::handle from, T& value) { value = static_cast<T>(nb::cast<int>(from)); }
template <HasFields T>
void unpack(nb::handle from, T& value);
template <typename T>
void unpack(nb::handle from, std::optional<T>& value);
template <typename T, std::size_t kSize>
void unpack(nb::handle from, std::array<T, kSize>& values);
template <typename T>
void unpack(nb::handle from, std::vector<T>& values);

template <HasFields T>
nb::object pack(const T& value) {
  // Nobody pickles a stop token.
  constexpr std::size_t kLeftOut = std::is_same_v<T, AnalyzeOptions> ? 1 : 0;
  static_assert(count_fields<T>() == std::tuple_size_v<FieldsOf<T>> + kLeftOut, "a field is missing in fields()");
  nb::list all;
  std::apply([&](const auto&... field) { (all.append(pack(field)), ...); }, fields(const_cast<T&>(value)));
  return nb::tuple(all);
}
template <HasFields T>
void unpack(nb::handle from, T& value) {
  const nb::tuple all = nb::cast<nb::tuple>(from);
  if (all.size() != std::tuple_size_v<FieldsOf<T>>) refuse_pickle();
  std::size_t next = 0;
  std::apply([&](auto&... field) { (unpack(all[next++], field), ...); }, fields(value));
}

template <typename T>
nb::object pack(const std::optional<T>& value) {
  return value ? pack(*value) : nb::none();
}
template <typename T>
void unpack(nb::handle from, std::optional<T>& value) {
  value.reset();
  if (!from.is_none()) unpack(from, value.emplace());
}

template <typename T, std::size_t kSize>
nb::object pack(const std::array<T, kSize>& values) {
  nb::list all;
  for (const T& value : values) all.append(pack(value));
  return nb::tuple(all);
}
template <typename T, std::size_t kSize>
void unpack(nb::handle from, std::array<T, kSize>& values) {
  const nb::tuple all = nb::cast<nb::tuple>(from);
  if (all.size() != kSize) refuse_pickle();
  for (std::size_t i = 0; i < kSize; ++i) unpack(all[i], values[i]);
}

// Numbers are bytes, as numpy pickles them.
template <typename T>
nb::object pack(const std::vector<T>& values) {
  if constexpr (std::is_arithmetic_v<T>) {
    return nb::bytes(values.data(), values.size() * sizeof(T));
  } else {
    nb::list all;
    for (const T& value : values) all.append(pack(value));
    return all;
  }
}
template <typename T>
void unpack(nb::handle from, std::vector<T>& values) {
  if constexpr (std::is_arithmetic_v<T>) {
    const nb::bytes bytes = nb::cast<nb::bytes>(from);
    if (bytes.size() % sizeof(T) != 0) refuse_pickle();
    values.resize(bytes.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), bytes.c_str(), bytes.size());
  } else {
    const nb::list all = nb::cast<nb::list>(from);
    values.assign(all.size(), T());
    for (std::size_t i = 0; i < values.size(); ++i) unpack(all[i], values[i]);
  }
}

}  // namespace mien::python::pickling
