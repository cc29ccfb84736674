"""The commands of a store on a disk that is full, and killed: nothing is lost or doubled, and the run that follows ends
with the rows of an undisturbed one.

MIEN_TEST_MOMENTS=25 takes so many sizes of disks, and moments.
"""

import json
import os
import pathlib
import random
import resource
import shutil
import subprocess
import sys
import time

import pytest
from conftest import BINARY, SECONDS_MAX
from image_bytes import striped_png
from people_scene import face_like, put_records, record, unit

STORE_TESTS = pathlib.Path(__file__).resolve().parents[1] / "store"
sys.path.append(str(STORE_TESTS))
from store_tool import rows  # pylint: disable=wrong-import-position

MOMENTS = int(os.environ.get("MIEN_TEST_MOMENTS", 10))
PEOPLE, PHOTOS = 5, 60
COMPUTED = ("neighbour", "stale", "grouping", "grouped")
COPY, NOTE = "copy.mien", "people.mien.forgotten"

# What the commands do, with the numbers of groups that `start` finds.
COMMANDS = {
    "index": ("index", "{album}", "--threads", "1", "--quiet"),
    "group": ("people", "list"),
    "name": ("people", "name", "{group}", "Cleo"),
    "merge": ("people", "merge", "Anna", "Ben"),
    "forget": ("people", "forget", "Anna", "--yes"),
    "backup": ("store", "backup", COPY),
    "restore": ("store", "restore", "backup.mien"),
}
WHOLE = ("name", "merge", "backup", "restore")  # done or not begun; the others go on where they were


@pytest.fixture(name="disk", scope="module")
def compiled(tmp_path_factory):
    library = tmp_path_factory.mktemp("disk") / "odd_disks.so"
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, STORE_TESTS / "odd_disks.c", "-ldl"],
                   check=True)
    return library


def photos_of(folder, chance, centres, numbers):
    return [record(folder / f"{number:03}.jpg",
                   [face_like(centres[who], chance) for who in chance.sample(range(PEOPLE), 2)],
                   f"{chance.getrandbits(64):016x}") for number in numbers]


def said_in(found):
    """Without what is computed again."""
    return {table: found[table] for table in found if table not in COMPUTED}


