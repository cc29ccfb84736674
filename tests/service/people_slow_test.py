"""A store of 50,000 faces: what each page costs the server, its memory over 1,000 page views, and how soon a change is
seen elsewhere. MIEN_TEST_FACES sets the number; the figures are printed (pytest -s).
"""

import io
import json
import os
import pathlib
import random
import re
import subprocess
import time

import people_album  # noqa: F401  the folder of people_scene
import people_scene
import pytest
from people_album import JSON, Album, face_like, photo_record, query, record, unit

from conftest import DEPS

FACES = int(os.environ.get("MIEN_TEST_FACES", "50000"))
SLOWER = 8 if {"ASAN_OPTIONS", "TSAN_OPTIONS"} & set(os.environ) else 1
CPU_MS_MAX = 200 * SLOWER
SEEN_SECONDS_MAX = 2 * SLOWER
PHOTO_FILES = 400  # photos that are there; of the others only the records are
FACES_A_PHOTO, PEOPLE = 3, 2000
DIMENSIONS = 512  # as real embeddings have
VIEWS = 1000
MEMORY_MB_MAX = 20  # that may be added over all views


def real_photos(folder):
    """Small versions of the sample photos, each file another one."""
    image = pytest.importorskip("PIL.Image")
    sources = sorted((DEPS / "photos").glob("obama*.jpg")) + [DEPS / "photos" / "biden.jpg"]
    if not sources[-1].is_file():
        pytest.skip(f"no photos in {DEPS}: ./dev build fetches them")
    pictures = []
    for source in sources:
        picture = image.open(source).convert("RGB")
        picture.thumbnail((1600, 1600))
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=90)
        pictures.append((data.getvalue(), picture.size))
    for number in range(PHOTO_FILES):
        data, size = pictures[number % len(pictures)]
        path = folder / f"{number:06}.jpg"
        path.write_bytes(data + number.to_bytes(4, "big"))  # what stands behind a JPEG's end is not read
        yield path, size


def boxes(size, count):
    width, height = size
    side = min(width / count, height) * .8
    return [[i * width / count, height * .1, i * width / count + side, height * .1 + side] for i in range(count)]


def large_store(folder):
    """Its records: people with few and with many faces, up to three on a photo."""
    chance = random.Random(5)
    centres = [unit(chance) for _ in range(PEOPLE)]
    weights = [1 / (i + 5) for i in range(PEOPLE)]
    files = real_photos(folder)
    for number in range(FACES // FACES_A_PHOTO):
        on = set()
        while len(on) < FACES_A_PHOTO:
            on.add(chance.choices(range(PEOPLE), weights)[0])
        faces = [face_like(centres[who], chance) for who in sorted(on)]
        taken = f"{1990 + number % 35}-0{1 + number % 9}-11T10:00:00"
        path, size = next(files, (folder / f"{number:06}.jpg", (1000, 500)))
        make = photo_record if number < PHOTO_FILES else record
        yield make(path, list(zip(boxes(size, len(faces)), faces)), f"{chance.getrandbits(64):016x}", taken=taken,
                   width=size[0], height=size[1])


def cpu_ms(process):
    """Of all threads that there are; those that ended are not counted, and none ends here."""
    tasks = pathlib.Path(f"/proc/{process.pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e6


def memory_mb(process):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1]) / 1024


class Pages:
    """One connection that stays, as a browser's."""

    def __init__(self, album):
        self.album, self.connection = album, album.service.connect()

    def ask(self, path, **options):
        self.connection.send(f"GET {query(path, **options)} HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return self.connection.receive()

    def cost(self, path, **options):
        """Milliseconds of the server's processors and on the clock, and the answer."""
        process = self.album.service.process
        before, begun = cpu_ms(process), time.monotonic()
        answer = self.ask(path, **options)
        seconds = time.monotonic() - begun
        assert answer.status == 200, answer.body
        return cpu_ms(process) - before, 1000 * seconds, answer


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    from conftest import BINARY, Service  # pylint: disable=import-outside-toplevel
    folder = tmp_path_factory.mktemp("large")
    before, people_scene.DIMENSIONS = people_scene.DIMENSIONS, DIMENSIONS
    (folder / "photos").mkdir()

    def mien(*arguments):
        return subprocess.run([BINARY, *arguments], cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder)},
                              text=True, capture_output=True, timeout=1200, check=False)

    def start(*arguments):
        return Service(folder, arguments)

    album = Album.__new__(Album)
    album.start, album.mien, album.folder = start, mien, folder
    album.store, album.photos = folder / "people.mien", folder / "photos"
    album.put(list(large_store(album.photos)))
    people_scene.DIMENSIONS = before
    begun = time.monotonic()
    listed = mien("people", "list", "--store", str(album.store), "--json")
    assert listed.returncode == 0, listed.stderr
    print(f"\nneighbours and groups of {FACES} faces: {time.monotonic() - begun:.1f} s")
    people = json.loads(listed.stdout)
    for number, row in enumerate(people[:60]):
        assert mien("people", "name", str(row["id"]), f"Person {number}", "--store", str(album.store)).returncode == 0
    album.service = start("--store", str(album.store)).ready()
    yield album
    album.service.end()


