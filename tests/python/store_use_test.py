"""mien.Store among other programs, threads and processes; an index; and what every wrong call is told."""

import copy
import os
import pathlib
import pickle
import shutil
import sqlite3
import tempfile
import threading
import time

import pytest

import mien
from conftest import DEPS, run
from pickle_test import facts
from store_scene import MadeUp, asked, command, exported, held, largest

pytestmark = pytest.mark.skipif(not os.environ.get("MIEN_BINARY"), reason="no program mien: MIEN_BINARY names it")


# ---- Others


def test_what_others_change_is_seen(made_up, store):
    person = largest(store)
    assert not store.has_changed()
    command("people", "name", str(person.id), "Anna", "--store", made_up.path)
    assert store.person("Anna").id == person.id
    assert store.has_changed() and not store.has_changed()
    store.name("Anna", "Ben")
    assert not store.has_changed(), "it was not another"
    assert asked(made_up.path, "people", "list")[0]["name"] == "Ben"


def test_threads_take_turns(made_up, store):
    expected, person, wrong = store.vectors().vectors.tobytes(), largest(store).id, []

    def work(number):
        try:
            for _ in range(15):
                if store.vectors().vectors.tobytes() != expected:
                    wrong.append("other vectors")
                store.name(person, f"Name {number}")
                list(store.iter_faces(block=5))
                store.faces(person), store.people(), store.history(), store.suggest(), store.find(person)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and store.check() == [] and store.people()[0].name.startswith("Name ")


def test_closing_under_others(made_up):
    store, errors = mien.Store(made_up.path), []

    def work():
        try:
            while True:
                store.vectors(), store.people()
        except mien.InvalidArgumentError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    store.close()
    for thread in threads:
        thread.join(30)
    assert len(errors) == 4 and all("closed" in error for error in errors)


@pytest.fixture
def without_groups(large, tmp_path):
    """The groups of its 10,000 faces are made by the first call that asks for people, which takes a while."""
    return shutil.copy(large, tmp_path)


def test_a_long_call_holds_up_no_thread(without_groups):
    done, ticks = threading.Event(), 0

    def work():
        with mien.Store(without_groups) as store:
            store.people_statistics()
        done.set()

    thread = threading.Thread(target=work)
    begin = time.monotonic()
    thread.start()
    while not done.wait(0.001):
        ticks += 1
    thread.join()
    assert ticks > (time.monotonic() - begin) * 100


WAITING = """
import os, signal, threading, time
import mien
store = mien.Store({path!r})
done = threading.Event()
threading.Thread(target=lambda: (store.people(), done.set())).start()
time.sleep(0.1)
threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    store.vectors()
except KeyboardInterrupt:
    print("interrupted, the other is done:", done.is_set(), flush=True)
done.wait()
print(len(store.vectors().ids))
"""


def test_ctrl_c_ends_the_wait_for_another_thread(without_groups):
    done = run(WAITING.format(path=without_groups))
    assert done.stdout == "interrupted, the other is done: False\n10000\n", done.stderr


FORKED = """
import os, threading
import mien
path, link = {path!r}, {link!r}
store = mien.Store(path)

def in_a_child(work):
    child = os.fork()
    if child == 0:
        try:
            print(work(), flush=True)
        except BaseException as error:
            print(type(error).__name__, "was open when this process was forked" in str(error), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

threading.Thread(target=lambda: [store.suggest() for _ in iter(int, 1)], daemon=True).start()
for _ in range(20):  # that thread is in SQLite, and not in the child
    in_a_child(store.people)
in_a_child(lambda: mien.Store(path))
in_a_child(lambda: mien.Store(link, "read"))
in_a_child(lambda: mien.Store(path + ".other", "create").statistics().faces)
in_a_child(lambda: store.close())
store.close()
in_a_child(lambda: len(mien.Store(path).people()))
in_a_child(lambda: mien.Store(path).name(mien.Store(path).people()[0], "Anna").name)
print(mien.Store(path).check(), flush=True)
os._exit(0)
"""


def test_a_fork_leaves_the_store_alone(made_up, tmp_path):
    """SQLite's locks are not inherited: who goes on in the child would spoil the file."""
    link = tmp_path / "link.mien"
    os.link(made_up.path, link)
    people = len(mien.Store(made_up.path).people())
    done = run(FORKED.format(path=str(made_up.path), link=str(link)))
    assert done.stdout.splitlines() == ["InvalidArgumentError True"] * 22 + ["0", "None", str(people), "Anna", "[]"], (
        done.stdout, done.stderr)


def test_the_store_cannot_be_pickled_and_says_so(store):
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied.*mien.Store"):
            attempt(store)


