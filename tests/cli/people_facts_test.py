"""What was said of people holds, whatever happens to photos, files and embeddings: random histories against a page of
Python. MIEN_TEST_SEQUENCES=1000 runs that many.
"""

import contextlib
import copy
import json
import os
import random
import shutil

import pytest
from people_scene import Store, box_of, face_like, record, sha256, unit

QUICK = 4 if {"ASAN_OPTIONS", "TSAN_OPTIONS"} & set(os.environ) else 50
SEQUENCES = int(os.environ.get("MIEN_TEST_SEQUENCES", QUICK))
OPERATIONS, LOOKS = 50, 5  # operations of a history, and between two looks at everything
PEOPLE, PHOTOS = 4, 8
NAMES = ("Anna", "Ben", "Chloé", "Dörte", "Émile", "Fatma", "Günter", "Hana")
SIZE = (1000, 500)  # pixels of a photo, sides exchanged where it is turned


class Photo:
    """A content: who is on it, where, and what embedders make of them. Its faces keep their places in the list."""

    def __init__(self, name, centres, chance, before=None, noise=0):
        self.sha256, self.size = sha256(name), SIZE
        self.centres, self.chance = centres, chance
        self.boxes = [box_of(i) for i in range(len(centres))]
        self.before, self.noise = before, noise  # the photo that it was, and how far its faces are off that one's
        self.seen = {}  # embeddings of each embedder
        self.phash = f"{chance.getrandbits(64):016x}"

    def changed(self, name, how):
        """What an editor made of it: other metadata, turned without loss, or compressed anew."""
        photo = Photo(name, self.centres, self.chance, self, .1 if how == "compress" else 0)
        photo.size, photo.boxes, photo.phash = self.size, self.boxes, self.phash
        if how == "turn":
            photo.size = self.size[::-1]
            photo.boxes = [[self.size[1] - y2, x1, self.size[1] - y1, x2] for x1, y1, x2, y2 in self.boxes]
        return photo

    def embeddings(self, embedder):
        """An editor's version looks to any embedder like the photo that it was."""
        if embedder not in self.seen:
            if self.before is None:
                faces = [face_like(centre[embedder], self.chance) for centre in self.centres]
            else:
                faces = self.before.embeddings(embedder)
            self.seen[embedder] = [face_like(face, self.chance, self.noise) for face in faces] if self.noise else faces
        return self.seen[embedder]

    def line(self, path, embedder):
        models = {"detector": "centerface", "embedder": f"fr_{embedder}", "embedder_id": f"made-up-{embedder}"}
        return record(path, list(zip(self.boxes, self.embeddings(embedder))), self.phash, sha256=self.sha256,
                      models=models, width=self.size[0], height=self.size[1], terms=f"by {embedder}")


def without(log, names):
    return {number: entry for number, entry in log.items() if not {entry["name"], entry["other"]} & names}


class Model:
    """What must hold, folded from a log in which nothing is ever changed but the mark of what was undone."""

    def __init__(self):
        self.log = {}  # number: what was said
        self.forgotten = set()  # faces, as (sha256, N)
        self.unsure = set()  # contents that were away when somebody was forgotten, who may be on them

    def say(self, number, kind, name, faces=(), other=None):
        self.log[number] = {"kind": kind, "name": name, "faces": set(faces), "other": other, "undone": False}

    def names_ever(self):
        return {name for entry in self.log.values() for name in (entry["name"], entry["other"])}

    def holds(self):
        """Who each face was said to be, who it is not, and the names there are: of merged people the first's."""
        merged, names, said, rejected = {}, set(), {}, set()
        valid = [entry for entry in self.log.values() if not entry["undone"]]

        def now(name):
            while name in merged:
                name = merged[name]
            return name

        for entry in valid:
            if entry["kind"] == "merge" and now(entry["other"]) != now(entry["name"]):
                merged[now(entry["other"])] = now(entry["name"])
        for entry in valid:
            name = now(entry["name"])
            if entry["kind"] in ("is", "name"):
                names.add(name)
            for face in entry["faces"]:
                if entry["kind"] == "is":
                    said.setdefault(face, {}).pop(name, None)
                    said[face][name] = True  # the latest stands last
                    rejected.discard((face, name))
                elif entry["kind"] == "not":
                    said.setdefault(face, {}).pop(name, None)
                    rejected.add((face, name))
        confirmed = {face: list(people)[-1] for face, people in said.items() if people}
        return confirmed, rejected, names, now

    def carry(self, old, new):
        """The faces of one content are those of another."""
        for entry in self.log.values():
            entry["faces"] |= {(new.sha256, n) for sha, n in entry["faces"] if sha == old.sha256}
        self.forgotten |= {(new.sha256, n) for sha, n in self.forgotten if sha == old.sha256}

    def forget(self, name, faces):
        _, _, _, now = self.holds()
        person = now(name)
        names = {name for name in self.names_ever() if now(name) == person}
        self.forgotten |= faces
        self.log = without(self.log, names)
        return names