def page_requests(album):
    people = album.get(limit=60)["people"]
    first, later = people[0], people[-1]
    face = next(face for face in album.faces(first["id"], limit=200) if face["file"] < f"{PHOTO_FILES:06}")
    return [
        ("the list, first page", "/v1/people", {"limit": 60}), ("the list, by name", "/v1/people", {"order": "name"}),
        ("the list, far down", "/v1/people", {"all": "true", "offset": 1500, "limit": 200}),
        ("a person with many faces", "/v1/people/person", {"who": first["id"], "limit": 200}),
        ("that person's odd ones", "/v1/people/person", {"who": first["id"], "view": "odd"}),
        ("that person by name and year", "/v1/people/person", {"who": "Person 0", "view": "year", "year": "1999"}),
        ("a person with fewer faces", "/v1/people/person", {"who": later["id"]}),
        ("a photo", "/v1/people/photo", {"image": face["image"]}),
        ("its thumbnail", "/v1/people/thumbnail", {"face": face["id"]}),
        ("its picture", "/v1/people/picture", {"image": face["image"]}),
        ("questions", "/v1/people/questions", {}), ("history", "/v1/people/history", {}),
        ("names", "/v1/people/names", {"prefix": "p"}),
        ("what forget removes", "/v1/people/forget", {"who": later["id"]}),
        ("the list without script", "/people/list", {}), ("the revision", "/v1/people/revision", {}),
    ]


def test_each_page_costs_little(large):
    pages = Pages(large)
    rows = page_requests(large)
    failures = []
    for what, path, options in rows:
        first, _, _ = pages.cost(path, **options)
        costs = sorted(pages.cost(path, **options)[:2] for _ in range(5))
        cpu, wall = costs[2]
        print(f"{what:32} {cpu:8.2f} ms of CPU, {wall:8.2f} ms; the first time {first:8.2f} ms of CPU")
        if max(cpu, first) > CPU_MS_MAX:
            failures.append((what, cpu, first))
    assert not failures


def test_memory_stays_flat(large):
    pages, chance = Pages(large), random.Random(3)
    people = large.get(limit=200)["people"]
    faces = [face for entry in people[:20] for face in large.faces(entry["id"], limit=200)
             if face["file"] < f"{PHOTO_FILES:06}"]

    def view():
        entry = chance.choice(people)
        pages.ask("/v1/people", offset=chance.randrange(1500), limit=60)
        pages.ask("/v1/people/person", who=entry["id"], view=chance.choice(["all", "odd", "new"]))
        face = chance.choice(faces)
        assert pages.ask("/v1/people/thumbnail", face=face["id"]).status == 200
        pages.ask("/v1/people/photo", image=face["image"])
        pages.ask("/v1/people/picture", image=face["image"], size=800)

    for _ in range(VIEWS // 10):
        view()
    before = memory_mb(large.service.process)
    for _ in range(VIEWS):
        view()
    after = memory_mb(large.service.process)
    print(f"memory {before:.0f} MB, after {VIEWS} page views {after:.0f} MB")
    assert after - before < MEMORY_MB_MAX


def test_a_name_is_seen_elsewhere_within_two_seconds(large):
    """In another tab, in `mien people list`, and here what a command said."""
    pages, tab = Pages(large), Pages(large)
    entry = next(entry for entry in large.get(limit=200)["people"] if entry["name"] is None)
    before = tab.ask("/v1/people/revision").json()["revision"]
    begun = time.monotonic()
    process = large.service.process
    used = cpu_ms(process)
    body = json.dumps({"who": str(entry["id"]), "name": "Anna"})
    pages.connection.send(f"POST /v1/people/name HTTP/1.1\r\nHost: localhost\r\n{JSON}\r\n"
                          f"Content-Length: {len(body)}\r\n\r\n{body}")
    answer = pages.connection.receive()
    assert answer.status == 200, answer.body
    said, used = time.monotonic(), cpu_ms(process) - used
    assert tab.ask("/v1/people/revision").json()["revision"] != before
    assert "Anna" in [row["name"] for row in tab.ask("/v1/people", order="name").json()["people"]]
    in_tab = time.monotonic()
    assert "Anna" in large.command("list").stdout
    listed = time.monotonic()
    print(f"a name: said in {said - begun:.2f} s ({used:.0f} ms of CPU), in another tab {in_tab - said:.2f} s later, "
          f"in `mien people list` {listed - in_tab:.2f} s later")
    assert in_tab - said < SEEN_SECONDS_MAX and listed - in_tab < SEEN_SECONDS_MAX
    assert large.command("name", "Anna", "Berta").returncode == 0
    begun, used = time.monotonic(), cpu_ms(process)
    while "Berta" not in [row["name"] for row in tab.ask("/v1/people", order="name").json()["people"]]:
        assert time.monotonic() - begun < SEEN_SECONDS_MAX
    used = cpu_ms(process) - used
    print(f"a name by a command: in a tab {time.monotonic() - begun:.2f} s later, {used:.0f} ms of CPU")
    assert time.monotonic() - begun < SEEN_SECONDS_MAX
    cost = pages.cost("/v1/people/person", who="Berta")[0]
    print(f"the first person that is looked at after that: {cost:.0f} ms of CPU")