def test_results_survive(made_up, store):
    store.name(largest(store), "Anna")
    face = store.faces("Anna")[0]
    results = [store.person("Anna"), face, store.history()[0], store.history()[0].statements[0], store.statistics(),
               store.people_statistics(), store.find("Anna"), store.find("Anna").photos[0], store.images()[0],
               store.places()[0], store.faces_of(store.images()[0].id)[0], store.name("Anna", "Anna")]
    store.close()
    made_up.path.unlink()
    for result in results:
        for again in (pickle.loads(pickle.dumps(result)), copy.copy(result), copy.deepcopy(result)):
            assert type(again) is type(result) and facts(again) == facts(result) and repr(again) == repr(result)
    assert "Person(id=" in repr(results[0]) and "name='Anna'" in repr(results[0])


# ---- Errors


def test_a_closed_store(made_up):
    store = mien.Store(made_up.path)
    assert not store.closed and repr(store) == f"Store({str(made_up.path)!r})"
    with store:
        blocks = store.iter_vectors(block=1)
        next(blocks)
    store.close()
    assert store.closed and store.path == str(made_up.path) and repr(store).endswith(", closed)")
    for call in (store.people, store.vectors, store.statistics, store.check, store.history, store.has_changed,
                 lambda: store.name("a", "b"), lambda: next(blocks), lambda: store.index(made_up.folder),
                 lambda: store.backup(made_up.folder / "b"), lambda: store.move("a", "b"),
                 lambda: store.import_names("a")):
        with pytest.raises(mien.InvalidArgumentError, match="is closed: open it again"):
            call()


def test_what_is_no_store(tmp_path, made_up):
    with pytest.raises(mien.NotFoundError, match="none.mien"):
        mien.Store(tmp_path / "none.mien")
    (tmp_path / "text.mien").write_text("text")
    with pytest.raises(mien.InvalidArgumentError, match="is no store of mien: it has another format"):
        mien.Store(tmp_path / "text.mien", "create")
    with pytest.raises(mien.InvalidArgumentError, match="it is a folder"):
        mien.Store(tmp_path)
    with pytest.raises(mien.InvalidArgumentError, match="access='rw' is not known"):
        mien.Store(made_up.path, "rw")
    with pytest.raises(mien.InvalidArgumentError, match="is no path"):
        mien.Store("")
    with pytest.raises(mien.InvalidArgumentError, match="threads=-1"):
        mien.Store(made_up.path, threads=-1)
    whole = made_up.path.read_bytes()
    made_up.path.write_bytes(whole[:4096] + b"\x55" * (len(whole) - 4096))
    with pytest.raises(mien.BadDataError, match="mien store check"):
        with mien.Store(made_up.path) as store:
            store.people()


def test_the_default_store(tmp_path):
    done = run("import mien\ntry:\n    mien.Store()\nexcept mien.NotFoundError as error:\n    print(error)\n"
               "mien.Store(access='create').close()\nprint(mien.Store().path)", XDG_DATA_HOME=str(tmp_path))
    assert done.stdout.splitlines()[-1] == str(tmp_path / "mien" / "people.mien"), done.stderr


def test_a_store_for_looking_says_nothing(made_up):
    with mien.Store(made_up.path, "read") as store:
        person = largest(store)
        face = store.faces(person)[0]
        for call in (lambda: store.name(person, "Anna"), lambda: store.is_(face, "Anna"), store.undo,
                     lambda: store.forget(person), lambda: store.index(made_up.folder), lambda: store.hide(person),
                     lambda: store.move("a", "b"), lambda: store.import_names(made_up.folder),
                     lambda: store.not_a_face([face]), lambda: store.split(person, [face])):
            with pytest.raises(mien.InvalidArgumentError, match="access='read': open it with access='write'"):
                call()
        assert store.history() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's store takes root to make")
def test_a_store_that_cannot_be_written(tmp_path):
    """Nor the groups that are computed: they are made anew each time."""
    scene = MadeUp(tmp_path)
    expected = len(mien.Store(scene.path, "read").people())
    for table in ("grouped", "grouping"):
        sqlite3.connect(scene.path).execute(f"DELETE FROM {table}").connection.commit()
    with tempfile.TemporaryDirectory() as folder:
        path = shutil.copy(scene.path, folder)
        for place, mode in ((path, 0o400), (folder, 0o500)):
            os.chmod(place, mode)
            os.chown(place, 65534, 65534)
        code = f"import os, mien; os.setgid(65534); os.setuid(65534); store = mien.Store({path!r}, 'read')"
        done = run(f"{code}; print(len(store.people()), len(store.people()))")
    assert done.stdout == f"{expected} {expected}\n" and expected > 1, done.stderr


