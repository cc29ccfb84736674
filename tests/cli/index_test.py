"""`mien index`: what it reads, what it leaves, and what the store holds afterwards. SQLite of Python looks into it.

MIEN_TEST_MOMENTS=25 kills it at so many moments.
"""

import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import time

import pytest
from image_bytes import striped_png

STORE = "people.mien"
NAMES = ("obama.jpg", "obama2.jpg", "biden.jpg", "chelsea.png")
MOMENTS = int(os.environ.get("MIEN_TEST_MOMENTS", 10))
SECONDS_MAX = 300  # for one run; sanitizer builds are slow


@pytest.fixture
def album(mien, photos):
    folder = mien.folder / "album"
    folder.mkdir()
    for name in NAMES:
        shutil.copy2(photos / name, folder / name)
    return folder


def index(mien, *arguments, code=0):
    done = mien("index", *map(str, arguments), "--store", STORE, "--threads", "2")
    assert done.returncode == code, done.stderr
    return done.stderr


def rows(mien, query):
    store = sqlite3.connect(f"file:{mien.folder / STORE}?mode=ro", uri=True)
    try:
        return store.execute(query).fetchall()
    finally:
        store.close()


def paths(mien, gone=0):
    """Of all places, as they lie on the disk."""
    found = rows(mien, f"SELECT folder, path FROM place JOIN source ON source.id = source WHERE gone = {gone}")
    return sorted(os.path.join(folder, path).decode().rstrip("/") for folder, path in found)


def contents(mien):
    """All that must not depend on when or in how many runs it was read; ids and times left out."""
    return [
        rows(mien, "SELECT hex(sha256), width, height, phash, taken, terms, error FROM image ORDER BY sha256"),
        rows(mien, "SELECT folder, path, size, mtime_ns, hex(sha256), gone FROM place JOIN source ON source.id = source"
                   " LEFT JOIN image ON image.id = image ORDER BY folder, path"),
        rows(mien, "SELECT face.key, number, hex(box), det_score, recognition_quality, hex(half) FROM face"
                   " LEFT JOIN vector ON vector.face = face.id ORDER BY face.key"),
    ]


def opened(mien, trace):
    """The files that a run opened, by strace."""
    return {line.split('"')[1] for line in trace.read_text(errors="replace").splitlines() if '"' in line}


def test_a_second_run_opens_no_photo(mien, album):
    first = index(mien, "album")
    assert "4 photos with" in first and "0 known" in first
    assert paths(mien) == sorted(str(album / name) for name in NAMES)
    before = contents(mien)
    assert sum(row[5] is not None for row in before[2]) == len(before[2]) >= 3  # each face has its vector
    if os.geteuid() != 0:
        for name in NAMES:
            (album / name).chmod(0)  # sizes and times can be asked for all the same
    elif shutil.which("strace"):
        trace = mien.folder / "trace"
        done = subprocess.run(["strace", "-f", "-e", "trace=open,openat", "-o", trace, os.environ["MIEN_BINARY"],
                               "index", "album", "--store", STORE], cwd=mien.folder, env=mien.environment(),
                              capture_output=True, timeout=SECONDS_MAX, check=False)
        if done.returncode == 0:
            assert not {name for name in opened(mien, trace) if pathlib.Path(name).name in NAMES}
    again = index(mien, "album")
    assert "0 photos with 0 faces read" in again and "4 known" in again
    assert contents(mien) == before


def test_one_more_photo_is_read_alone(mien, album, photos):
    index(mien, "album")
    shutil.copy2(photos / "obama3.jpg", album / "more.jpg")
    said = index(mien, "album")
    assert "1 photo with" in said and "4 known" in said
    # The same content under another name is not analysed again.
    shutil.copy2(album / "more.jpg", album / "copy.jpg")
    assert "1 with the same content as another" in index(mien, "album")
    assert len(rows(mien, "SELECT id FROM image")) == 5 and len(paths(mien)) == 6
    vectors = rows(mien, "SELECT count(*), count(DISTINCT face) FROM vector")
    assert vectors[0][0] == vectors[0][1] == rows(mien, "SELECT count(*) FROM face")[0][0]


def test_gone_photos_are_marked_and_dropped_when_asked(mien, album):
    index(mien, "album")
    faces = rows(mien, "SELECT id, key FROM face ORDER BY id")
    (album / "biden.jpg").rename(mien.folder / "biden.jpg")
    assert "1 gone (kept" in index(mien, "album")
    assert paths(mien, gone=1) == [str(album / "biden.jpg")]
    assert rows(mien, "SELECT id, key FROM face ORDER BY id") == faces
    # Back again: it is there, and was not read.
    (mien.folder / "biden.jpg").rename(album / "biden.jpg")
    assert "0 photos with 0 faces read" in index(mien, "album")
    assert paths(mien, gone=1) == []
    (album / "biden.jpg").unlink()
    assert "1 dropped" in index(mien, "album", "--prune")
    assert len(paths(mien)) == 3 and paths(mien, gone=1) == []
    left = rows(mien, "SELECT id, key FROM face ORDER BY id")
    assert len(left) < len(faces) and set(left) < set(faces)


