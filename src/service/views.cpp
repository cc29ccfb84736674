#include "service/views.h"

#include <algorithm>

namespace mien::service {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json device_json(const Device& device) {
  return {{"id", device.id},
          {"name", device.name},
          {"backend", device.backend},
          {"memory_total_mb", device.memory_total_mb},
          {"memory_free_mb", device.memory_free_mb},
          {"memory_used_mb", device.memory_used_mb},
          {"memory_held_mb", device.memory_held_mb},
          {"unified_memory", device.unified_memory},
          {"software", device.is_software},
          {"driver", device.driver},
          {"cores", device.cores},
          {"features", device.features}};
}

Json entry_json(const CatalogEntry& entry) {
  const ModelInfo& model = entry.model;
  return {{"name", model.name},
          {"role", model.role},
          {"path", model.path},
          {"sha256", model.sha256},
          {"size_bytes", entry.size_bytes},
          {"licence", model.licence},
          {"licence_must_be_accepted", entry.licence_must_be_accepted},
          {"licence_url", entry.licence_url},
          {"decoder", entry.decoder},
          {"feed", entry.feed},
          {"dimension", model.dimension},
          {"threshold_verify", or_null(model.threshold_verify)},
          {"threshold_search", or_null(model.threshold_search)},
          {"rate_verify", or_null(model.rate_verify)},
          {"rate_search", or_null(model.rate_search)},
          {"rate_verify_max", or_null(model.rate_verify_max)},
          {"rate_search_max", or_null(model.rate_search_max)},
          {"threshold_source", model.threshold_source},
          {"installed", entry.installed},
          {"is_default", entry.is_default},
          {"added_by_user", entry.added_by_user},
          {"source", entry.source},
          {"packs", entry.packs},
          {"urls", entry.urls},
          {"note", entry.note}};
}

double area(const Face& face) { return static_cast<double>(face.face_width()) * face.face_height(); }

}  // namespace

std::optional<std::size_t> largest_face(const Analysis& analysis) {
  const auto largest = std::max_element(analysis.faces.begin(), analysis.faces.end(),
                                        [](const Face& a, const Face& b) { return area(a) < area(b); });
  if (largest == analysis.faces.end()) return {};
  return static_cast<std::size_t>(largest - analysis.faces.begin());
}

std::string_view gpu_mode_name(GpuMode mode) {
  if (mode == GpuMode::off) return "cpu";
  if (mode == GpuMode::where_it_pays) return "auto";
  return mode == GpuMode::on ? "gpu" : "require";
}

Json devices_view(const std::vector<BackendInfo>& backends, const Settings& settings) {
  Json rows = Json::array();
  for (const BackendInfo& backend : backends) {
    Json devices = Json::array();
    for (const Device& device : backend.devices) devices.push_back(device_json(device));
    rows.push_back({{"name", backend.name}, {"status", backend.status}, {"devices", devices}});
  }
  Json requested = Json::object();
  for (const OperationRow& row : kOperations) {
    requested[std::string(row.name)] = gpu_mode_name(settings.gpu_mode(row.operation));
  }
  return {{"backends", rows}, {"requested", requested}};
}

Json models_view(const std::vector<CatalogEntry>& entries) {
  Json rows = Json::array();
  for (const CatalogEntry& entry : entries) rows.push_back(entry_json(entry));
  return rows;
}

Json quality_view(const Record& record) {
  const Json whole = Json::parse(record_to_json(record, EmbeddingFormat::none));
  Json result;
  for (const char* key : {"width", "height", "quality", "warnings", "error"}) {
    if (whole.contains(key)) result[key] = whole[key];
  }
  return result;
}

Json compared_view(const Analysis& analysis, std::optional<std::size_t> face) {
  Json result = {{"faces", analysis.faces.size()}};
  if (face) {
    const Face& one = analysis.faces[*face];
    result["bbox"] = {one.bbox.x1, one.bbox.y1, one.bbox.x2, one.bbox.y2};
    result["det_score"] = one.det_score;
    result["recognition_quality"] = or_null(one.recognition_quality);
    result["poor_reason"] = one.poor_reason ? Json(poor_reason_name(*one.poor_reason)) : Json(nullptr);
  }
  result["warnings"] = analysis.warnings;
  return result;
}

Json verdict_view(std::optional<Verdict> verdict, float similarity) {
  Json result = {{"same", nullptr}, {"verdict", nullptr}, {"similarity", nullptr}};
  if (!verdict) return result;
  if (*verdict == Verdict::same || *verdict == Verdict::different) result["same"] = *verdict == Verdict::same;
  result["verdict"] = verdict_name(*verdict);
  result["similarity"] = similarity;
  return result;
}

}  // namespace mien::service
