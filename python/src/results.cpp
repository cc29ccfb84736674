// The results for an image. Arrays are views of the library's own memory, which their owner keeps alive.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cmath>
#include <cstdio>

#include "bindings.h"
#include "images.h"
#include "mien/face.h"

namespace mien::python {
namespace {

template <typename... Values>
std::string format_text(const char* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof(text), format, values...);
  return text;
}

using FacePointer = nb::pointer_and_handle<Face>;

nb::object bbox(const FacePointer& face) { return nb::cast(FloatArray(&face.p->bbox.x1, {4}, face.h)); }

nb::object landmarks(const FacePointer& face) {
  if (!face.p->landmarks) return nb::none();
  return nb::cast(FloatArray(&(*face.p->landmarks)[0].x, {5, 2}, face.h));
}

nb::object embedding(const FacePointer& face) {
  if (face.p->embedding.empty()) return nb::none();
  return nb::cast(FloatArray(face.p->embedding.data(), {face.p->embedding.size()}, face.h));
}

nb::object normed_embedding(const Face& face) {
  if (face.embedding.empty()) return nb::none();
  double sum = 0;
  for (const float value : face.embedding) sum += static_cast<double>(value) * value;
  const double norm = sum > 0 ? std::sqrt(sum) : 1;
  std::vector<float> values;
  values.reserve(face.embedding.size());
  for (const float value : face.embedding) values.push_back(static_cast<float>(value / norm));
  return to_numpy(std::move(values));
}

std::optional<std::string> poor_reason(const Face& face) {
  if (!face.poor_reason) return std::nullopt;
  return std::string(poor_reason_name(*face.poor_reason));
}

std::string describe(const Face& face) {
  return format_text("Face(bbox=[%.0f, %.0f, %.0f, %.0f], det_score=%.3f, embedding=%zu)", face.bbox.x1, face.bbox.y1,
                     face.bbox.x2, face.bbox.y2, face.det_score, face.embedding.size());
}

nb::dict timings(const Analysis& analysis) {
  const Timings& all = analysis.timings_ms;
  nb::dict result;
  result["read"] = all.read;
  result["decode"] = all.decode;
  result["enhance"] = all.enhance;
  result["detect"] = all.detect;
  result["embed"] = all.embed;
  result["quality"] = all.quality;
  result["total"] = all.total;
  return result;
}

// Faces that live in the analysis, which they keep alive.
nb::list faces(nb::pointer_and_handle<Analysis> analysis) {
  nb::list result;
  for (Face& face : analysis.p->faces) result.append(nb::cast(&face, nb::rv_policy::reference_internal, analysis.h));
  return result;
}

void bind_quality(nb::module_& module) {
  nb::class_<PoseAngles>(module, "PoseAngles", "Degrees, from five landmarks: an estimate, good to about ten degrees.")
      .def_ro("yaw", &PoseAngles::yaw, "Positive when the face turns to the viewer's right.")
      .def_ro("pitch", &PoseAngles::pitch, "Positive when it looks up.")
      .def_ro("roll", &PoseAngles::roll, "Positive when the head leans clockwise.")
      .def("__repr__", [](const PoseAngles& self) {
        return format_text("PoseAngles(yaw=%.1f, pitch=%.1f, roll=%.1f)", self.yaw, self.pitch, self.roll);
      });
  nb::class_<Quality>(module, "Quality", "How good a picture of a face, or a whole picture, is.")
      .def_ro("blur_score", &Quality::blur_score, "Variance of the Laplacian: larger is sharper.")
      .def_ro("brightness", &Quality::brightness, "Mean of the gray image, 0..255.")
      .def_ro("contrast", &Quality::contrast, "Standard deviation of the gray image.")
      .def_ro("sharpness", &Quality::sharpness, "Mean length of the Sobel gradient.")
      .def_ro("overall_score", &Quality::overall_score, "0..1, larger is better.")
      .def_ro("occlusion_score", &Quality::occlusion_score, "None: not measured.")
      .def_ro("pose_angles", &Quality::pose_angles, "None without landmarks.")
      .def("__repr__", [](const Quality& self) {
        return format_text(
            "Quality(overall_score=%.3f, blur_score=%.1f, brightness=%.1f, contrast=%.1f, "
            "sharpness=%.1f)",
            self.overall_score, self.blur_score, self.brightness, self.contrast, self.sharpness);
      });
}

void bind_face(nb::module_& module) {
  nb::class_<Face>(module, "Face", "A face, in pixels of the upright image.")
      .def_prop_ro("bbox", bbox, nb::sig("def bbox(self) -> numpy.typing.NDArray[numpy.float32]"), "x1, y1, x2, y2.")
      .def_prop_ro("landmarks", landmarks, nb::sig("def landmarks(self) -> numpy.typing.NDArray[numpy.float32] | None"),
                   "5x2: left eye, right eye, nose tip, corners of the mouth, as the viewer sees them.")
      .def_ro("det_score", &Face::det_score, "0..1.")
      .def_ro("scale", &Face::scale, "Detector-input pixels per original pixel.")
      .def_ro("enhancement_scale", &Face::enhancement_scale, "Upscale before detection, 1 if none.")
      .def_ro("rotation", &Face::rotation, "0, 90, 180 or 270: degrees clockwise that the face is turned.")
      .def_prop_ro("embedding", embedding, nb::sig("def embedding(self) -> numpy.typing.NDArray[numpy.float32] | None"),
                   "As the model gives it; None when it was not asked for.")
      .def_prop_ro("normed_embedding", normed_embedding,
                   nb::sig("def normed_embedding(self) -> numpy.typing.NDArray[numpy.float32] | None"),
                   "The embedding with length 1.")
      .def_prop_ro(
          "face_size", [](const Face& self) { return nb::make_tuple(self.face_width(), self.face_height()); },
          nb::sig("def face_size(self) -> tuple[float, float]"), "Width and height of the box.")
      .def_ro("quality", &Face::quality)
      .def_ro("recognition_quality", &Face::recognition_quality,
              "How far the face can be recognised, 0..1, larger is better: below 0.5 it is too poor to be told from "
              "other poor faces. None without landmarks.")
      .def_prop_ro("poor_reason", poor_reason, nb::sig("def poor_reason(self) -> str | None"),
                   "\"too_small\", \"too_blurred\", \"too_dark\" or \"low_contrast\" below 0.5; None above.")
      .def("__repr__", describe);
}

void bind_placement(nb::module_& module) {
  nb::class_<Placement>(module, "Placement", "Where one operation ran, and why not where it was asked to.")
      .def_ro("operation", &Placement::operation)
      .def_ro("requested", &Placement::requested)
      .def_ro("ran", &Placement::ran)
      .def_ro("runtime", &Placement::runtime)
      .def_ro("device", &Placement::device)
      .def_ro("reason", &Placement::reason)
      .def("__repr__", [](const Placement& self) {
        return "Placement(" + self.operation + ": asked " + self.requested + ", ran " + self.ran + ")";
      });
}

nb::object draw(nb::handle analysis, nb::handle image, nb::handle colours) {
  return nb::module_::import_("mien.drawing").attr("draw")(analysis, image, colours);
}

std::string describe_analysis(const Analysis& self) {
  return "Analysis(" + self.format + " " + std::to_string(self.width) + "x" + std::to_string(self.height) + ", " +
         std::to_string(self.faces.size()) + (self.faces.size() == 1 ? " face)" : " faces)");
}

}  // namespace

