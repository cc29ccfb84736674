"""`mien people` and `mien find` over made-up stores: what is said, shown and refused."""

import json
import os
import pathlib
import random
import subprocess
import tempfile
import unicodedata

import pytest
from people_scene import Store, face_like, put_records, record, unit

PEOPLE, PHOTOS = 4, 12


def made_up(folder, chance, photos=PHOTOS):
    """Photos of some of four people, each at most once; and who is where."""
    centres = [unit(chance) for _ in range(PEOPLE)]
    lines, truth = [], {}
    for number in range(photos):
        on = chance.sample(range(PEOPLE), chance.randint(1, 3))
        path = folder / f"{number:02}.jpg"
        lines.append(record(path, [face_like(centres[who], chance) for who in on], f"{chance.getrandbits(64):016x}",
                            f"{2000 + number}-05-01T10:00:00"))
        truth |= {f"{path}#{i}": who for i, who in enumerate(on)}
    return lines, truth


@pytest.fixture
def scene(mien):
    chance = random.Random(1)
    lines, truth = made_up(mien.folder / "photos", chance)
    return Store(mien, lines), truth


def test_groups_are_people_and_a_name_reaches_find(scene):
    store, truth = scene
    for _, faces in store.people():
        assert len({truth[face] for face in faces}) == 1
    largest, faces = max(store.people(), key=lambda row: len(row[1]))
    assert largest["id"] == min(face["id"] for face in faces.values())
    assert store.said("name", str(largest["id"]), "Zoë")["faces"] == len(faces)
    decomposed = unicodedata.normalize("NFD", "ZOË")
    assert {photo["source"] for photo in store.find(decomposed)} == {face.rpartition("#")[0] for face in faces}
    since = store.find("Zoë", "--since", "2006")
    assert [photo["taken"] for photo in since] == sorted(f"{2000 + int(face[-8:-6])}-05-01T10:00:00" for face in faces
                                                         if int(face[-8:-6]) >= 6)
    row = next(row for row in json.loads(store("list", "--json").stdout) if row["name"] == "Zoë")
    assert row["faces"] == len(faces) and row["new"] == 0
    undone = store.said("undo")
    assert undone["kind"] == "name" and undone["undone"] is False
    assert all(row["name"] is None for row, _ in store.people())


def test_what_makes_no_sense_is_refused_and_changes_nothing(scene):
    store, _ = scene
    group, faces = max(store.people(), key=lambda row: len(row[1]))
    face = sorted(faces)[0]
    assert store("is", face, "Anna").returncode == 0
    for words, part in (((["name", "1", ""]), "empty"), (["name", "1", "a" * 65536], "longer"),
                        (["name", "1", "a\x1bb"], "control"), (["name", "1", "a\u202eb"], "direction"),
                        (["name", "1", "12"], "digits"), (["name", "99999", "Ben"], "no group"),
                        (["merge", "Anna", "ANNA"], "one person already"), (["is", face, "Ben"], "is Anna"),
                        (["is", "nowhere.jpg#0", "Ben"], "not in the store"), (["is", "photo", "Ben"], "PHOTO#N"),
                        (["is", face.replace("#0", "#9"), "Ben"], "no face"),
                        (["split", "Anna", *faces], "split needs"),
                        (["undo", "77"], "number 77"), (["hide", "Nobody"], "nobody is called")):
        before = store("undo", "--list", "--json").stdout
        result = store(*words)
        assert result.returncode in (1, 2) and part in result.stderr, (words, result.stderr)
        assert len(result.stderr.encode()) < 1000 and store("undo", "--list", "--json").stdout == before
    assert group["id"]


def nobody(*command):
    """As a user who may write nothing."""
    return subprocess.run([os.environ["MIEN_BINARY"], *command], capture_output=True, text=True, check=False, cwd="/",
                          user=65534, env={"HOME": "/nonexistent"})


@pytest.mark.skipif(os.geteuid() != 0, reason="skipped: only root can be somebody else")
def test_a_store_that_may_only_be_read_is_looked_at():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        try:
            nobody("version")
        except PermissionError:
            pytest.skip("cannot run the program as another user")
        lines, truth = made_up(folder / "photos", random.Random(3))
        path = folder / "people.mien"
        put_records(path, folder / "photos", lines)
        path.chmod(0o444)
        before = path.read_bytes()
        listed = nobody("people", "list", "--all", "--json", "--store", path)
        assert listed.returncode == 0, listed.stderr
        groups = json.loads(listed.stdout)
        assert sum(group["faces"] for group in groups) == len(truth)
        for words in (["show", str(groups[0]["id"])], ["export"]):
            told = nobody("people", *words, "--store", path)
            assert told.returncode == 0, told.stderr
        found = nobody("find", "Anna", "--store", path)
        assert found.returncode == 2 and "Anna" in found.stderr, found
        told = nobody("people", "name", str(groups[0]["id"]), "Anna", "--store", path)
        assert told.returncode == 2 and str(path) in told.stderr, told
        assert path.read_bytes() == before and [file.name for file in folder.iterdir()] == ["people.mien"]


def test_relative_paths_name_the_same_face(scene):
    store, truth = scene
    face = sorted(truth)[0]
    (store.folder).mkdir()
    assert store("is", "photos/../photos/./" + face.rpartition("/")[2], "Anna").returncode == 0
    (row, faces), = [(row, faces) for row, faces in store.people() if row["name"] == "Anna"]
    assert faces[face]["state"] == "confirmed" and row["name"] == "Anna"
