"""Stores for the tests of mien.Store: of the sample photos, and made-up ones; and the command's word about them."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

from conftest import DEPS, ROOT

sys.path.insert(0, str(ROOT / "tests" / "cli"))
import people_scene  # noqa: E402

PERSON = {"id": "id", "name": "name", "faces": "faces", "images": "images", "new": "new_faces", "groups": "groups",
          "person": "person", "hidden": "is_hidden", "stranger": "is_stranger", "imported": "is_imported"}
FACE = {"source": "source", "face": "number", "id": "id", "group": "group", "taken": "taken", "state": "state",
        "copies": "copies"}
OPERATION = {"number": "number", "kind": "kind", "time": "time", "person": "person", "name": "name",
             "undone": "is_undone"}


def command(*words, code=0):
    """What the program mien prints."""
    done = subprocess.run([os.environ["MIEN_BINARY"], *map(str, words)], capture_output=True, text=True, check=False,
                          timeout=120, cwd=DEPS)
    assert done.returncode == code, done.stderr
    return done.stdout


def asked(path, *words):
    """The JSON that it prints about a store."""
    return json.loads(command(*words, "--store", path, *([] if words[:2] == ("people", "export") else ["--json"])))


def picked(value, names):
    return {key: getattr(value, name) for key, name in names.items()}


def nearly(values):
    return [None if value is None else round(value, 5) for value in values]


def face_row(face):
    return picked(face, FACE) | {"bbox": nearly(face.bbox), "similarity": nearly([face.similarity])[0]}


def exported(path):
    """Of the command: `mien people export --all`, floats to five digits."""
    rows = asked(path, "people", "export", "--all")
    for row in rows:
        for face in row["faces"]:
            face["bbox"] = nearly(face["bbox"])
            face["similarity"] = nearly([face["similarity"]])[0]
    return rows


def held(store):
    """The same of mien.Store."""
    return [picked(person, PERSON) | {"faces": [face_row(face) for face in faces_of(store, person)]}
            for person in store.people(hidden=True, faces_min=1)]


def faces_of(store, person):
    return store.faces(person) if person.id is not None else []


def copied(path, folder):
    """A store of its own with the same content, of the same photos."""
    target = pathlib.Path(folder) / "copy.mien"
    shutil.copy(path, target)
    return target


def largest(store):
    return max(store.people(), key=lambda person: person.faces)


class MadeUp:
    """A store of made-up photos in a folder, which are not there as files: people, each on some of them."""

    def __init__(self, folder, people=4, photos=12, seed=1):
        import random

        chance = random.Random(seed)
        self.path, self.folder = folder / "people.mien", folder / "photos"
        self.folder.mkdir()
        centres = [people_scene.unit(chance) for _ in range(people)]
        self.truth, lines = {}, []
        for number in range(photos):
            on = chance.sample(range(people), chance.randint(1, min(3, people)))
            photo = self.folder / f"{number:02}.jpg"
            lines.append(people_scene.record(
                photo, [people_scene.face_like(centres[who], chance) for who in on], f"{chance.getrandbits(64):016x}",
                f"{2000 + number}-05-01T10:00:00" if number % 4 else None))
            self.truth |= {f"{photo}#{i}": who for i, who in enumerate(on)}
        self.put(lines)

    def put(self, lines):
        people_scene.put_records(self.path, self.folder, lines)


def put_large(folder):
    """10,000 faces, 10 MB of vectors."""
    import numpy

    rows = numpy.random.default_rng(1).standard_normal((10_000, 512)).astype("<f4")
    dimensions, people_scene.DIMENSIONS = people_scene.DIMENSIONS, 512
    try:
        lines = [people_scene.record(folder / f"{i}.jpg", list(rows[50 * i : 50 * i + 50]), f"{i:016x}")
                 for i in range(200)]
    finally:
        people_scene.DIMENSIONS = dimensions
    people_scene.put_records(folder / "people.mien", folder, lines)
    return folder / "people.mien"