class History:
    """One store, the files that it was made of, and the model beside it."""

    def __init__(self, mien, seed):
        self.mien, self.chance, self.model = mien, random.Random(seed), Model()
        self.centres = [{"one": unit(self.chance), "two": unit(self.chance)} for _ in range(PEOPLE)]
        self.embedder, self.made, self.folder = "one", 0, mien.folder / "photos"
        self.names = list(NAMES[:4])  # those in use; of two merged people the second's is never given again
        self.files = {}  # the contents that are there, by their paths
        self.deleted = []
        self.known = {}  # and those that the store knows, with the embedder that saw them last
        self.vectors = {}  # all embedders that saw a content of the store, by its sha256
        self.backup = None
        for _ in range(PHOTOS):
            self.take_photo()
        self.store = self.make_store()
        self.index()

    def make_store(self):
        return Store(self.mien, [])

    def new_path(self):
        self.made += 1
        return str(self.folder / f"{self.made:03}.jpg")

    def take_photo(self):
        path = self.new_path()
        on = self.chance.sample(self.centres, self.chance.randint(1, 3))
        self.files[path] = Photo(path, on, self.chance)

    def index(self):
        lines = []
        unchanged = [photo for path, photo in self.files.items() if self.known.get(path, (None,))[0] is photo]
        for path, photo in self.files.items():
            before, embedder = self.known.get(path, (None, None))
            if before is photo and embedder == self.embedder:
                continue
            # The same faces are told by an embedder that has seen both, or sees a copy of what the photo was now.
            if before is not None and before is not photo and (
                    before in unchanged or self.embedder in self.vectors[before.sha256]):
                self.model.carry(before, photo)
            if before is not None and before.sha256 in self.model.unsure:
                self.model.unsure.add(photo.sha256)
            lines.append(photo.line(path, self.embedder))
            self.known[path] = (photo, self.embedder)
            self.vectors.setdefault(photo.sha256, set()).add(self.embedder)
        gone = [path for path in self.known if path not in self.files]
        self.store.put([*lines, json.dumps({"gone": gone})])

    def drop_unreachable(self):
        there = {photo.sha256 for photo, _ in self.known.values()}
        self.vectors = {content: seen for content, seen in self.vectors.items() if content in there}

    # ---- What is said

    def face_of(self, shown):
        path, _, number = shown.rpartition("#")
        return self.known[path][0].sha256, int(number)

    def some_face(self):
        return self.chance.choice([face for _, faces in self.store.people() for face in faces])

    def somebody(self):
        return self.chance.choice([(row, faces) for row, faces in self.store.people() if faces])

    def say_is(self, kind="is"):
        face, name = self.some_face(), self.chance.choice(self.names)
        done = self.store.said(kind, face, name)
        if done and done["operation"]:
            self.model.say(done["operation"], kind, name, {self.face_of(face)})

    def say_not(self):
        self.say_is("not")

    def name(self):
        row, _ = self.somebody()
        name = self.chance.choice(self.names)
        done = self.store.said("name", str(row["id"]), name) if row["name"] is None and row["id"] else None
        if done:
            self.model.say(done["operation"], "name", name)

    def merge(self):
        names = sorted({row["name"] for row, _ in self.store.people() if row["name"]} & set(self.names))
        if len(names) < 3:
            return
        first, second = self.chance.sample(names, 2)
        done = self.store.said("merge", first, second)
        self.model.say(done["operation"], "merge", first, other=second)
        self.names.remove(second)
        fresh = [name for name in NAMES if name not in self.model.names_ever() | set(self.names)]
        self.names.extend(fresh[:1])

    def split(self):
        row, faces = self.somebody()
        if len(faces) > 1:
            done = self.store.said("split", str(row["id"]), self.chance.choice(sorted(faces)))
            self.model.say(done["operation"], "split", None)

    def hide(self):
        row, _ = self.somebody()
        done = self.store.said("hide", str(row["id"])) if row["id"] else None
        if done and done["operation"]:
            self.model.say(done["operation"], "hide", row["name"])

    def undo(self):
        done = self.store.said("undo")
        if done:
            self.model.log[done["number"]]["undone"] = True

    def forget(self):
        named = [(row["name"], faces) for row, faces in self.store.people() if row["name"]]
        if len(named) < 3:
            return
        name, _ = self.chance.choice(named)
        faces = {self.face_of(face) for row, shown in self.store.people() if row["name"] == name for face in shown}
        assert self.store("forget", name, "--yes").returncode == 0
        names = self.model.forget(name, faces)
        there = {photo.sha256 for photo in self.files.values()}
        self.model.unsure |= {photo.sha256 for photo in self.deleted if photo.sha256 not in there}
        if self.backup:
            self.backup = (without(self.backup[0], names), *self.backup[1:])

    # ---- What happens to files

    def change(self, how):
        path = self.chance.choice(sorted(self.files))
        self.made += 1
        self.files[path] = self.files[path].changed(f"content {self.made}", how)
        self.index()

    def copy_file(self):
        self.files[self.new_path()] = self.files[self.chance.choice(sorted(self.files))]
        self.index()

    def move_file(self):
        self.files[self.new_path()] = self.files.pop(self.chance.choice(sorted(self.files)))
        self.index()

    def move_folder(self):
        old, self.folder = self.folder, self.folder.with_name(f"photos{self.made}")
        self.made += 1
        self.store.put([json.dumps({"move": [str(old), str(self.folder)]})])
        for table in (self.files, self.known):
            moved = {path.replace(str(old), str(self.folder)): content for path, content in table.items()}
            table.clear()
            table.update(moved)
        self.store.folder = self.folder
        self.drop_unreachable()

    def delete(self):
        if len(self.files) > 3:
            self.deleted.append(self.files.pop(self.chance.choice(sorted(self.files))))
            self.index()

    def bring_back(self):
        if self.deleted:
            self.files[self.new_path()] = self.deleted.pop()
            self.index()

    def prune(self):
        self.store.put(['{"prune": []}'])
        self.known = {path: known for path, known in self.known.items() if path in self.files}
        self.drop_unreachable()

    def add_photo(self):
        self.take_photo()
        self.index()

    def other_embedder(self):
        self.embedder = "two" if self.embedder == "one" else "one"
        self.index()

    # ---- And to the store

    def back_up(self):
        target = self.mien.folder / "backup.mien"
        target.unlink(missing_ok=True)
        done = self.mien("store", "backup", str(target), "--store", str(self.store.path))
        assert done.returncode == 0, done.stderr
        self.backup = (copy.deepcopy(self.model.log), dict(self.known), copy.deepcopy(self.vectors), self.folder)

    def restore(self):
        if self.backup is None:
            return
        log, known, vectors, folder = self.backup
        if folder != self.folder:  # the files lie elsewhere now
            return
        done = self.mien("store", "restore", str(self.mien.folder / "backup.mien"), "--store", str(self.store.path))
        assert done.returncode == 0, done.stderr
        self.model.log, self.known, self.vectors = copy.deepcopy(log), dict(known), copy.deepcopy(vectors)
        self.index()

    # ---- What must hold

    def look(self):
        confirmed, rejected, names, now = self.model.holds()
        people = self.store.people()
        shown = set()
        for row, faces in people:
            ours = {face: self.face_of(face) for face in faces}
            shown |= {(face, row["name"]) for face in ours.values()}
            for face in ours.values():
                assert (face, row["name"]) not in rejected, f"{face} is {row['name']} again"
                assert face not in self.model.forgotten, f"{face} was forgotten"
            photos = {}
            for face in set(ours.values()):
                photos.setdefault(face[0], []).append(face)
            for twice in photos.values():
                assert len(twice) == 1 or all(confirmed.get(face) == row["name"] for face in twice), twice
        there = {self.known[path][0].sha256 for path in self.files}
        everybody = {(photo.sha256, n) for photo in self.files.values() for n in range(len(photo.boxes))
                     if photo.sha256 not in self.model.unsure}
        assert everybody - self.model.forgotten <= {face for face, _ in shown}, "faces in no group"
        for face, name in confirmed.items():
            if face[0] in there and face not in self.model.forgotten:
                assert (face, name) in shown, f"{face} left {name}"
        assert names <= {row["name"] for row, _ in people}, names
        assert all(now(name) == name for name in names)


