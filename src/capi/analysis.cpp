// Reads the fields of an analysis, and compares two faces.
#include "capi/handles.h"

namespace mien::capi {
namespace {

template <typename Value>
const Value* element(const std::vector<Value>& values, std::size_t index) {
  return index < values.size() ? &values[index] : nullptr;
}

const Face* face_of(const mien_analysis* analysis, std::size_t index) {
  return analysis != nullptr ? element(analysis->analysis.faces, index) : nullptr;
}

mien_box to_c(const Box& box) { return {box.x1, box.y1, box.x2, box.y2}; }

mien_face to_c(const Face& face) {
  mien_face result{};
  result.bbox = to_c(face.bbox);
  result.has_landmarks = face.landmarks.has_value();
  for (std::size_t i = 0; face.landmarks && i < face.landmarks->size(); ++i) {
    result.landmarks[i] = {(*face.landmarks)[i].x, (*face.landmarks)[i].y};
  }
  result.det_score = face.det_score;
  result.scale = face.scale;
  result.enhancement_scale = face.enhancement_scale;
  result.embedding = face.embedding.empty() ? nullptr : face.embedding.data();
  result.dimension = face.embedding.size();
  result.has_recognition_quality = face.recognition_quality.has_value();
  result.recognition_quality = face.recognition_quality.value_or(0);
  if (face.poor_reason) result.poor_reason = static_cast<mien_poor_reason>(*face.poor_reason) + 1;
  result.rotation = face.rotation;
  return result;
}

mien_placement to_c(const Placement& placement) {
  return {0,
          placement.operation.c_str(),
          placement.requested.c_str(),
          placement.ran.c_str(),
          placement.runtime.c_str(),
          placement.device.c_str(),
          placement.reason ? placement.reason->c_str() : nullptr};
}

}  // namespace

mien_quality quality_to_c(const Quality& quality) {
  mien_quality result{};
  result.blur_score = quality.blur_score;
  result.brightness = quality.brightness;
  result.contrast = quality.contrast;
  result.sharpness = quality.sharpness;
  result.overall_score = quality.overall_score;
  result.has_occlusion = quality.occlusion_score.has_value();
  result.occlusion_score = quality.occlusion_score.value_or(0);
  result.has_pose = quality.pose_angles.has_value();
  const PoseAngles pose = quality.pose_angles.value_or(PoseAngles{});
  result.yaw = pose.yaw;
  result.pitch = pose.pitch;
  result.roll = pose.roll;
  return result;
}

}  // namespace mien::capi

// The functions of mien.h are global; these files hold nothing else below.
using namespace mien;        // NOLINT(google-build-using-namespace)
using namespace mien::capi;  // NOLINT(google-build-using-namespace)

const char* mien_analysis_format(const mien_analysis* analysis) {
  return analysis != nullptr ? analysis->analysis.format.c_str() : "";
}

int32_t mien_analysis_width(const mien_analysis* analysis) {
  return analysis != nullptr ? analysis->analysis.width : 0;
}

int32_t mien_analysis_height(const mien_analysis* analysis) {
  return analysis != nullptr ? analysis->analysis.height : 0;
}

mien_detail mien_analysis_detail(const mien_analysis* analysis) {
  return analysis != nullptr ? static_cast<mien_detail>(analysis->analysis.detail) : MIEN_DETAIL_OFF;
}

const char* mien_analysis_phash(const mien_analysis* analysis) {
  return analysis != nullptr ? analysis->analysis.phash.c_str() : "";
}

const char* mien_analysis_taken(const mien_analysis* analysis) {
  return analysis != nullptr ? analysis->analysis.taken.c_str() : "";
}

const char* mien_analysis_detector(const mien_analysis* analysis) {
  return analysis != nullptr ? analysis->analysis.models.detector.c_str() : "";
}

const char* mien_analysis_embedder(const mien_analysis* analysis) {
  return analysis != nullptr ? analysis->analysis.models.embedder.c_str() : "";
}

size_t mien_analysis_face_count(const mien_analysis* analysis) {
  return analysis != nullptr ? analysis->analysis.faces.size() : 0;
}

size_t mien_analysis_warning_count(const mien_analysis* analysis) {
  return analysis != nullptr ? analysis->analysis.warnings.size() : 0;
}

const char* mien_analysis_warning(const mien_analysis* analysis, size_t index) {
  const std::string* const warning = analysis != nullptr ? element(analysis->analysis.warnings, index) : nullptr;
  return warning != nullptr ? warning->c_str() : nullptr;
}

size_t mien_analysis_placement_count(const mien_analysis* analysis) {
  return analysis != nullptr ? analysis->analysis.placement.size() : 0;
}

mien_bool mien_analysis_face(const mien_analysis* analysis, size_t index, mien_face* face) {
  const Face* const found = face_of(analysis, index);
  return found != nullptr && write_struct(to_c(*found), face);
}

mien_bool mien_analysis_face_quality(const mien_analysis* analysis, size_t index, mien_quality* quality) {
  const Face* const found = face_of(analysis, index);
  return found != nullptr && found->quality && write_struct(quality_to_c(*found->quality), quality);
}

mien_bool mien_analysis_quality(const mien_analysis* analysis, mien_quality* quality) {
  return analysis != nullptr && analysis->analysis.quality &&
         write_struct(quality_to_c(*analysis->analysis.quality), quality);
}

mien_bool mien_analysis_placement(const mien_analysis* analysis, size_t index, mien_placement* placement) {
  const Placement* const found = analysis != nullptr ? element(analysis->analysis.placement, index) : nullptr;
  return found != nullptr && write_struct(to_c(*found), placement);
}

mien_bool mien_analysis_timings(const mien_analysis* analysis, mien_timings* timings) {
  if (analysis == nullptr) return 0;
  const Timings& ms = analysis->analysis.timings_ms;
  return write_struct(mien_timings{0, ms.decode, ms.enhance, ms.detect, ms.embed, ms.quality, ms.total}, timings);
}

const char* mien_poor_reason_name(mien_poor_reason reason) {
  if (reason < MIEN_TOO_SMALL || reason > MIEN_LOW_CONTRAST) return "";
  return poor_reason_name(static_cast<PoorReason>(reason - 1)).data();
}

const char* mien_verdict_name(mien_verdict verdict) {
  if (verdict < MIEN_SAME || verdict > MIEN_CANNOT_TELL) return "";
  return verdict_name(static_cast<Verdict>(verdict)).data();
}

mien_status mien_judge_faces(const mien_analysis* a, size_t face_a, const mien_analysis* b, size_t face_b,
                             float threshold, mien_verdict* verdict, float* similarity, mien_error** error) {
  return guard(error, [&] {
    if (verdict == nullptr) fail("there is no place to put the verdict");
    if (a == nullptr || b == nullptr) fail("an analysis is missing");
    const float cosine = compare_faces(a->analysis, face_a, b->analysis, face_b).take();
    *verdict =
        static_cast<mien_verdict>(judge_pair(a->analysis.faces[face_a], b->analysis.faces[face_b], cosine, threshold));
    if (similarity != nullptr) *similarity = cosine;
  });
}

mien_status mien_compare_faces(const mien_analysis* a, size_t face_a, const mien_analysis* b, size_t face_b,
                               float* similarity, mien_error** error) {
  return guard(error, [&] {
    if (similarity == nullptr) fail("there is no place to put the similarity");
    if (a == nullptr || b == nullptr) fail("an analysis is missing");
    *similarity = compare_faces(a->analysis, face_a, b->analysis, face_b).take();
  });
}
