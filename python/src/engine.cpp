// Engine: analyse one image, several, or faces that are aligned already.
#include "engine.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "images.h"

namespace mien::python {
namespace {

Detail detail_from_name(const std::string& name) {
  if (const std::optional<Detail> detail = find_detail(name)) return *detail;
  throw Exception(ErrorCode::invalid_argument, "detail='" + name + "' is not known: use 'auto', 'off', 'full'");
}

Precision precision_from_name(const std::string& name) {
  if (name == "default") return Precision::standard;
  if (name == "exact") return Precision::exact;
  if (name == "fast") return Precision::fast;
  throw Exception(ErrorCode::invalid_argument, "precision='" + name + "' is not known: use 'default', 'exact', 'fast'");
}

std::shared_ptr<PythonEngine> open_engine(const Settings& settings, const nb::str& detector, const nb::str& embedder,
                                          const std::string& precision, bool load_embedder,
                                          std::optional<float> det_threshold,
                                          const std::vector<std::pair<int, int>>& exact_sizes, bool sandbox) {
  EngineOptions options;
  options.detector = from_path(detector);
  options.embedder = from_path(embedder);
  options.precision = precision_from_name(precision);
  options.load_embedder = load_embedder;
  options.det_threshold = det_threshold;
  for (const auto& [width, height] : exact_sizes) options.exact_sizes.push_back({width, height});
  options.sandbox = sandbox;
  options.settings = settings;
  // Nobody knows how many images a program will hand in. Where no GPU is asked for, equal calls keep equal runtimes.
  options.many_images = settings.wants_gpu();
  return std::make_shared<PythonEngine>(
      [options] { return without_lock([&] { return std::make_shared<OpenEngine>(options); }); });
}

Analysis analyze(PythonEngine& self, nb::handle image, const std::optional<std::string>& colours,
                 const AnalyzeOptions& options) {
  const ImageInput input = open_image(image, colours);
  const std::shared_ptr<OpenEngine> opened = self.get();
  return without_lock([&] {
    Workspace workspace = opened->workspaces.take();
    Result<Analysis> result = input.is_pixels ? opened->engine.analyze_pixels(input.pixels, options, workspace)
                                              : opened->engine.analyze(input.encoded, options, workspace);
    opened->workspaces.put_back(std::move(workspace));
    return take(std::move(result));
  });
}

// One Analysis or one exception an image, in order.
// An image that cannot be read is the exception in its place, like one that cannot be decoded.
nb::list analyze_batch(PythonEngine& self, const nb::list& images, const AnalyzeOptions& options) {
  std::vector<ImageInput> inputs;
  std::vector<Bytes> encoded;
  std::vector<nb::object> failures;  // null where there is an input
  for (const nb::handle image : images) {
    failures.emplace_back();
    try {
      inputs.push_back(open_encoded(image, "a batch"));
    } catch (const nb::python_error& error) {
      if (!error.matches(PyExc_Exception)) throw;
      failures.back() = nb::borrow(error.value());
      continue;
    } catch (const Exception& error) {
      failures.back() = make_exception(error.error());
      continue;
    }
    encoded.push_back(inputs.back().encoded);
  }
  const std::shared_ptr<OpenEngine> opened = self.get();
  std::vector<Result<Analysis>> results = without_lock([&] {
    Workspace workspace = opened->workspaces.take();
    std::vector<Result<Analysis>> all = opened->engine.analyze_batch(encoded, options, workspace);
    opened->workspaces.put_back(std::move(workspace));
    return all;
  });
  nb::list answer;
  std::size_t next = 0;
  for (const nb::object& failure : failures) {
    if (failure.is_valid()) {
      answer.append(failure);
      continue;
    }
    Result<Analysis>& result = results[next++];
    answer.append(result ? nb::cast(std::move(*result)) : make_exception(result.error()));
  }
  return answer;
}

nb::list embed_aligned(PythonEngine& self, const nb::list& faces, const std::string& colours) {
  std::vector<ImageInput> inputs;
  std::vector<PixelView> pixels;
  for (const nb::handle face : faces) {
    inputs.push_back(open_array(face, colours));
    pixels.push_back(inputs.back().pixels);
  }
  const std::shared_ptr<OpenEngine> opened = self.get();
  std::vector<std::vector<float>> embeddings = without_lock([&] { return take(opened->engine.embed_aligned(pixels)); });
  nb::list answer;
  for (std::vector<float>& embedding : embeddings) answer.append(to_numpy(std::move(embedding)));
  return answer;
}

void init_options(AnalyzeOptions* self, bool embed, bool face_quality, bool image_quality, bool phash, bool enhance,
                  bool rotations, double min_quality, double min_face, const std::string& detail,
                  std::optional<float> det_threshold) {
  new (self) AnalyzeOptions;
  self->embed = embed;
  self->face_quality = face_quality;
  self->image_quality = image_quality;
  self->phash = phash;
  self->enhance = enhance;
  self->rotations = rotations;
  self->min_quality = min_quality;
  self->min_face = min_face;
  self->detail = detail_from_name(detail);
  self->det_threshold = det_threshold;
}

std::optional<ModelInfo> embedder_of(PythonEngine& self) {
  const ModelInfo* const info = self.get()->engine.embedder();
  return info != nullptr ? std::optional<ModelInfo>(*info) : std::nullopt;
}

nb::str describe(PythonEngine& self) {
  const Engine& engine = self.get()->engine;
  const ModelInfo* const embedder = engine.embedder();
  return nb::str("Engine(detector={!r}, embedder={!r}, {})")
      .format(to_path(engine.detector().name), embedder != nullptr ? to_path(embedder->name) : nb::none(),
              engine.runtime());
}

}  // namespace

void bind_engine(nb::module_& module) {
  nb::class_<AnalyzeOptions>(module, "AnalyzeOptions", "What is done with an image.")
      .def("__init__", init_options, nb::kw_only(), nb::arg("embed") = true, nb::arg("face_quality") = true,
           nb::arg("image_quality") = false, nb::arg("phash") = false, nb::arg("enhance") = false,
           nb::arg("rotations") = false, nb::arg("min_quality") = 0.0, nb::arg("min_face") = 0.0,
           nb::arg("detail") = "auto", nb::arg("det_threshold") = nb::none())
      .def_rw("embed", &AnalyzeOptions::embed)
      .def_rw("face_quality", &AnalyzeOptions::face_quality)
      .def_rw("image_quality", &AnalyzeOptions::image_quality)
      .def_rw("phash", &AnalyzeOptions::phash)
      .def_rw("enhance", &AnalyzeOptions::enhance)
      .def_rw("rotations", &AnalyzeOptions::rotations)
      .def_rw("min_quality", &AnalyzeOptions::min_quality)
      .def_rw("min_face", &AnalyzeOptions::min_face)
      .def_rw("det_threshold", &AnalyzeOptions::det_threshold, nb::arg("threshold").none())
      .def_prop_rw(
          "detail", [](const AnalyzeOptions& self) { return std::string(detail_name(self.detail)); },
          [](AnalyzeOptions& self, const std::string& name) { self.detail = detail_from_name(name); });
  nb::class_<PythonEngine>(module, "NativeEngine", "What mien.Engine is made of. Any thread may call it.")
      .def("analyze", analyze, nb::arg("image").none(), nb::arg("colours").none(), nb::arg("options"),
           nb::sig("def analyze(self, image: object, colours: str | None, options: AnalyzeOptions) -> "
                   "Analysis"))
      .def("analyze_batch", analyze_batch, nb::arg("images"), nb::arg("options"),
           nb::sig("def analyze_batch(self, images: list[object], options: AnalyzeOptions) -> "
                   "list[Analysis | Exception]"))
      .def("embed_aligned", embed_aligned, nb::arg("faces"), nb::arg("colours"),
           nb::sig("def embed_aligned(self, faces: list[object], colours: str) -> "
                   "list[numpy.typing.NDArray[numpy.float32]]"))
      .def_prop_ro("detector", [](PythonEngine& self) { return self.get()->engine.detector(); })
      .def_prop_ro("embedder", embedder_of)
      .def_prop_ro("runtime", [](PythonEngine& self) { return self.get()->engine.runtime(); })
      .def_prop_ro("batch_max", [](PythonEngine& self) { return self.get()->engine.batch_max(); })
      .def("__repr__", describe);
  module.def("open_engine", open_engine, nb::arg("settings"), nb::kw_only(), nb::arg("detector") = "",
             nb::arg("embedder") = "", nb::arg("precision") = "default", nb::arg("load_embedder") = true,
             nb::arg("det_threshold") = nb::none(), nb::arg("exact_sizes") = std::vector<std::pair<int, int>>{},
             nb::arg("sandbox") = false, "Loads the runtime and the models.");
}

}  // namespace mien::python