def test_a_renamed_photo_keeps_its_faces_when_it_is_pruned(mien, album):
    index(mien, "album")
    faces = rows(mien, "SELECT id, key FROM face ORDER BY id")
    (album / "obama.jpg").rename(album / "another name.jpg")
    assert "0 photos" not in index(mien, "album", "--prune")
    assert rows(mien, "SELECT id, key FROM face ORDER BY id") == faces
    assert str(album / "another name.jpg") in paths(mien)


def test_a_disk_that_is_not_mounted_is_not_pruned(mien, album):
    index(mien, "album")
    before = contents(mien)
    away = mien.folder / "away"
    album.rename(away)
    assert "mount its disk" in index(mien, "album", code=2)
    album.mkdir()  # an empty mount
    assert "will not prune" in index(mien, "album", "--prune", code=2)
    assert contents(mien) == before
    assert "is its disk mounted?" in index(mien, "album")
    assert len(paths(mien, gone=1)) == 4
    assert "4 dropped" in index(mien, "album", "--prune=all")
    assert contents(mien) == [[], [], []]


def test_moved_photos_are_not_read_again(mien, album):
    index(mien, "album")
    before = contents(mien)
    there = mien.folder / "another disk"
    album.rename(there)
    assert "4 photos now below" in index(mien, "--moved", album, there)
    assert paths(mien) == sorted(str(there / name) for name in NAMES)
    assert "0 photos with 0 faces read" in index(mien, there)
    after = contents(mien)
    assert (after[0], after[2]) == (before[0], before[2])
    assert "no photo of" in index(mien, "--moved", mien.folder / "nowhere", album, code=2)
    assert "--moved needs two folders" in index(mien, "--moved", album, code=2)


def test_moved_photos_that_were_gone(mien, album):
    """Those whose disk was away are there again; one that was deleted before is not."""
    index(mien, "album")
    (album / "biden.jpg").unlink()
    index(mien, "album")
    there = mien.folder / "another disk"
    album.rename(there)
    album.mkdir()  # an empty mount
    assert "4 gone" in index(mien, "album")
    index(mien, "--moved", album, there)
    assert len(paths(mien)) == 3 and paths(mien, gone=1) == [str(there / "biden.jpg")]


def test_a_damaged_photo_is_counted_and_not_tried_again(mien, album):
    (album / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    said = index(mien, "album", code=1)
    assert "1 failed" in said and "damaged.jpg" in said
    again = index(mien, "album", code=1)
    assert "0 photos with 0 faces read" in again and "1 failed" in again
    shutil.copy2(album / "obama.jpg", album / "damaged.jpg")
    assert "1 changed" in index(mien, "album")
    assert rows(mien, "SELECT count(*) FROM image WHERE error IS NULL") == [(4,)]


def test_two_at_once_end_with_the_rows_of_one(mien, album):
    index(mien, "album")
    alone = contents(mien)
    (mien.folder / STORE).unlink()
    both = [mien.start("index", "album", "--store", STORE, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [one.wait(timeout=SECONDS_MAX) for one in both] == [0, 0]
    assert contents(mien) == alone


def test_killed_at_any_moment_it_ends_with_the_rows_of_an_undisturbed_run(mien, album):
    for number in range(100):
        (album / f"{number:03}.png").write_bytes(striped_png(number + 1))
    index(mien, "album")
    undisturbed = contents(mien)
    for file in mien.folder.glob(STORE + "*"):
        file.unlink()
    seed = int(os.environ.get("MIEN_SEED", random.randrange(1 << 30)))
    print("MIEN_SEED", seed)
    chance = random.Random(seed)
    killed = 0
    for _ in range(MOMENTS):
        process = mien.start("index", "album", "--store", STORE, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.05, 1.5))
        killed += process.poll() is None
        process.kill()
        process.wait()
        if (mien.folder / STORE).exists() and (mien.folder / STORE).stat().st_size > 0:
            store = sqlite3.connect(mien.folder / STORE)
            assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            store.close()
    assert killed > 0
    index(mien, "album")
    assert contents(mien) == undisturbed


def test_a_list_of_wrong_calls(mien, album):
    assert "SOURCE" in mien("index").stderr
    assert "standard input" in index(mien, "-", code=2)
    assert "no such file or folder" in index(mien, "album", "none", code=2)
    (mien.folder / "empty").mkdir()
    assert "no images in empty" in index(mien, "empty", code=2)
    assert "--prune=some is not valid" in index(mien, "album", "--prune=some", code=2)
