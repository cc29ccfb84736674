"""A scan that is killed at random moments and resumed holds each image exactly once.

MIEN_FULL=1 runs the large version: 1,000 images, 20 kills.
"""

import hashlib
import json
import os
import random
import time
import zlib

from image_bytes import SIGNATURE, chunk, header

FULL = os.environ.get("MIEN_FULL") == "1"
IMAGES = 1000 if FULL else 120
KILLS = 20 if FULL else 5
SIDE = 100
SECONDS_MAX = 300  # for one run; sanitizer builds are slow


def png(index):
    """A picture of 100 x 100 that no other index has."""
    rows = bytearray()
    for y in range(SIDE):
        rows.append(0)  # no filter
        for x in range(SIDE):
            rows += bytes(((x * 2 + index) % 256, (y * 2 + index // 256) % 256, (x ^ y) & 255))

    pixels = chunk(b"IDAT", zlib.compress(bytes(rows), 1))
    return SIGNATURE + header(SIDE, SIDE) + pixels + chunk(b"IEND", b"")


def whole_lines(out):
    """The lines that end with a newline; each must be a record."""
    if not out.exists():
        return []
    return [json.loads(line) for line in out.read_bytes().split(b"\n")[:-1]]


def start(mien, out):
    return mien.start("scan", "images", "--threads", "2", "--out", out, "--resume", "--quiet")


def kill_at_random(mien, out, chance, seconds_startup):
    """One run, ended at a random moment: while it starts, or some records later."""
    size_before = out.stat().st_size if out.exists() else 0
    process = start(mien, out)
    deadline = time.monotonic() + SECONDS_MAX
    if chance.random() < 0.25:
        time.sleep(chance.uniform(0, seconds_startup))
    else:
        # A record without faces has about 500 bytes.
        bytes_more = chance.uniform(0, 2 * IMAGES / KILLS) * 500
        while process.poll() is None and time.monotonic() < deadline:
            if out.exists() and out.stat().st_size >= size_before + bytes_more:
                break
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.02))
    was_running = process.poll() is None
    process.kill()
    process.wait()
    return was_running


def test_killed_and_resumed_holds_each_image_once(mien):
    folder = mien.folder / "images"
    folder.mkdir()
    sha256 = {}
    for index in range(IMAGES):
        path = folder / f"{index:04}.png"
        path.write_bytes(png(index))
        sha256[f"images/{path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(set(sha256.values())) == IMAGES

    out = mien.folder / "out.jsonl"
    seed = int(os.environ.get("MIEN_SEED", random.randrange(1 << 30)))
    print("MIEN_SEED", seed)  # shown when the test fails
    chance = random.Random(seed)
    kills = 0
    for _ in range(KILLS):
        kills += kill_at_random(mien, out, chance, seconds_startup=1.0)
        names = [record["source"] for record in whole_lines(out)]
        assert len(names) == len(set(names)), "twice in the output"
        assert names == sorted(names), "out of order"
    print("kills", kills, "records before the last run", len(whole_lines(out)))
    assert kills > 0

    last = start(mien, out)
    assert last.wait(timeout=SECONDS_MAX) == 0
    records = whole_lines(out)
    assert out.read_bytes().endswith(b"\n")
    assert [record["source"] for record in records] == sorted(sha256)
    for record in records:
        assert record["error"] is None
        assert record["sha256"] == sha256[record["source"]]
    assert sorted(path.name for path in mien.folder.iterdir()) == ["home", "images", "out.jsonl"]