class Scene:
    """A store with two people and a backup from before the second; each try begins with a copy of it."""

    def __init__(self, mien, photos, name):
        self.mien = mien
        start = mien.folder / "start"
        start.mkdir()
        chance = random.Random(7)
        centres = [unit(chance) for _ in range(PEOPLE)]
        folder = mien.folder / "photos"
        store = start / "people.mien"
        put_records(store, folder, photos_of(folder, chance, centres, range(PHOTOS)))
        self.run(start, "people", "name", self.groups(start)[0], "Anna")
        self.run(start, "store", "backup", "backup.mien")
        self.run(start, "people", "name", self.groups(start)[0], "Ben")
        if name == "group":
            put_records(store, folder, photos_of(folder, chance, centres, range(PHOTOS, 2 * PHOTOS)))
        self.command = [word.format(album=mien.folder / "album", group=self.groups(start)[0] if name == "name" else "")
                        for word in COMMANDS[name]]
        if name == "index":
            self.make_album(photos)
        self.start, self.before = start, rows(store)
        self.done = self.copy("done")
        began = time.monotonic()
        self.run(self.done, *self.command)
        self.seconds = time.monotonic() - began
        self.after = rows(self.done / "people.mien")

    def make_album(self, photos):
        album = self.mien.folder / "album"
        album.mkdir()
        for number in range(12):
            (album / f"{number:03}.png").write_bytes(striped_png(number + 1))
        for photo in ("obama.jpg", "biden.jpg"):
            shutil.copy2(photos / photo, album / photo)

    def copy(self, name):
        target = self.mien.folder / name
        shutil.copytree(self.start, target)
        return target

    def start_in(self, folder, *words, **options):
        environment = self.mien.environment() | options.pop("variables", {})
        return subprocess.Popen([BINARY, *map(str, words), "--store", "people.mien"], cwd=folder, env=environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def run(self, folder, *words, code=0, **options):
        process = self.start_in(folder, *words, **options)
        out, complaint = process.communicate(timeout=SECONDS_MAX)
        assert code is None or process.returncode == code, complaint
        return process.returncode, out, complaint

    def groups(self, folder):
        """Of nobody yet, the largest first."""
        listed = json.loads(self.run(folder, "people", "list", "--json")[1])
        return [row["id"] for row in sorted(listed, key=lambda row: -row["faces"]) if row["name"] is None]

    def check(self, folder, name):
        """After it was stopped somewhere: sound, nothing lost, and done by the next run."""
        store = folder / "people.mien"
        self.run(folder, "store", "check")
        found = rows(store)
        for table in ("operation", "person", "verdict"):
            assert name in ("restore", "forget") or set(self.before[table]) <= set(found[table]), table
        if name in WHOLE:
            assert said_in(found) in (said_in(self.before), said_in(self.after))
        if name == "forget":
            assert said_in(found) in (said_in(self.before), said_in(self.after) | {"state": found["state"]})
        if (folder / COPY).exists():
            assert rows(folder / COPY) == rows(self.done / COPY)
            (folder / COPY).unlink()
        is_said = {"forget": found["forgotten"] == self.after["forgotten"],
                   "name": said_in(found) == said_in(self.after), "merge": said_in(found) == said_in(self.after)}
        if is_said.get(name):  # cannot be said twice
            self.run(folder, "people", "list")
        else:
            self.run(folder, *self.command)
        assert rows(store) == self.after
        if name == "forget":
            assert (folder / NOTE).read_bytes() and not any(b"Anna" in file.read_bytes()
                                                            for file in folder.glob("people.mien*"))
        shutil.rmtree(folder)


def judge_refusal(complaint):
    """The message names the file and the disk's fault."""
    assert ".mien" in complaint, complaint
    assert "no space is left" in complaint or "o space left on device" in complaint or (
        "ile too large" in complaint and "free space" in complaint), complaint


def judge_without_room(scene, name, limited):
    """The command where there is room for less and less of it; `limited(moment)` says how to Scene.run."""
    failures = 0
    for moment in range(MOMENTS):
        folder = scene.copy(str(moment))
        code, _, complaint = scene.run(folder, *scene.command, code=None, **limited(moment))
        failures += code != 0
        if code != 0:
            judge_refusal(complaint)
        scene.check(folder, name)
    assert failures > 0


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk(mien, photos, disk, name):
    scene = Scene(mien, photos, name)
    count = scene.copy("count")
    variables = {"LD_PRELOAD": str(disk), "ODD_DISK": "full",
                 "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
    scene.run(count, *scene.command,
              variables=variables | {"ODD_DISK_BYTES": str(1 << 40), "ODD_DISK_USED": str(mien.folder / "used")})
    used = int((mien.folder / "used").read_text())
    judge_without_room(
        scene, name, lambda moment: {"variables": variables | {"ODD_DISK_BYTES": str(used * moment // MOMENTS)}})


@pytest.mark.parametrize("name", COMMANDS)
def test_files_that_may_not_grow(mien, photos, name):
    """A limit on the size of files, as `ulimit -f` sets it."""
    scene = Scene(mien, photos, name)
    largest = max(file.stat().st_size for file in scene.done.iterdir())

    def limited(moment):
        size = largest * moment // MOMENTS
        return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))}

    judge_without_room(scene, name, limited)


@pytest.mark.parametrize("name", COMMANDS)
def test_killed(mien, photos, name):
    scene = Scene(mien, photos, name)
    chance = random.Random(name)
    killed = 0
    for moment in range(MOMENTS):
        folder = scene.copy(str(moment))
        process = scene.start_in(folder, *scene.command)
        time.sleep(chance.uniform(0, scene.seconds))
        killed += process.poll() is None
        process.kill()
        process.communicate()
        scene.check(folder, name)
    assert killed > 0
