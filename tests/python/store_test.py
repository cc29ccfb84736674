"""mien.Store: people, facts and vectors of a store, held against the command's word and the engine's."""

import datetime
import gc
import os
import random
import stat
import tracemalloc
import weakref

import numpy
import pytest

import mien
import store_scene
from conftest import DEPS, run
from store_scene import PERSON, MadeUp, asked, command, copied, exported, face_row, held, largest, picked

pytestmark = pytest.mark.skipif(not os.environ.get("MIEN_BINARY"), reason="no program mien: MIEN_BINARY names it")


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """A store of the sample photos, which is made once; nobody changes it."""
    if not (DEPS / "photos").is_dir():
        pytest.skip(f"no photos in {DEPS}: ./dev build fetches them")
    path = tmp_path_factory.mktemp("album") / "people.mien"
    with mien.Store(path, "create") as store:
        summary = store.index(DEPS / "photos", progress=False)
        assert (summary.images, summary.failed, summary.faces) == (10, 0, 36)
    return path


# ---- What lies there


def test_people_and_faces_are_those_of_the_command(album):
    with mien.Store(album, "read") as store:
        assert held(store) == exported(album)
        assert len(store.people()) == len(asked(album, "people", "list"))
        (barack,) = [person for person in store.people() if person.faces > 2]
        assert {os.path.basename(face.source) for face in store.faces(barack)} >= {"obama.jpg", "obama2.jpg"}
        shown = asked(album, "people", "show", str(barack.id))
        assert [face_row(face)["source"] for face in store.faces(barack.id)] == [
            face["source"] for face in shown["faces"]]
        assert store.person(barack.members[-1]).id == barack.id
        assert store.face(f"{DEPS}/photos/../photos/obama.jpg#0").id == store.face(f"{DEPS}/photos/obama.jpg#0").id


def test_statistics_and_the_check_are_those_of_the_command(album):
    told = asked(album, "store", "check")
    with mien.Store(album, "read") as store:
        assert store.path == str(album) == told["store"] and store.check() == told["findings"] == []
        assert picked(store.statistics(), {name: name for name in told if name not in ("store", "findings")}) == {
            name: value for name, value in told.items() if name not in ("store", "findings")}
        people = store.people_statistics()
        assert people.faces == 36 and people.in_people == 0 and people.in_groups + people.poor <= 36
    assert stat.S_IMODE(album.stat().st_mode) == 0o600


def test_photos_and_their_faces(album):
    with mien.Store(album, "read") as store:
        images = store.images()
        assert sorted(path for image in images for path in image.paths) == sorted(
            str(path) for path in (DEPS / "photos").iterdir())
        image = store.image(DEPS / "photos" / "obama.jpg")
        assert (image.width, image.height, image.is_gone) == (910, 1137, False) and store.image(image.id).id == image.id
        assert image.phash == mien.get_face_service().compute_phash(DEPS / "photos" / "obama.jpg")
        (face,) = store.faces_of(DEPS / "photos" / "obama.jpg")
        found = mien.analyze(DEPS / "photos" / "obama.jpg").faces[0]
        assert face.bbox == pytest.approx(found.bbox) and face.det_score == pytest.approx(found.det_score)
        assert face.image == image.id and face.recognition_quality == pytest.approx(found.recognition_quality)
        assert {place.path for place in store.places()} == {path for image in images for path in image.paths}
        assert store.image("nowhere.jpg") is None and store.image(10**6) is None


# ---- Arrays


def test_vectors_are_those_of_the_engine(album):
    with mien.Store(album, "read") as store:
        block = store.vectors()
        assert block.vectors.shape == (36, 512) and block.vectors.dtype == numpy.float16
        assert block.ids.dtype == block.keys.dtype == numpy.int64 and list(block.ids) == sorted(block.ids)
        rows = dict(zip(block.ids.tolist(), block.vectors))
        for path in (DEPS / "photos").glob("obama*.jpg"):
            for face, found in zip(store.faces_of(path), mien.analyze(path).faces):
                # The nearest half float of each number: computed by numpy, which nobody here wrote.
                assert numpy.array_equal(rows[face.id], found.normed_embedding.astype(numpy.float16)), path
        assert numpy.allclose(numpy.linalg.norm(block.vectors.astype(numpy.float32), axis=1), 1, atol=1e-3)
        assert store.embedders == {next(iter(store.embedders)): mien.Engine().embedder.name}
        for named in (*store.embedders, *store.embedders.values()):
            assert numpy.array_equal(store.vectors(named).vectors, block.vectors)


