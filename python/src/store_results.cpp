// What mien.Store says of photos, faces and the file.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "store.h"

namespace mien::python {
namespace {

void bind_stored_image(nb::module_& module) {
  nb::class_<StoredImage>(module, "StoredImage", "A photo's content, which may lie under several paths.")
      .def_ro("id", &StoredImage::id)
      .def_ro("sha256", &StoredImage::sha256, "Of the file's bytes, 64 hex digits.")
      .def_ro("width", &StoredImage::width, "Pixels of the upright image.")
      .def_ro("height", &StoredImage::height)
      .def_ro("phash", &StoredImage::phash, "16 hex digits.")
      .def_prop_ro("taken", text_or_none(&StoredImage::taken), nb::sig("def taken(self) -> str | None"),
                   "\"2019-07-04T12:30:00\"; None: the photo does not say.")
      .def_prop_ro(
          "paths", [](const StoredImage& self) { return to_paths(self.paths); },
          nb::sig("def paths(self) -> list[str]"), "Absolute, those that are there.")
      .def_ro("is_gone", &StoredImage::is_gone, "No path of it is there any more.")
      .def("__repr__", [](const StoredImage& self) {
        const nb::object first = self.paths.empty() ? nb::none() : to_path(self.paths.front());
        return nb::str("StoredImage(id={}, {}x{}, {!r})").format(self.id, self.width, self.height, first);
      });
}

void bind_stored_face(nb::module_& module) {
  nb::class_<StoredFace>(module, "StoredFace", "A face as it was found.")
      .def_ro("id", &StoredFace::id, "Never used again: smaller is older.")
      .def_ro("key", &StoredFace::key, "63 bits of a hash of content and box: the same in every store.")
      .def_ro("image", &StoredFace::image, "The id of its image.")
      .def_ro("number", &StoredFace::number, "N of PHOTO#N: its place by falling det_score, from 0.")
      .def_prop_ro(
          "bbox", [](const StoredFace& self) { return to_tuple(self.bbox); },
          nb::sig("def bbox(self) -> tuple[float, float, float, float]"),
          "x1, y1, x2, y2: pixels of the upright image.")
      .def_ro("det_score", &StoredFace::det_score, "0..1.")
      .def_ro("recognition_quality", &StoredFace::recognition_quality, "0..1, None: not measured.")
      .def_prop_ro(
          "poor_reason",
          [](const StoredFace& self) {
            return self.poor_reason ? std::optional<std::string_view>(poor_reason_name(*self.poor_reason))
                                    : std::nullopt;
          },
          nb::sig("def poor_reason(self) -> str | None"), "As Face.poor_reason.")
      .def("__repr__", [](const StoredFace& self) {
        return "StoredFace(id=" + std::to_string(self.id) + ", image=" + std::to_string(self.image) +
               ", number=" + std::to_string(self.number) + ")";
      });
}

void bind_stored_place(nb::module_& module) {
  nb::class_<StoredPlace>(module, "StoredPlace", "What lies in the store for one path.")
      .def_prop_ro(
          "source", [](const StoredPlace& self) { return to_path(self.source); }, nb::sig("def source(self) -> str"),
          "Absolute: the folder or file that was indexed.")
      .def_prop_ro(
          "path", [](const StoredPlace& self) { return to_path(self.path); }, nb::sig("def path(self) -> str"),
          "Absolute.")
      .def_ro("size_bytes", &StoredPlace::size_bytes)
      .def_ro("mtime_ns", &StoredPlace::mtime_ns)
      .def_prop_ro("sha256", text_or_none(&StoredPlace::sha256), nb::sig("def sha256(self) -> str | None"),
                   "None: it could not be read.")
      .def_ro("is_gone", &StoredPlace::is_gone)
      .def_prop_ro("error", text_or_none(&StoredPlace::error), nb::sig("def error(self) -> str | None"),
                   "The code of the reason why it could not be read, as Error.code.")
      .def("__repr__", [](const StoredPlace& self) {
        return nb::str("StoredPlace({!r}, {})")
            .format(to_path(self.path),
                    self.error.empty() ? nb::str(self.is_gone ? "gone" : "read") : nb::str(self.error.c_str()));
      });
}

void bind_statistics(nb::module_& module) {
  nb::class_<StoreStatistics>(module, "StoreStatistics", "How much lies in a store.")
      .def_ro("images", &StoreStatistics::images, "Contents.")
      .def_ro("paths", &StoreStatistics::paths, "That are there.")
      .def_ro("gone", &StoreStatistics::gone, "Paths that are not there any more.")
      .def_ro("failed", &StoreStatistics::failed, "Paths whose image could not be read.")
      .def_ro("faces", &StoreStatistics::faces)
      .def_ro("vectors", &StoreStatistics::vectors, "Of the first embedder.")
      .def_ro("bytes", &StoreStatistics::bytes, "Of the file and its WAL.")
      .def("__repr__", [](const StoreStatistics& self) {
        return "StoreStatistics(images=" + std::to_string(self.images) + ", faces=" + std::to_string(self.faces) +
               ", vectors=" + std::to_string(self.vectors) + ", failed=" + std::to_string(self.failed) + ")";
      });
  nb::class_<PeopleStatistics>(module, "PeopleStatistics", "Whose the faces of a store are.")
      .def_ro("faces", &PeopleStatistics::faces)
      .def_ro("in_people", &PeopleStatistics::in_people, "Of persons.")
      .def_ro("in_groups", &PeopleStatistics::in_groups, "In groups that nobody said anything of.")
      .def_ro("poor", &PeopleStatistics::poor, "Too poor to be in a group.")
      .def_ro("not_faces", &PeopleStatistics::not_faces, "Were said to be none.")
      .def_ro("without_vector", &PeopleStatistics::without_vector)
      .def_ro("statements", &PeopleStatistics::statements)
      .def_ro("without_face", &PeopleStatistics::without_face, "Statements about faces that are not here.")
      .def("__repr__", [](const PeopleStatistics& self) {
        return "PeopleStatistics(faces=" + std::to_string(self.faces) +
               ", in_people=" + std::to_string(self.in_people) + ", in_groups=" + std::to_string(self.in_groups) + ")";
      });
}

}  // namespace

void bind_store_results(nb::module_& module) {
  bind_stored_image(module);
  bind_stored_face(module);
  bind_stored_place(module);
  bind_statistics(module);
}

}  // namespace mien::python
