// What mien.Store says of people.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "mien/tools/people_import.h"
#include "store.h"

namespace mien::python {
namespace {

// What shows pictures knows the store that it came from: set by mien/store.py.
constexpr const char* kStore = "_store";

template <typename T, typename Part>
auto part_with_store(Part T::*part) {
  return [part](nb::pointer_and_handle<T> self) {
    nb::object result = nb::cast(&(self.p->*part), nb::rv_policy::reference_internal, self.h);
    result.attr(kStore) = nb::getattr(self.h, kStore, nb::none());
    return result;
  };
}

template <typename T>
std::string counted(const T& self) {
  return std::to_string(self.faces) + (self.faces == 1 ? " face" : " faces");
}

nb::object pictures() { return nb::module_::import_("mien.pictures"); }

void bind_person(nb::module_& module) {
  nb::class_<PersonEntry>(module, "Person", nb::dynamic_attr(),
                          "A person, or a group of faces that are one person and that nobody said anything of.")
      .def_prop_ro("id", id_or_none(&PersonEntry::id), nb::sig("def id(self) -> int | None"),
                   "Its oldest face's; None: a person without a face here.")
      .def_prop_ro("person", id_or_none(&PersonEntry::person), nb::sig("def person(self) -> int | None"),
                   "None: nobody said who it is.")
      .def_prop_ro("name", text_or_none(&PersonEntry::name), nb::sig("def name(self) -> str | None"))
      .def_ro("is_hidden", &PersonEntry::is_hidden)
      .def_ro("is_stranger", &PersonEntry::is_stranger, "Whom nobody wants to see.")
      .def_ro("is_imported", &PersonEntry::is_imported, "The name stood in a file, nobody here said it.")
      .def_ro("faces", &PersonEntry::faces, "How many.")
      .def_ro("images", &PersonEntry::images, "How many photos, by content.")
      .def_ro("new_faces", &PersonEntry::new_faces, "Of a person: how many joined by similarity alone.")
      .def_ro("members", &PersonEntry::members, "The ids of the faces.")
      .def_ro("groups", &PersonEntry::groups, "The ids of the groups.")
      .def(
          "draw", [](nb::handle self, int count_max) { return pictures().attr("draw_person")(self, count_max); },
          nb::arg("count_max") = 60, nb::sig("def draw(self, count_max: int = 60) -> PIL.Image.Image"),
          "The faces as one picture, as many as asked for, those least like the others last. Needs Pillow.")
      .def(
          "_repr_html_", [](nb::handle self) { return pictures().attr("show_person")(self); },
          nb::sig("def _repr_html_(self) -> str"), "The faces, for notebooks.")
      .def("__repr__", [](const PersonEntry& self) {
        return nb::str("Person(id={}, name={!r}, {})")
            .format(self.id, self.name.empty() ? nb::none() : to_text(self.name), counted(self));
      });
}

void bind_person_face(nb::module_& module) {
  nb::class_<PersonFace>(module, "PersonFace", nb::dynamic_attr(), "A face of a person or a group.")
      .def_ro("id", &PersonFace::id)
      .def_prop_ro("group", id_or_none(&PersonFace::group), nb::sig("def group(self) -> int | None"))
      .def_ro("image", &PersonFace::image, "The photo: Store.image().")
      .def_prop_ro("person", id_or_none(&PersonFace::person), nb::sig("def person(self) -> int | None"),
                   "Whose it is now; None: of a group that nobody named, or of none.")
      .def_prop_ro("source", path_or_none(&PersonFace::source), nb::sig("def source(self) -> str | None"),
                   "A path of the photo; None: it is gone.")
      .def_prop_ro(
          "copies", [](const PersonFace& self) { return to_paths(self.copies); },
          nb::sig("def copies(self) -> list[str]"), "Other paths of the same content.")
      .def_ro("number", &PersonFace::number, "N of PHOTO#N.")
      .def_prop_ro(
          "bbox", [](const PersonFace& self) { return to_tuple(self.bbox); },
          nb::sig("def bbox(self) -> tuple[float, float, float, float]"),
          "x1, y1, x2, y2: pixels of the upright image.")
      .def_prop_ro("taken", text_or_none(&PersonFace::taken), nb::sig("def taken(self) -> str | None"))
      .def_prop_ro(
          "state", [](const PersonFace& self) { return face_state_name(self.state); },
          nb::sig("def state(self) -> str"),
          "How it came to its person: \"found\" (by similarity), \"named\" (with its group), \"imported\" or "
          "\"confirmed\".")
      .def_ro("similarity", &PersonFace::similarity,
              "Mean cosine to the person's other faces, -1..1; None: it has no others, or no vector.")
      .def_prop_ro(
          "poor_reason",
          [](const PersonFace& self) -> std::optional<std::string> {
            if (!self.poor_reason) return std::nullopt;
            return std::string(poor_reason_name(*self.poor_reason));
          },
          nb::sig("def poor_reason(self) -> str | None"), "As Face.poor_reason.")
      .def(
          "_repr_html_", [](nb::handle self) { return pictures().attr("show_face")(self); },
          nb::sig("def _repr_html_(self) -> str"), "The face, for notebooks.")
      .def("__repr__", [](const PersonFace& self) {
        if (self.source.empty()) return nb::str("PersonFace(id={}, gone)").format(self.id);
        return nb::str("PersonFace(id={}, {!r})")
            .format(self.id, nb::str("{}#{}").format(to_path(self.source), self.number));
      });
}

void bind_operation(nb::module_& module) {
  nb::class_<Statement>(module, "Statement", "What was said of one face.")
      .def_prop_ro(
          "sha256", [](const Statement& self) { return self.place.sha256; }, "Of the image, 64 hex digits.")
      .def_prop_ro(
          "bbox", [](const Statement& self) { return to_tuple(self.place.bbox); },
          nb::sig("def bbox(self) -> tuple[float, float, float, float]"))
      .def_prop_ro(
          "kind", [](const Statement& self) { return verdict_kind_name(self.kind); }, nb::sig("def kind(self) -> str"),
          "\"is\", \"is_not\", \"named\", \"imported\", \"not_a_face\", \"apart\" or \"rest\".")
      .def_prop_ro("person", id_or_none(&Statement::person), nb::sig("def person(self) -> int | None"))
      .def("__repr__", [](const Statement& self) {
        return nb::str("Statement({!r}, person={})")
            .format(verdict_kind_name(self.kind), id_or_none(&Statement::person)(self));
      });
  nb::class_<PersonOperation>(module, "Operation", "One thing that was said, which can be undone by its number.")
      .def_ro("number", &PersonOperation::id)
      .def_prop_ro(
          "kind", [](const PersonOperation& self) { return operation_name(self.kind); },
          nb::sig("def kind(self) -> str"),
          "\"name\", \"is\", \"not_person\", \"merge\", ... as in `mien people undo --list`.")
      .def_ro("time", &PersonOperation::time, "UTC, \"2026-11-30T06:30:00Z\".")
      .def_prop_ro("person", id_or_none(&PersonOperation::person), nb::sig("def person(self) -> int | None"))
      .def_prop_ro("other", id_or_none(&PersonOperation::other), nb::sig("def other(self) -> int | None"))
      .def_prop_ro("name", text_or_none(&PersonOperation::text), nb::sig("def name(self) -> str | None"),
                   "That was given; of an import where it came from.")
      .def_ro("statements", &PersonOperation::statements)
      .def_ro("is_undone", &PersonOperation::is_undone)
      .def("__repr__", [](const PersonOperation& self) {
        return nb::str("Operation(number={}, kind={!r}, name={!r})")
            .format(self.id, operation_name(self.kind), self.text.empty() ? nb::none() : to_text(self.text));
      });
  nb::class_<PeopleChange>(module, "PeopleChange", "What a change did.")
      .def_prop_ro("operation", id_or_none(&PeopleChange::operation), nb::sig("def operation(self) -> int | None"),
                   "For undo; None: it was so already.")
      .def_prop_ro("person", id_or_none(&PeopleChange::person), nb::sig("def person(self) -> int | None"))
      .def_prop_ro("name", text_or_none(&PeopleChange::name), nb::sig("def name(self) -> str | None"))
      .def_ro("faces", &PeopleChange::faces, "That something was said of.")
      .def_ro("left_out", &PeopleChange::left_out,
              "Of a group that was named: faces that are not the person's, since the photo shows the person already or "
              "the opposite was said.")
      .def("__repr__", [](const PeopleChange& self) {
        return nb::str("PeopleChange(operation={}, name={!r}, {})")
            .format(id_or_none(&PeopleChange::operation)(self), text_or_none(&PeopleChange::name)(self), counted(self));
      });
}

void bind_suggestion(nb::module_& module) {
  nb::class_<Suggestion>(module, "Suggestion", nb::dynamic_attr(), "A question whether two are one person.")
      .def_prop_ro(
          "kind", [](const Suggestion& self) { return self.kind == Suggestion::Kind::member ? "member" : "merge"; },
          nb::sig("def kind(self) -> str"),
          "\"merge\": are these one? \"member\": a face that was named with its group is not like the person's others: "
          "is it the person?")
      .def_prop_ro("person", part_with_store(&Suggestion::person), nb::sig("def person(self) -> Person"),
                   "The larger one, or the one with a name.")
      .def_prop_ro("other", part_with_store(&Suggestion::other), nb::sig("def other(self) -> Person"),
                   "Of \"member\": the face alone.")
      .def_ro("similarity", &Suggestion::similarity, "Mean cosine of all pairs.")
      .def_prop_ro("face", part_with_store(&Suggestion::face), nb::sig("def face(self) -> PersonFace"),
                   "Of the pair that is the most similar.")
      .def_prop_ro("other_face", part_with_store(&Suggestion::other_face),
                   nb::sig("def other_face(self) -> PersonFace"))
      .def_ro("face_similarity", &Suggestion::face_similarity, "Their cosine.")
      .def(
          "_repr_html_", [](nb::handle self) { return pictures().attr("show_suggestion")(self); },
          nb::sig("def _repr_html_(self) -> str"), "The question and the two faces, for notebooks.")
      .def("__repr__", [](nb::handle self) {
        return nb::str("Suggestion({!r}, {!r}, {!r}, similarity={:.3f})")
            .format(self.attr("kind"), self.attr("person"), self.attr("other"), self.attr("similarity"));
      });
}

void bind_found(nb::module_& module) {
  nb::class_<FoundFace>(module, "FoundFace", "A face that was looked for.")
      .def_ro("id", &FoundFace::face)
      .def_ro("number", &FoundFace::number, "N of PHOTO#N.")
      .def_prop_ro(
          "name", [](const FoundFace& self) { return to_path(self.name); }, nb::sig("def name(self) -> str"),
          "Whom, or which photo, it was found for.")
      .def_ro("similarity", &FoundFace::similarity, "The cosine, of one that was found for a photo; else None.")
      .def("__repr__", [](const FoundFace& self) {
        return nb::str("FoundFace(id={}, name={!r})").format(self.face, to_path(self.name));
      });
  nb::class_<FoundPhoto>(module, "FoundPhoto", "A photo that shows who was looked for.")
      .def_prop_ro(
          "source", [](const FoundPhoto& self) { return to_path(self.source); }, nb::sig("def source(self) -> str"))
      .def_prop_ro(
          "copies", [](const FoundPhoto& self) { return to_paths(self.copies); },
          nb::sig("def copies(self) -> list[str]"), "Other paths of it, and photos that look the same.")
      .def_prop_ro("taken", text_or_none(&FoundPhoto::taken), nb::sig("def taken(self) -> str | None"))
      .def_ro("faces", &FoundPhoto::faces)
      .def("__repr__", [](const FoundPhoto& self) { return nb::str("FoundPhoto({!r})").format(to_path(self.source)); });
  nb::class_<FindResult>(module, "FindResult", "The photos that show who was looked for.")
      .def_ro("photos", &FindResult::photos, "The best first, then by the time they were taken and by path.")
      .def_ro("without_date", &FindResult::without_date, "Left out by `since`: it is not known when they were taken.")
      .def_ro("compared", &FindResult::compared, "Faces, where a photo was looked for.")
      .def_ro("threshold", &FindResult::threshold, "The cosine from which on a face was a match.")
      .def_ro("expected_false_matches", &FindResult::expected_false_matches,
              "Among them; 0: not known, or no photo was looked for.")
      .def_prop_ro(
          "notes", [](const FindResult& self) { return to_texts(self.notes); }, nb::sig("def notes(self) -> list[str]"))
      .def("__len__", [](const FindResult& self) { return self.photos.size(); })
      .def("__repr__",
           [](const FindResult& self) { return "FindResult(photos=" + std::to_string(self.photos.size()) + ")"; });
}

void bind_summaries(nb::module_& module) {
  nb::class_<ForgottenPerson>(module, "ForgottenPerson", "What was removed for good.")
      .def_ro("verdicts", &ForgottenPerson::verdicts)
      .def_ro("faces", &ForgottenPerson::faces)
      .def_ro("vectors", &ForgottenPerson::vectors)
      .def_prop_ro(
          "places",
          [](const ForgottenPerson& self) {
            nb::list all;
            for (const FacePlace& place : self.places) all.append(nb::make_tuple(place.sha256, to_tuple(place.bbox)));
            return all;
          },
          nb::sig("def places(self) -> list[tuple[str, tuple[float, float, float, float]]]"),
          "Image (SHA-256) and box of faces that a later index does not embed.")
      .def("__repr__", [](const ForgottenPerson& self) { return "ForgottenPerson(" + counted(self) + ")"; });
  nb::class_<ImportSummary>(module, "ImportSummary", "What an import of names found.")
      .def_ro("photos", &ImportSummary::photos, "That were looked at.")
      .def_ro("with_names", &ImportSummary::with_names, "Of them: with a region that has a name.")
      .def_ro("sidecars", &ImportSummary::sidecars, "Files beside photos that were read.")
      .def_ro("regions", &ImportSummary::regions, "With a name.")
      .def_ro("stated", &ImportSummary::stated, "A face now bears this name, which it did not before.")
      .def_ro("known", &ImportSummary::known, "Said by an earlier import already.")
      .def_ro("no_face", &ImportSummary::no_face, "The store has no face there.")
      .def_ro("unusable", &ImportSummary::unusable, "Without a place in the picture, or with a name that is none.")
      .def_ro("persons", &ImportSummary::persons, "Names.")
      .def_ro("failed", &ImportSummary::failed, "Photos and sidecars that could not be read.")
      .def_ro("interrupted", &ImportSummary::interrupted, "Then nothing was said.")
      .def_prop_ro(
          "notes", [](const ImportSummary& self) { return to_texts(self.notes); },
          nb::sig("def notes(self) -> list[str]"))
      .def("__repr__", [](const ImportSummary& self) {
        return "ImportSummary(regions=" + std::to_string(self.regions) + ", stated=" + std::to_string(self.stated) +
               ", persons=" + std::to_string(self.persons) + ")";
      });
}

}  // namespace

void bind_people_results(nb::module_& module) {
  bind_person(module);
  bind_person_face(module);
  bind_operation(module);
  bind_suggestion(module);
  bind_found(module);
  bind_summaries(module);
}

}  // namespace mien::python