def test_arrays_of_faces_are_the_faces(album):
    with mien.Store(album, "read") as store:
        (block,) = store.iter_faces()
        faces = {face.id: face for image in store.images() for face in store.faces_of(image.id)}
        assert len(block.ids) == len(faces) == 36 and block.boxes.shape == (36, 4)
        for i, number in enumerate(block.ids.tolist()):
            face = faces[number]
            assert (block.keys[i], block.images[i], block.numbers[i]) == (face.key, face.image, face.number)
            assert tuple(block.boxes[i].tolist()) == face.bbox and block.det_scores[i] == numpy.float32(face.det_score)
            assert block.recognition_qualities[i] == numpy.float32(face.recognition_quality)


@pytest.mark.parametrize("size", [1, 7, 36, 37])
def test_blocks_are_the_whole(album, size):
    with mien.Store(album, "read") as store:
        whole = store.vectors()
        blocks = list(store.iter_vectors(block=size))
        sizes = [size] * (36 // size) + [36 % size] * (36 % size > 0)
        assert [len(block.vectors) for block in blocks] == sizes
        assert [len(block.boxes) for block in store.iter_faces(block=size)] == sizes
        for name in ("ids", "keys", "vectors"):
            joined = numpy.concatenate([getattr(block, name) for block in blocks])
            assert numpy.array_equal(joined, getattr(whole, name))
        after = int(whole.ids[9])
        later = next(store.iter_vectors(after=after, block=size))
        assert later.ids[0] == whole.ids[10] and next(store.iter_faces(after=after)).ids[0] == whole.ids[10]


def test_the_store_may_be_used_and_changed_between_two_blocks(store):
    seen = []
    for block in store.iter_vectors(block=1):
        seen += block.ids.tolist()
        if len(seen) == 3:
            store.name(largest(store), "Anna")
    assert seen == store.vectors().ids.tolist()


def test_arrays_outlive_the_store_and_belong_to_the_caller(made_up):
    with mien.Store(made_up.path) as store:
        block, (faces,) = store.vectors(), store.iter_faces()
        expected, boxes = block.vectors.tobytes(), faces.boxes.tobytes()
        gone = weakref.ref(store)
    del store
    made_up.path.unlink()
    gc.collect()
    assert gone() is None
    filler = [numpy.ones(block.vectors.size, numpy.float16) for _ in range(50)]
    assert block.vectors.tobytes() == expected and faces.boxes.tobytes() == boxes and len(filler) == 50
    for array in (*block, *faces):
        assert array.flags.writeable and array.flags.c_contiguous and not array.flags.owndata
    view = block.vectors[2:4]
    del block
    gc.collect()
    assert view.tobytes() == expected[2 * 64 * 2 : 4 * 64 * 2]


def test_a_store_without_vectors(tmp_path):
    with mien.Store(tmp_path / "new.mien", "create") as store:
        assert store.vectors().vectors.shape == (0, 0) and list(store.iter_vectors()) == list(store.iter_faces()) == []
        assert store.people() == store.images() == store.suggest() == [] and store.embedders == {}
        with pytest.raises(mien.NotFoundError, match="'other': it has those of none"):
            store.vectors("other")


MEMORY = """
import mien
with mien.Store({path!r}, "read") as store:
    store.vectors()  # SQLite has its pages now
    open("/proc/self/clear_refs", "w").write("5")
    def kilobytes(name):
        return int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1])
    before = kilobytes("VmRSS")
    block = store.vectors()
    print((kilobytes("VmHWM") - before) * 1024 / block.vectors.nbytes, block.vectors.nbytes)
"""


def test_no_second_copy_is_made_of_vectors(large):
    done = run(MEMORY.format(path=str(large)))
    assert done.returncode == 0, done.stderr
    times, size = map(float, done.stdout.split())
    assert size == 10_000 * 1024 and 0.9 < times < 1.5
    with mien.Store(large, "read") as store:
        tracemalloc.start()
        block = store.vectors()
        assert tracemalloc.get_traced_memory()[1] < 100_000, "numpy has memory of its own for it"
        tracemalloc.stop()
        assert len(block.ids) == 10_000
        for one in store.iter_vectors(block=5_000):
            assert one.vectors.nbytes == 5_000 * 1024


# ---- What is said


def say(store, first):
    """Of each kind of statement one; `first` is the largest group."""
    faces = [f"{face.source}#{face.number}" for face in store.faces(first)]
    second, third = [group for group in store.people() if group.person is None and group.id != first][:2]
    others = [f"{face.source}#{face.number}" for face in store.faces(second)]
    yield store.name(first, "Anna"), ("name", str(first), "Anna")
    yield store.name("ANNA", "Zoë"), ("name", "ANNA", "Zoë")
    yield store.is_not(faces[-1], "Zoë"), ("not", faces[-1], "Zoë")
    yield store.is_(faces[-1], "Ben"), ("is", faces[-1], "Ben")
    yield store.split(second, others[:1]), ("split", str(second.id), others[0])
    yield store.merge("Ben", third), ("merge", "Ben", str(third.id))
    yield store.not_a_face([others[1]]), ("not-a-face", others[1])
    yield store.hide(second.members[2]), ("hide", str(second.members[2]))
    yield store.page(os.path.dirname(faces[0])), ("page", os.path.dirname(faces[0]))
    yield store.merge("Zoë", "Ben"), ("merge", "Zoë", "Ben")
    yield store.stranger(store.face(others[0]).id), ("stranger", str(store.face(others[0]).id))


def test_what_is_said_makes_the_store_that_the_command_makes(tmp_path):
    scene = MadeUp(tmp_path, people=5, photos=24)
    other = copied(scene.path, tmp_path)
    with mien.Store(scene.path) as store:
        for change, words in say(store, largest(store).id):
            told = asked(other, "people", *words)
            assert (change.operation, change.name, change.faces, change.left_out) == (
                told["operation"], told["name"], told["faces"], told["left_out"]), words
            assert held(store) == exported(other), words
        mine = [picked(one, store_scene.OPERATION) | {"statements": len(one.statements), "time": None}
                for one in store.history()]
        assert mine == [one | {"time": None} for one in asked(other, "people", "undo", "--list")]
        assert {one.kind for one in store.history()} >= {"name", "rename", "is", "not_person", "split", "merge", "hide"}
        for number in (None, 4, None):
            undone = store.undo(number)
            told = asked(other, "people", "undo", *([] if number is None else [str(number)]))
            assert (undone.number, undone.kind) == (told["number"], told["kind"])
            assert held(store) == exported(other)
        forgotten = store.forget("Zoë")
        assert asked(other, "people", "forget", "Zoë", "--yes")["faces"] == forgotten.faces > 0
        assert len(forgotten.places) == forgotten.faces and held(store) == exported(other)
        assert store.check() == [] and "Zoë".encode() not in scene.path.read_bytes()


def test_what_was_so_already_is_no_operation(store):
    person = largest(store)
    assert store.name(person, "Anna").operation == 1 and store.name("Anna", "Anna").operation is None
    assert store.name(person, "Anna").name == "Anna" and len(store.history()) == 1


def test_faces_in_every_spelling(store):
    face = store.faces(largest(store))[0]
    for spelled in (face, face.id, f"{face.source}#{face.number}",
                    f"{os.path.relpath(face.source)}#{face.number}"):
        assert store.is_(spelled, "Anna").name == "Anna"
        assert [one.id for one in store.faces("anna") if one.state == "confirmed"] == [face.id]
        store.undo()
    assert store.face(face.id).source == face.source


def test_questions_are_those_of_the_command(made_up, tmp_path):
    other = copied(made_up.path, tmp_path)
    with mien.Store(made_up.path) as store:
        group = largest(store)
        odd = store.faces(group)[-1]
        store.split(group, [odd])
        command("people", "split", str(group.id), f"{odd.source}#{odd.number}", "--store", other)
        store.undo()
        command("people", "undo", "--store", other)
        questions, told = store.suggest(), asked(other, "people", "suggest")
        assert [(one.kind, round(one.similarity, 5), picked(one.person, PERSON), picked(one.other, PERSON),
                 one.face.id, one.other_face.id) for one in questions] == [
            (one["question"], round(one["similarity"], 5), one["person"], one["other"], one["faces"][0]["id"],
             one["faces"][1]["id"]) for one in told]
        assert len(store.suggest(1)) == min(1, len(told))


def test_answers(tmp_path):
    """Two halves of a person that lie apart: asked about, answered, taken back."""
    chance = random.Random(3)
    scene = store_scene.people_scene
    centre = scene.unit(chance)
    aside = scene.face_like(centre, chance, 1.8)
    length = sum(value * value for value in aside) ** .5
    aside = [value / length for value in aside]
    folder = tmp_path / "photos"
    folder.mkdir()
    lines = [scene.record(folder / f"{i}.jpg", [scene.face_like(centre if i % 2 else aside, chance, .5)], f"{i:016x}")
             for i in range(20)]
    scene.put_records(tmp_path / "people.mien", folder, lines)
    with mien.Store(tmp_path / "people.mien") as store:
        (question,) = store.suggest()
        assert question.kind == "merge" and store.is_open(question) and "Suggestion('merge'" in repr(question)
        assert store.answer(question, yes=False).operation == 1 and store.suggest() == []
        store.undo()
        assert store.answer(question, yes=True).operation == 2
        assert not store.is_open(question) and store.answer(question, yes=True).operation is None
        (person,) = store.people()
        assert person.faces == 20 and len(person.groups) == 2


# ---- Finding


def found(result):
    return [{"source": photo.source, "taken": photo.taken, "copies": photo.copies,
             "faces": [{"face": face.number, "id": face.id, "for": face.name,
                        "similarity": face.similarity and round(face.similarity, 5)} for face in photo.faces]}
            for photo in result.photos]


def told(path, *words):
    result = asked(path, "find", *map(str, words))
    for photo in result["photos"]:
        for face in photo["faces"]:
            face["similarity"] = face["similarity"] and round(face["similarity"], 5)
    return result


def test_find_by_name_is_what_the_command_finds(made_up, store):
    anna, ben = store.people()[:2]
    store.name(anna, "Anna")
    store.name(ben, "Ben")
    path = made_up.path
    both = store.find("Anna", "Ben", all=True)
    assert 0 < len(both) < len(store.find("Anna", "Ben"))
    assert found(both) == told(path, "Anna", "Ben", "--and")["photos"]
    assert found(store.find(anna, ben.id)) == told(path, "Anna", ben.id)["photos"] != []
    alone = store.find("Anna", without=["Ben"])
    assert found(alone) == told(path, "Anna", "--not", "Ben")["photos"] != []
    for since in ("2006", "2006-05", datetime.date(2006, 5, 1), datetime.datetime(2006, 5, 1, 10)):
        later = store.find("Anna", since=since)
        expected = told(path, "Anna", "--since", "2006")
        assert found(later) == expected["photos"] != [] and later.without_date == expected["without_date"] > 0
    assert len(store.find("Anna", folder=made_up.folder / "none")) == 0
    assert found(store.find("Anna", folder=made_up.folder)) == told(path, "Anna")["photos"]


def test_find_by_photo_is_what_the_command_finds(album):
    photo = DEPS / "photos" / "obama.jpg"
    expected = told(album, photo)
    with mien.Store(album, "read") as store:
        for given in (photo, str(photo), mien.analyze(photo)):
            result = store.find(photos=[given])
            assert [one["source"] for one in found(result)] == [one["source"] for one in expected["photos"]]
            assert found(result) == expected["photos"] and len(result) >= 3
            assert (result.compared, result.notes) == (expected["compared"], expected["notes"])
            assert result.threshold == pytest.approx(expected["threshold"])
            assert result.expected_false_matches == pytest.approx(expected["expected_false_matches"])
        assert store.find(photos=[photo.read_bytes()]).photos[0].faces[0].name == "photo 1"
        assert len(store.find(photos=[photo], threshold=0.999)) == 1
        with pytest.raises(mien.InvalidArgumentError, match="no face was found in .*coffee.png"):
            store.find(photos=[DEPS / "photos" / "coffee.png"])
