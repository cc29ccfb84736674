// Operations of their own, without models.
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <array>

#include "engine.h"
#include "images.h"

namespace mien::python {
namespace {

// How images are read; the device among it belongs to one process.
using PythonInput = OwnedByProcess<InputOptions>;

nb::bytes to_bytes(const std::vector<std::uint8_t>& bytes) { return nb::bytes(bytes.data(), bytes.size()); }

Landmarks to_landmarks(const std::vector<std::pair<float, float>>& points) {
  Landmarks landmarks;
  if (points.size() != landmarks.size()) throw Exception(ErrorCode::invalid_argument, "a face has five landmarks");
  for (std::size_t i = 0; i < points.size(); ++i) landmarks[i] = {points[i].first, points[i].second};
  return landmarks;
}

nb::tuple enhance(nb::handle image, PythonInput& input) {
  const ImageInput encoded = open_encoded(image, "this call");
  const std::shared_ptr<InputOptions> opened = input.get();
  const EnhancedImage enhanced = without_lock([&] { return take(enhance_image(encoded.encoded, *opened)); });
  return nb::make_tuple(to_bytes(enhanced.bytes), enhanced.scale);
}

nb::bytes crop(nb::handle image, const std::array<float, 4>& box, double margin, PythonInput& input) {
  const ImageInput encoded = open_encoded(image, "this call");
  const std::shared_ptr<InputOptions> opened = input.get();
  const Box bbox{box[0], box[1], box[2], box[3]};
  return to_bytes(without_lock([&] { return take(crop_face(encoded.encoded, bbox, margin, *opened)); }));
}

nb::bytes thumbnail(nb::handle image, int width, int height, PythonInput& input) {
  const ImageInput encoded = open_encoded(image, "this call");
  const std::shared_ptr<InputOptions> opened = input.get();
  return to_bytes(without_lock([&] { return take(create_thumbnail(encoded.encoded, width, height, *opened)); }));
}

std::string phash(nb::handle image, PythonInput& input) {
  const ImageInput encoded = open_encoded(image, "this call");
  const std::shared_ptr<InputOptions> opened = input.get();
  return without_lock([&] { return take(compute_phash(encoded.encoded, *opened)); });
}

// The measures, and width and height of what was measured.
nb::tuple quality(nb::handle image, const std::optional<std::string>& colours,
                  const std::optional<std::array<float, 4>>& bbox,
                  const std::optional<std::vector<std::pair<float, float>>>& landmarks, PythonInput& input) {
  const ImageInput given = open_image(image, colours);
  std::optional<Box> box;
  if (bbox) box = Box{(*bbox)[0], (*bbox)[1], (*bbox)[2], (*bbox)[3]};
  std::optional<Landmarks> points;
  if (landmarks) points = to_landmarks(*landmarks);
  if (!given.is_pixels && (bbox || landmarks)) {
    throw Exception(ErrorCode::invalid_argument, "a box or landmarks need pixels: a numpy array or a PIL image");
  }
  const std::shared_ptr<InputOptions> opened = input.get();
  const ImageQuality measured = without_lock([&] {
    if (!given.is_pixels) return take(assess_quality(given.encoded, *opened));
    return take(assess_quality(given.pixels, box ? &*box : nullptr, points ? &*points : nullptr, *opened));
  });
  return nb::make_tuple(measured.quality, measured.width, measured.height);
}

nb::object align(nb::handle image, const std::string& colours, const std::vector<std::pair<float, float>>& landmarks,
                 int side) {
  const ImageInput input = open_array(image, colours);
  const Landmarks points = to_landmarks(landmarks);
  return to_numpy(without_lock([&] { return take(align_face(input.pixels, points, side)); }));
}

}  // namespace

void bind_operations(nb::module_& module) {
  nb::class_<PythonInput>(module, "Input", "How images are read, and the device that works on them.")
      .def_prop_ro("placement", [](PythonInput& self) { return input_placement(*self.get()); });
  module.def(
      "open_input",
      [](const Settings& settings) {
        return std::make_shared<PythonInput>([settings] {
          return without_lock([&] { return std::make_shared<InputOptions>(open_input({}, false, settings)); });
        });
      },
      nb::arg("settings"), "With the GPU that the settings ask for.");
  module.def(
      "engine_input",
      [](std::shared_ptr<PythonEngine> engine) {
        return std::make_shared<PythonInput>(
            [engine] { return std::make_shared<InputOptions>(engine->get()->engine.input()); });
      },
      nb::arg("engine"), nb::sig("def engine_input(engine: NativeEngine) -> Input"), "As the engine reads images.");
  module.def("enhance_image", enhance, nb::arg("image").none(), nb::arg("input"),
             nb::sig("def enhance_image(image: object, input: Input) -> tuple[bytes, float]"));
  module.def("crop_face", crop, nb::arg("image").none(), nb::arg("bbox"), nb::arg("margin"), nb::arg("input"),
             nb::sig("def crop_face(image: object, bbox: collections.abc.Sequence[float], margin: float, "
                     "input: Input) -> bytes"));
  module.def("create_thumbnail", thumbnail, nb::arg("image").none(), nb::arg("width"), nb::arg("height"),
             nb::arg("input"),
             nb::sig("def create_thumbnail(image: object, width: int, height: int, input: Input) -> bytes"));
  module.def("compute_phash", phash, nb::arg("image").none(), nb::arg("input"),
             nb::sig("def compute_phash(image: object, input: Input) -> str"));
  module.def("assess_quality", quality, nb::arg("image").none(), nb::arg("colours").none(), nb::arg("bbox").none(),
             nb::arg("landmarks").none(), nb::arg("input"),
             nb::sig("def assess_quality(image: object, colours: str | None, bbox: "
                     "collections.abc.Sequence[float] | None, landmarks: "
                     "collections.abc.Sequence[tuple[float, float]] | None, input: Input) -> tuple[Quality, int, int]"),
             "The measures, and width and height of what was measured.");
  module.def("align_face", align, nb::arg("image").none(), nb::arg("colours"), nb::arg("landmarks"), nb::arg("side"),
             nb::sig("def align_face(image: object, colours: str, landmarks: "
                     "collections.abc.Sequence[tuple[float, float]], side: int) -> "
                     "numpy.typing.NDArray[numpy.uint8]"));
}

}  // namespace mien::python