def test_calls_that_make_no_sense(store):
    person = largest(store)
    face = store.faces(person)[0]
    for call, message in (
        (lambda: store.person("Nobody"), "nobody is called 'Nobody'"),
        (lambda: store.faces(10**6), "there is no group 1000000"),
        (lambda: store.face(10**6), "no face has the number 1000000"),
        (lambda: store.face("none.jpg#0"), "is not in the store"),
        (lambda: store.faces_of("none.jpg"), "none.jpg is not in the store"),
        (lambda: store.undo(), "nothing is left to undo"),
        (lambda: store.undo(7), "nothing that was said has the number 7"),
        (lambda: store.forget("Nobody"), "nobody is called"),
        (lambda: store.move("/none", "/other"), "lies below /none"),
    ):
        with pytest.raises(mien.NotFoundError, match=message):
            call()
    for call, message in (
        (lambda: store.name(person, ""), "name"),
        (lambda: store.name(person, "a" * 201), "200"),
        (lambda: store.name(person, "a\x07b"), "control"),
        (lambda: store.face("no face"), "names no face"),
        (lambda: store.is_not(face, person), "nobody said who group"),
        (lambda: store.find(), "nobody was named"),
        (lambda: store.find(person, since="May"), "'May' is no date"),
        (lambda: store.find(photos="photo.jpg"), "put the photo into a list"),
        (lambda: store.find(person, without="Ben"), "put the one into a list"),
        (lambda: store.split(person, "photo.jpg#1"), "put the one into a list"),
        (lambda: store.not_a_face(face), "put the one into a list"),
        (lambda: store.is_(None, "Anna"), "NoneType is no face"),
        (lambda: store.is_(True, "Anna"), "bool is no face"),
        (lambda: store.name(None, "Anna"), "NoneType is nobody"),
        (lambda: store.name(True, "Anna"), "bool is nobody"),
        (lambda: store.people(faces_min=0), "faces_min=0"),
        (lambda: store.suggest(0), "count_max=0"),
        (lambda: list(store.iter_vectors(block=0)), "block=0"),
        (lambda: store.index([]), "nothing to index"),
        (lambda: store.index("photos", excludes="*.png"), "excludes is a list"),
        (lambda: store.index("photos", excludes=b"*.png"), "excludes is a list"),
        (lambda: store.index("photos", excludes=pathlib.Path("a.png")), "excludes is a list"),
        (lambda: mien.scan("photos", excludes="*.png"), "excludes is a list"),
        (lambda: store.index("photos", stop=True), "stop= is an object with is_set"),
        (lambda: store.index(os.path.dirname(__file__), prune="some"), "prune='some'"),
        (lambda: store.backup(store.path), "is there already"),
    ):
        with pytest.raises(mien.InvalidArgumentError, match=message):
            call()
    with pytest.raises(TypeError):
        store.index("photos", no_such_option=True)
    assert store.history() == []


def test_a_photo_that_is_gone(made_up):
    made_up.put(['{"gone": ["%s"]}' % (made_up.folder / "00.jpg")])
    with mien.Store(made_up.path) as store:
        image = store.image(made_up.folder / "00.jpg")
        face = store.faces_of(image.id)[0]
        assert image.is_gone and image.paths == [] and store.face(face.id).source is None
        assert repr(store.face(face.id)) == f"PersonFace(id={face.id}, gone)"
        assert [place.is_gone for place in store.places() if place.path.endswith("00.jpg")] == [True]
        assert store.is_(face.id, "Anna").faces == 1 and face.id in [one.id for one in store.faces("Anna")]
        assert store.page(image.id).operation is not None and store.page(image.id).operation is None
        assert store.is_not(store.face(face.id), "Anna").faces == 1
        assert face.id not in [one.id for one in store.faces("Anna")]
        for call in (lambda: store.is_(10**6, "Anna"), lambda: store.not_a_face([face.id, 10**6]),
                     lambda: store.page(10**6)):
            with pytest.raises(mien.NotFoundError, match="1000000"):
                call()
        group = largest(store)
        by_id, by_path = [one for one in store.faces(group) if one.source][:2]
        assert store.split(group, [by_id, f"{by_path.source}#{by_path.number}"]).faces == 2
        assert store.not_a_face([face.id]).faces == 1 and store.people_statistics().not_faces == 1
        assert held(store) == exported(made_up.path)


# ---- The index


def few(tmp_path, *names):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in names:
        shutil.copy2(DEPS / "photos" / name, folder / name)
    return folder