void bind_results(nb::module_& module) {
  bind_quality(module);
  bind_face(module);
  bind_placement(module);
  nb::class_<Analysis>(module, "Analysis", nb::dynamic_attr(), "What is known about an image.")
      .def_ro("format", &Analysis::format)
      .def_ro("width", &Analysis::width, "Of the upright image.")
      .def_ro("height", &Analysis::height)
      .def_prop_ro(
          "detail", [](const Analysis& self) { return std::string(detail_name(self.detail)); },
          "How closely it was looked at: \"auto\", \"off\" or \"full\".")
      .def_ro("phash", &Analysis::phash, "16 hex digits; empty when not asked for.")
      .def_ro("taken", &Analysis::taken, "When the photo was taken, as it says, in ISO 8601; empty: it does not say.")
      .def_prop_ro("faces", faces, nb::sig("def faces(self) -> list[Face]"), "By falling det_score.")
      .def_ro("quality", &Analysis::quality, "Of the whole image, when asked for.")
      .def_prop_ro("detector", [](const Analysis& self) { return self.models.detector; })
      .def_prop_ro("embedder", [](const Analysis& self) { return self.models.embedder; })
      .def_ro("placement", &Analysis::placement)
      .def_prop_ro("timings_ms", timings, nb::sig("def timings_ms(self) -> dict[str, float]"))
      .def_ro("warnings", &Analysis::warnings)
      .def("draw", draw, nb::arg("image") = nb::none(), nb::arg("colours") = nb::none(),
           nb::sig("def draw(self, image: object = None, colours: str | None = None) -> PIL.Image.Image"),
           "The picture with boxes and landmarks, as a PIL image, which notebooks show. `image` is needed when the\n"
           "analysis no longer knows what it was made from.")
      .def(
          "to_pandas", [](nb::handle self) { return nb::module_::import_("mien.tables").attr("of_analysis")(self); },
          nb::sig("def to_pandas(self) -> pandas.DataFrame"), "A row a face.")
      .def("__len__", [](const Analysis& self) { return self.faces.size(); })
      .def("__repr__", describe_analysis);
  module.def(
      "compare_faces",
      [](const Analysis& a, std::size_t face_a, const Analysis& b, std::size_t face_b) {
        return take(compare_faces(a, face_a, b, face_b));
      },
      nb::arg("a"), nb::arg("face_a"), nb::arg("b"), nb::arg("face_b"),
      "Cosine similarity of two faces, -1..1. ValueError when their embeddings are of different models.");
  module.def(
      "judge_faces",
      [](const Analysis& a, std::size_t face_a, const Analysis& b, std::size_t face_b, float threshold,
         bool compare_anyway) {
        const float similarity = take(compare_faces(a, face_a, b, face_b));
        return std::string(
            verdict_name(judge_pair(a.faces[face_a], b.faces[face_b], similarity, threshold, compare_anyway)));
      },
      nb::arg("a"), nb::arg("face_a"), nb::arg("b"), nb::arg("face_b"), nb::arg("threshold"),
      nb::arg("compare_anyway") = false,
      "What can be said of two faces at this cosine: \"same\", \"different\"; \"not_comparable\" when both are too "
      "poor "
      "to be told from other poor faces, \"cannot_tell\" when one is and the threshold is not reached. With "
      "compare_anyway no face counts as poor.");
}

}  // namespace mien::python