ACTIONS = {
    "say_is": 6, "say_not": 5, "name": 4, "merge": 1, "split": 3, "hide": 1, "undo": 3, "forget": 1, "copy_file": 2,
    "move_file": 2, "move_folder": 1, "delete": 2, "bring_back": 2, "prune": 1, "add_photo": 3, "other_embedder": 1,
    "back_up": 1, "restore": 1, "metadata": 2, "turn": 2, "compress": 2,
}


@contextlib.contextmanager
def playing(history, seed, look):
    """Does the random operations, looks every now and then, and says what was done where an assertion fails, also one
    of the body."""
    chance = random.Random(~seed)
    done = []
    try:
        for step in range(OPERATIONS):
            done.append(chance.choices(list(ACTIONS), ACTIONS.values())[0])
            if done[-1] in ("metadata", "turn", "compress"):
                history.change(done[-1])
            else:
                getattr(history, done[-1])()
            if step % LOOKS == LOOKS - 1:
                look()
        yield
    except AssertionError:
        print("seed", seed, "after", done)
        raise


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_what_was_said_holds(mien, seed):
    history = History(mien, seed)
    with playing(history, seed, history.look):
        before = history.store.people()
        assert history.store("list").returncode == 0 and history.store.people() == before
        checked = mien("store", "check", "--store", str(history.store.path))
        assert checked.returncode == 0, checked.stdout + checked.stderr
    shutil.rmtree(mien.folder, ignore_errors=True)
