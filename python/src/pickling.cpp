// Makes results picklable and with that copyable: for pools of processes, queues and caches.
#include "pickling.h"

namespace mien::python {
namespace {

template <typename T>
nb::class_<T> bound_class() {
  return nb::borrow<nb::class_<T>>(nb::type<T>());
}

template <typename T>
nb::object state_of(const T& self) {
  return pickling::pack(self);
}

template <typename T>
void set_state(T& self, nb::handle state) {
  T value;
  pickling::unpack(state, value);
  new (&self) T(std::move(value));
}

constexpr const char* kStateOf = "def __getstate__(self) -> object";
constexpr const char* kSetState = "def __setstate__(self, state: object) -> None";

// Of a class that the module has: what is part of another result alone may have none.
template <typename T>
void make_picklable() {
  if (!nb::type<T>().is_valid()) return;
  bound_class<T>()
      .def("__getstate__", state_of<T>, nb::sig(kStateOf))
      .def("__setstate__", set_state<T>, nb::arg("state"), nb::sig(kSetState));
}

// What draw() shows goes along where it is a path: pixels and bytes would be sent to every other process.
nb::object analysis_state(nb::handle self) {
  const nb::object source = nb::getattr(self, "_source", nb::none());
  const bool is_path = nb::isinstance<nb::str>(source) || nb::hasattr(source, "__fspath__");
  return nb::make_tuple(pickling::pack(*nb::inst_ptr<Analysis>(self)), is_path ? source : nb::none());
}

void set_analysis_state(nb::pointer_and_handle<Analysis> self, const nb::tuple& state) {
  if (state.size() != 2) pickling::refuse_pickle();
  set_state(*self.p, state[0]);
  if (!nb::object(state[1]).is_none()) self.h.attr("_source") = state[1];
}

// A copy knows what the first was made from.
nb::object copy_analysis(nb::handle self) {
  nb::object copy = nb::cast(Analysis(*nb::inst_ptr<Analysis>(self)));
  copy.attr("__dict__").attr("update")(self.attr("__dict__"));
  return copy;
}

}  // namespace

void bind_pickling() {
  make_picklable<PoseAngles>();
  make_picklable<Quality>();
  make_picklable<Face>();
  make_picklable<Placement>();
  make_picklable<Match>();
  make_picklable<Record>();
  make_picklable<ScanProgress>();
  make_picklable<ScanSummary>();
  make_picklable<LeftOut>();
  make_picklable<ModelInfo>();
  make_picklable<ProbedModel>();
  make_picklable<Device>();
  make_picklable<BackendInfo>();
  make_picklable<SettingValue>();
  make_picklable<Settings>();
  make_picklable<AnalyzeOptions>();
  make_picklable<StoredImage>();
  make_picklable<StoredFace>();
  make_picklable<StoredPlace>();
  make_picklable<StoreStatistics>();
  make_picklable<PeopleStatistics>();
  make_picklable<PersonEntry>();
  make_picklable<PersonFace>();
  make_picklable<Statement>();
  make_picklable<PersonOperation>();
  make_picklable<PeopleChange>();
  make_picklable<Suggestion>();
  make_picklable<FoundFace>();
  make_picklable<FoundPhoto>();
  make_picklable<FindResult>();
  make_picklable<ForgottenPerson>();
  make_picklable<ImportSummary>();
  bound_class<Analysis>()
      .def("__getstate__", analysis_state, nb::sig(kStateOf))
      .def("__setstate__", set_analysis_state, nb::arg("state"), nb::sig(kSetState))
      .def("__copy__", copy_analysis, nb::sig("def __copy__(self) -> Analysis"))
      .def(
          "__deepcopy__", [](nb::handle self, nb::handle) { return copy_analysis(self); }, nb::arg("memo"),
          nb::sig("def __deepcopy__(self, memo: object) -> Analysis"));
}

}  // namespace mien::python
