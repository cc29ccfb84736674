// Store: who is on the photos, and what is said of them.
#include "mien/tools/people.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <span>
#include <variant>

#include "attended.h"
#include "mien/tools/people_import.h"
#include "store.h"

namespace mien::python {
namespace {

// A change of what was said. One that broke off in the middle may have left people in memory who are not those of the
// file any more.
template <typename Say>
auto change(PythonStore& self, Say say) {
  self.require_write();
  return with_turn(self, [&](OpenStore& opened) {
    try {
      return say(opened.people());
    } catch (const Exception& failure) {
      const ErrorCode code = failure.error().code;
      if (code != ErrorCode::invalid_argument && code != ErrorCode::not_found) opened.forget_people();
      throw;
    }
  });
}

// Of two words: who and a name, a face and a name, two people.
template <PeopleChange (People::*kSay)(const std::string&, const std::string&)>
PeopleChange say_two(PythonStore& self, const nb::str& first, const nb::str& second) {
  return change(self, [a = from_path(first), b = from_path(second)](People& people) { return (people.*kSay)(a, b); });
}

template <PeopleChange (People::*kSay)(const std::string&)>
PeopleChange say_one(PythonStore& self, const nb::str& who) {
  return change(self, [a = from_path(who)](People& people) { return (people.*kSay)(a); });
}

std::vector<std::string> from_paths(const std::vector<nb::str>& texts) {
  std::vector<std::string> all;
  for (const nb::str& text : texts) all.push_back(from_path(text));
  return all;
}

// A face as the library takes it, by PHOTO#N or its number; several.
using AnyFace = std::variant<nb::str, FaceId>;
using Faces = std::variant<std::vector<nb::str>, std::vector<FaceId>>;

template <typename... Cases>
struct OneOf : Cases... {
  using Cases::operator()...;
};

template <PeopleChange (People::*kByName)(const std::string&, const std::string&),
          PeopleChange (People::*kByNumber)(FaceId, const std::string&)>
PeopleChange say_of_face(PythonStore& self, const AnyFace& face, const nb::str& name) {
  return std::visit(OneOf{[&](const nb::str& typed) { return say_two<kByName>(self, typed, name); },
                          [&](FaceId id) {
                            return change(
                                self, [id, a = from_path(name)](People& people) { return (people.*kByNumber)(id, a); });
                          }},
                    face);
}

// Calls `say` with names, or with numbers.
template <typename Say>
PeopleChange say_of_faces(PythonStore& self, const Faces& faces, Say say) {
  return std::visit(
      OneOf{[&](const std::vector<nb::str>& typed) {
              return change(self, [&, all = from_paths(typed)](People& people) { return say(people, all); });
            },
            [&](const std::vector<FaceId>& ids) {
              return change(self, [&](People& people) { return say(people, std::span<const FaceId>(ids)); });
            }},
      faces);
}

PeopleChange split(PythonStore& self, const nb::str& who, const Faces& faces) {
  return say_of_faces(self, faces,
                      [a = from_path(who)](People& people, const auto& all) { return people.split(a, all); });
}

PeopleChange not_a_face(PythonStore& self, const Faces& faces) {
  return say_of_faces(self, faces, [](People& people, const auto& all) { return people.not_a_face(all); });
}

PeopleChange page(PythonStore& self, const std::variant<nb::str, ImageId>& which) {
  return std::visit(OneOf{[&](const nb::str& path) { return say_one<&People::page>(self, path); },
                          [&](ImageId id) { return change(self, [id](People& people) { return people.page(id); }); }},
                    which);
}

FindResult find(PythonStore& self, const std::vector<nb::str>& names,
                const std::vector<std::pair<nb::str, nb::object>>& photos, bool all,
                const std::vector<nb::str>& without, const std::string& since, const nb::str& folder,
                std::optional<float> threshold) {
  FindOptions options;
  options.names = from_paths(names);
  for (const auto& [name, analysis] : photos) {
    options.photos.emplace_back(from_path(name), nb::cast<const Analysis*>(analysis));
  }
  options.all = all;
  options.without = from_paths(without);
  options.since = since;
  options.folder = from_path(folder);
  options.threshold = threshold;
  return with_people(self, [&](const People& people) { return people.find_photos(options); });
}

ImportSummary import_from(PythonStore& self, const std::vector<nb::str>& sources, bool sandbox,
                          const nb::object& on_progress, const nb::object& stop) {
  self.require_write();
  const std::shared_ptr<OpenStore> opened = self.get();
  ImportOptions options;
  options.sources = from_paths(sources);
  options.threads = opened->threads();
  options.input = without_lock([&] { return open_input({}, sandbox, opened->settings()); });
  using Progress = std::pair<std::int64_t, std::int64_t>;
  using Importing = Attended<ImportSummary, Progress>;
  const auto work = [opened, options](const Importing::Report& report, const std::stop_token& token) {
    const OpenStore::Turn turn = opened->take_turn();
    try {
      const ImportSummary summary = import_names(
          opened->store(), opened->people(), options,
          [&](std::int64_t done, std::int64_t all) {
            report({done, all});
          },
          token);
      if (summary.stated > 0) opened->forget_people();
      return summary;
    } catch (...) {
      opened->forget_people();
      throw;
    }
  };
  return attend<ImportSummary, Progress>(work, on_progress, stop);
}

void bind_looking(nb::class_<PythonStore>& store) {
  store
      .def(
          "people",
          [](PythonStore& self, bool with_hidden, int faces_min) {
            return with_people(self, [&](const People& people) { return people.list(with_hidden, faces_min); });
          },
          nb::arg("with_hidden"), nb::arg("faces_min"))
      .def(
          "person",
          [](PythonStore& self, const nb::str& who) {
            return with_people(self, [a = from_path(who)](const People& people) { return people.find(a); });
          },
          nb::arg("who"))
      .def(
          "faces",
          [](PythonStore& self, const nb::str& who) {
            return with_people(self,
                               [a = from_path(who)](const People& people) { return people.faces(people.find(a)); });
          },
          nb::arg("who"))
      .def(
          "face",
          [](PythonStore& self, FaceId id) {
            return with_people(self, [&](const People& people) { return people.face(id); });
          },
          nb::arg("id"))
      .def(
          "find_face",
          [](PythonStore& self, const nb::str& face) {
            return with_people(
                self, [a = from_path(face)](const People& people) { return people.face(people.find_face(a)); });
          },
          nb::arg("photo_and_number"))
      .def(
          "people_statistics",
          [](PythonStore& self) { return with_people(self, [](const People& people) { return people.statistics(); }); })
      .def("history",
           [](PythonStore& self) { return with_people(self, [](const People& people) { return people.history(); }); })
      .def(
          "suggest",
          [](PythonStore& self, int count_max) {
            return with_people(self, [&](const People& people) { return people.suggest(count_max); });
          },
          nb::arg("count_max"))
      .def(
          "is_open",
          [](PythonStore& self, const Suggestion& question) {
            return with_people(self, [&](const People& people) { return people.is_open(question); });
          },
          nb::arg("suggestion"))
      .def("find", find, nb::arg("names"), nb::arg("photos"), nb::kw_only(), nb::arg("all"), nb::arg("without"),
           nb::arg("since"), nb::arg("folder"), nb::arg("threshold").none());
}

void bind_saying(nb::class_<PythonStore>& store) {
  store.def("name", say_two<&People::name>, nb::arg("who"), nb::arg("name"))
      .def("is_person", say_of_face<&People::is, &People::is>, nb::arg("face"), nb::arg("name"))
      .def("is_not", say_of_face<&People::is_not, &People::is_not>, nb::arg("face"), nb::arg("name"))
      .def("merge", say_two<&People::merge>, nb::arg("who"), nb::arg("other"))
      .def("split", split, nb::arg("who"), nb::arg("faces"))
      .def("hide", say_one<&People::hide>, nb::arg("who"))
      .def("stranger", say_one<&People::stranger>, nb::arg("who"))
      .def("not_a_face", not_a_face, nb::arg("faces"))
      .def("page", page, nb::arg("which"))
      .def(
          "undo",
          [](PythonStore& self, std::optional<OperationId> number) {
            return change(self, [&](People& people) { return people.undo(number); });
          },
          nb::arg("number").none())
      .def(
          "answer",
          [](PythonStore& self, const Suggestion& question, bool yes) {
            return change(self, [&](People& people) { return people.answer(question, yes); });
          },
          nb::arg("suggestion"), nb::arg("yes"))
      .def(
          "forget",
          [](PythonStore& self, const nb::str& who) {
            return change(self, [a = from_path(who)](People& people) { return people.forget(a); });
          },
          nb::arg("who"))
      .def("import_names", import_from, nb::arg("sources"), nb::kw_only(), nb::arg("sandbox"),
           nb::arg("on_progress").none(), nb::arg("stop").none());
}

}  // namespace

void bind_people(nb::class_<PythonStore>& store) {
  bind_looking(store);
  bind_saying(store);
}

}  // namespace mien::python
