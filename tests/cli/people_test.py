"""`mien people` and `mien find` over made-up stores: random things said, against a model of what must hold."""

import base64
import hashlib
import json
import os
import random
import struct
import subprocess
import unicodedata

import pytest

SEQUENCES, OPERATIONS, PEOPLE, PHOTOS, DIMENSIONS = 6, 18, 4, 12, 64
EMBEDDER = {"detector": "centerface", "embedder": "fr_feature", "embedder_id": "made-up-embedder"}
TIMINGS = dict.fromkeys(("read", "decode", "enhance", "detect", "embed", "quality", "total"), 0)


def unit(chance):
    vector = [chance.gauss(0, 1) for _ in range(DIMENSIONS)]
    length = sum(value * value for value in vector) ** .5
    return [value / length for value in vector]


def face_like(centre, chance, noise=.6):
    return [a + noise * b for a, b in zip(centre, unit(chance))]


def record(path, faces, phash, taken=None):
    """A line as `mien scan --embeddings base64` writes it; `faces` are embeddings, side by side."""
    rows = [{"bbox": [100 * i, 10, 100 * i + 80, 100], "landmarks": None, "det_score": .9 - i / 100,
             "face_size": [80, 90], "scale": 1, "enhancement_scale": 1, "rotation": 0, "quality": None,
             "recognition_quality": .9, "poor_reason": None,
             "embedding": base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *embedding)).decode()}
            for i, embedding in enumerate(faces)]
    return json.dumps({"source": str(path), "source_size": 1, "source_mtime_ns": 1, "terms": "made up",
                       "sha256": hashlib.sha256(str(path).encode()).hexdigest(), "phash": phash, "format": "jpeg",
                       "width": 1000, "height": 500, "taken": taken, "faces": rows, "models": EMBEDDER,
                       "placement": {}, "timings_ms": TIMINGS, "warnings": [], "error": None})


class Store:
    """Photos of one folder in a store, and the program's answers about them."""

    def __init__(self, mien, lines):
        self.mien, self.path = mien, mien.folder / "people.mien"
        self.folder = mien.folder / "photos"
        subprocess.run([os.environ["MIEN_PUT_RECORDS"], str(self.path), str(self.folder)], check=True,
                       input="\n".join(lines) + "\n", text=True, timeout=60)

    def __call__(self, *words):
        return self.mien("people", *words, "--store", str(self.path))

    def said(self, *words):
        result = self(*words, "--json")
        assert result.returncode in (0, 1, 2), result.stderr
        return json.loads(result.stdout) if result.returncode == 0 else None

    def people(self):
        """Each person or group with its faces as PHOTO#N."""
        rows = json.loads(self("export", "--all").stdout)
        return [(row, {f"{face['source']}#{face['face']}": face for face in row["faces"]}) for row in rows]

    def find(self, *words):
        result = self.mien("find", *words, "--store", str(self.path), "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)["photos"]


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


def test_relative_paths_name_the_same_face(scene):
    store, truth = scene
    face = sorted(truth)[0]
    (store.folder).mkdir()
    assert store("is", "photos/../photos/./" + face.rpartition("/")[2], "Anna").returncode == 0
    (row, faces), = [(row, faces) for row, faces in store.people() if row["name"] == "Anna"]
    assert faces[face]["state"] == "confirmed" and row["name"] == "Anna"


class Model:
    """What must hold, by the log of what was said: the last word about each face and person."""

    def __init__(self):
        self.log = []  # (kind, face, person) or ("undone",)

    def confirmed(self):
        said = {}
        for kind, face, name in self.log:
            if kind == "is":
                said[face] = name
            elif kind == "not" and said.get(face) == name:
                del said[face]
        return said

    def rejected(self):
        said = set()
        for kind, face, name in self.log:
            (said.add if kind == "not" else said.discard)((face, name))
        return said


def check(store, model, names):
    confirmed, rejected = model.confirmed(), model.rejected()
    known = set()
    for row, faces in store.people():
        known.add(row["name"])
        for face in faces:
            assert (face, row["name"]) not in rejected, f"{face} is {row['name']} again"
        photos = {}
        for face in faces:
            photos.setdefault(face.rpartition("#")[0], []).append(face)
        for twice in photos.values():
            assert len(twice) == 1 or all(confirmed.get(face) == row["name"] for face in twice), twice
    for face, name in confirmed.items():
        owner = [row["name"] for row, faces in store.people() if face in faces]
        assert owner == [name], f"{face} left {name}"
    assert names <= known, names - known


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_what_was_said_holds(mien, seed):
    chance = random.Random(seed)
    lines, truth = made_up(mien.folder / "photos", chance, 9)
    later = [lines.pop() for _ in range(3)]
    store = Store(mien, lines)
    model, names, said = Model(), set(), []
    for step in range(OPERATIONS):
        people = store.people()
        here = [face for _, faces in people for face in faces]
        face, name = chance.choice(here), chance.choice(("Anna", "Ben", "Chloé"))
        row, faces = chance.choice(people)
        action = chance.choice(("is", "is", "not", "not", "name", "split", "undo", "photo", "hide"))
        if action == "photo" and later:
            store = Store(mien, [later.pop()])
        elif action in ("is", "not"):
            done = store.said(action, face, name)
            if done and done["operation"]:
                model.log.append((action, face, name))
                said.append(model.log[-1])
                names |= {name} if action == "is" else set()
        elif action == "name" and row["name"] is None:
            done = store.said("name", str(row["id"]), name)
            names |= {name} if done else set()
            said += [None] if done else []
        elif action == "split" and len(faces) > 1:
            said += [None] if store.said("split", str(row["id"]), chance.choice(sorted(faces))) else []
        elif action == "undo" and said and said[-1] is not None and said[-1][0] == "not":
            assert store.said("undo")["kind"] == "not_person"
            model.log.remove(said.pop())
        check(store, model, names) if step % 3 == 2 else None
    check(store, model, names)
    before = store.people()
    assert store("list").returncode == 0 and store.people() == before