def test_an_index_reads_what_is_new(photos, tmp_path):
    folder = few(tmp_path, "obama.jpg", "biden.jpg")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    seen = []
    with mien.Store(tmp_path / "people.mien", "create") as store:
        summary = store.index(folder, progress=seen.append)
        assert (summary.images, summary.resumed, summary.failed, summary.faces) == (3, 0, 1, 2)
        assert seen and seen[-1].done == seen[-1].found == 3 and seen[-1].listing_finished
        assert {pathlib.Path(place.path).name: place.error for place in store.places()} == {
            "obama.jpg": None, "biden.jpg": None, "broken.jpg": "bad_data"}
        assert store.statistics().failed == 1 and len(store.people(faces_min=1)) == 2
        shutil.copy2(photos / "obama2.jpg", folder)
        again = store.index([folder], progress=False)
        assert (again.images, again.resumed, again.faces) == (4, 3, 1)
        assert max(person.faces for person in store.people()) == 2, "people are those of what was just read"
        (folder / "biden.jpg").unlink()
        assert store.index(folder, prune=True, progress=False).pruned == 1 and store.statistics().images == 2
        moved = tmp_path / "moved"
        folder.rename(moved)
        assert store.move(folder, moved) == 3 and store.image(moved / "obama.jpg").is_gone is False
        store.backup(tmp_path / "backup.mien")
    with mien.Store(tmp_path / "backup.mien", "read") as copy_of_it:
        assert copy_of_it.statistics().faces == 2
    with mien.Store(tmp_path / "people.mien") as store, pytest.raises(mien.NotFoundError, match="no such file"):
        store.index(tmp_path / "nowhere")


class Stop(Exception):
    pass


def test_an_index_is_stopped_and_goes_on(photos, tmp_path):
    with mien.Store(tmp_path / "people.mien", "create") as store:
        stop = threading.Event()
        stop.set()
        summary = store.index(photos, progress=False, stop=stop)
        assert summary.interrupted and summary.images < 10

        def refuse(progress):
            raise Stop(progress)

        with pytest.raises(Stop):
            store.index(photos, progress=refuse)
        assert store.index(photos, progress=False).images == 10 and store.check() == []


def test_ctrl_c_ends_an_index(photos, tmp_path):
    code = f"""
import os, signal, threading, time
import mien
store = mien.Store({str(tmp_path / "people.mien")!r}, "create")
engine = mien.Engine()
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    store.index("photos", engine=engine, progress=False, rotations=True, detail="full")
except KeyboardInterrupt:
    print("interrupted", store.statistics().images < 10, store.check())
"""
    done = run(code)
    assert done.stdout == "interrupted True []\n", done.stderr


def test_the_interpreter_ends_while_a_thread_indexes(photos, tmp_path):
    code = f"""
import threading, time
import mien
store = mien.Store({str(tmp_path / "people.mien")!r}, "create")
engine = mien.Engine()
options = dict(engine=engine, progress=False, rotations=True, detail="full")
threading.Thread(target=store.index, args=("photos",), kwargs=options, daemon=True).start()
time.sleep(0.2)
print("end", flush=True)
"""
    done = run(code, timeout=60)
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr
    with mien.Store(tmp_path / "people.mien") as store:
        assert store.check() == []


SIDECAR = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
 xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#">
<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag>
<rdf:li><rdf:Description mwg-rs:Name="{name}" mwg-rs:Type="Face"><mwg-rs:Area stArea:x="{x}" stArea:y="{y}"
 stArea:w="{w}" stArea:h="{h}" stArea:unit="normalized"/></rdf:Description></rdf:li>
</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions></rdf:Description></rdf:RDF></x:xmpmeta>"""


def test_names_beside_photos(photos, tmp_path):
    if "libexpat" in command("version"):
        pytest.skip("no libexpat")
    folder = few(tmp_path, "obama.jpg", "biden.jpg")
    with mien.Store(tmp_path / "people.mien", "create") as store:
        store.index(folder, progress=False)
        image = store.image(folder / "obama.jpg")
        x1, y1, x2, y2 = store.faces_of(image.id)[0].bbox
        (folder / "obama.jpg.xmp").write_text(SIDECAR.format(
            name="Barack", x=(x1 + x2) / 2 / image.width, y=(y1 + y2) / 2 / image.height, w=(x2 - x1) / image.width,
            h=(y2 - y1) / image.height))
        seen = []
        summary = store.import_names(folder, progress=lambda done, all: seen.append((done, all)))
        assert (summary.photos, summary.stated, summary.persons, summary.sidecars) == (2, 1, 1, 1)
        assert store.person("barack").is_imported and seen and seen[-1][1] == 2
        assert store.faces("Barack")[0].state == "imported" and held(store) == exported(store.path)
        assert store.import_names([folder]).known == 1
        store.undo()
        stop = threading.Event()
        stop.set()
        assert store.import_names([folder], stop=stop).interrupted and store.people(faces_min=1)[0].name is None
        with pytest.raises(mien.NotFoundError, match="index it first"):
            store.import_names(tmp_path / "none")
        assert pickle.loads(pickle.dumps(summary)).stated == 1
