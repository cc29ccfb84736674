"""`mien people write-xmp` killed while it writes a thousand sidecars: each is whole, as it was or as it is to be."""

import json
import os
import random
import shutil
import signal
import subprocess
import time

import pytest
from people_scene import Store
from xmp_scene import line, names, skip_without_libraries, write_photo

PHOTOS = 1000
MOMENTS = int(os.environ.get("MIEN_TEST_MOMENTS", 10))


@pytest.fixture(name="album")
def _album(mien):
    (mien.folder / "photos").mkdir()
    store = Store(mien, [])
    skip_without_libraries(store)
    first = write_photo(store.folder / "0.jpg")
    paths = [first] + [shutil.copy(first, store.folder / f"{number}.jpg") for number in range(1, PHOTOS)]
    store.put([line(type(first)(path)) for path in paths])
    for number, person in enumerate(("Anna", "Ben")):
        assert store("is", f"{first}#{number}", person).returncode == 0
    return store


def sidecars(album):
    return sorted(album.folder.glob("*.xmp"))


def kill(mien, album, seconds):
    process = mien.start("people", "write-xmp", "--quiet", "--store", str(album.path))
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def test_an_interrupt_says_so_and_the_next_call_goes_on(mien, album):
    process = mien.start("people", "write-xmp", "--json", "--store", str(album.path), stdout=subprocess.PIPE)
    while not sidecars(album):
        time.sleep(.01)
    process.send_signal(signal.SIGINT)
    done = json.loads(process.communicate()[0])
    assert process.returncode == 130 and done["interrupted"]
    assert len(done["files"]) == len(sidecars(album)) < PHOTOS
    assert album("write-xmp", "--quiet").returncode == 0
    assert all(names(path) == ["Anna", "Ben"] for path in sidecars(album)) and len(sidecars(album)) == PHOTOS


def test_a_kill_leaves_whole_sidecars(mien, album):
    begin = time.monotonic()
    assert album("write-xmp", "--quiet").returncode == 0
    whole = time.monotonic() - begin
    assert len(sidecars(album)) == PHOTOS
    chance = random.Random(3)
    before, killed, seen = "Ben", 0, set()
    for moment in range(MOMENTS):
        after = f"Ben {moment}"
        assert album("name", before, after).returncode == 0
        killed += kill(mien, album, chance.uniform(.1, .9) * whole)
        kinds = {path.read_bytes() for path in sidecars(album)}
        seen.add(len(kinds))
        assert len(sidecars(album)) == PHOTOS
        for path in sidecars(album):
            assert names(path) in (["Anna", before], ["Anna", after]), path
        assert album("write-xmp", "--quiet").returncode == 0
        assert all(names(path) == ["Anna", after] for path in sidecars(album))
        assert len({path.read_bytes() for path in sidecars(album)}) == 1
        assert len(list(album.folder.iterdir())) == 2 * PHOTOS  # and nothing that was left behind
        before = after
    assert killed >= MOMENTS / 2 and 2 in seen, (killed, seen, whole)
