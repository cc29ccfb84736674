"""A scan with a device in the middle of its batches: killed and resumed, or told to end, it loses no photo.

The test device takes its time, so that at any moment some batches run and others are not full yet. MIEN_FULL=1 runs the
large version: 1,000 photos, 20 kills.
"""

import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import time
import zlib

import pytest
from image_bytes import SIGNATURE, chunk, header

FULL = os.environ.get("MIEN_FULL") == "1"
PHOTOS = 1000 if FULL else 100
KILLS = 20 if FULL else 5
SIZES = ((96, 80), (320, 200), (200, 320), (310, 240), (280, 320), (400, 340))
SQUARE = 48  # pixels of a face of the tiny detector
SECONDS_MAX = 300  # for one run; sanitizer builds are slow
SECONDS_TO_END = 5 if {"ASAN_OPTIONS", "TSAN_OPTIONS"} & set(os.environ) else 1
PIXELS_OFF = 0.05  # less than the boxes of two CPU libraries differ
COSINE = 0.9999
DEVICE = pathlib.Path(os.environ.get("MIEN_BUILD", "")) / "tests/libmien_test_device.so"
TINY_MODELS = os.environ.get("MIEN_WRITE_TINY_MODELS", "")

pytestmark = pytest.mark.skipif(not (TINY_MODELS and DEVICE.exists()),
                                reason="for ctest, in a build with the test device and the Python package")


def png(index):
    """A dark picture that no other index has, with a red square or two; every seventh shows none."""
    width, height = SIZES[index % len(SIZES)]
    chance = random.Random(index)
    places = [] if index % 7 == 6 else [
        (chance.randrange(width - SQUARE), chance.randrange(height - SQUARE)) for _ in range(1 + index % 2)]
    dark = b"".join(bytes((40 + (x * 3 + index) % 50, 50 + (x + index // 50) % 40, 60)) for x in range(width))
    rows = bytearray()
    for y in range(height):
        row = bytearray(dark)
        for left, top in places:
            if top <= y < top + SQUARE:
                row[left * 3 : (left + SQUARE) * 3] = bytes((250 - (y + index) % 9, 40, 30)) * SQUARE
        rows += b"\0" + row  # no filter

    pixels = chunk(b"IDAT", zlib.compress(bytes(rows), 1))
    return SIGNATURE + header(width, height) + pixels + chunk(b"IEND", b"")


def whole_lines(out):
    """The records in the lines that end with a newline."""
    return [json.loads(line) for line in out.read_bytes().split(b"\n")[:-1]] if out.exists() else []


class Scan:
    """The same photos, scanned again and again into one file."""

    def __init__(self, mien):
        self.mien = mien
        self.out = mien.folder / "out.jsonl"
        self.folder = mien.folder / "images"
        self.folder.mkdir()
        # A killed device leaves a half-written file of its own here; what lies beside the photos is mien's alone.
        self.counters = mien.folder / "device" / "counters.json"
        self.counters.parent.mkdir()
        self.sha256 = {}
        for index in range(PHOTOS):
            data = png(index)
            (self.folder / f"{index:04}.png").write_bytes(data)
            self.sha256[f"images/{index:04}.png"] = hashlib.sha256(data).hexdigest()
        assert len(set(self.sha256.values())) == PHOTOS
        subprocess.run([TINY_MODELS, mien.folder], check=True)

    def arguments(self, out, *more):
        models = ["--det", "detector.onnx", "--rec", "embedder.onnx"]
        return ["scan", "images", "--threads", "4", "--embeddings", "json", "--out", str(out), *models, *more]

    def start(self, mode, **orders):
        told = {"plan_ms": 30, "slow_us": 1000, "item_us": 1000} | orders
        settings = {
            "MIEN_TEST_DEVICE": str(DEVICE),
            "MIEN_TEST_DEVICE_COMPILES_SLOWLY": "1",
            "MIEN_TEST_DEVICE_FAULTS": ",".join(f"{name}={value}" for name, value in told.items()),
            "MIEN_TEST_DEVICE_COUNTERS": str(self.counters),
            "FACE_DETECTION_GPU": mode,
            "FACE_EMBEDDING_GPU": mode,
        }
        command = [os.environ["MIEN_BINARY"], *self.arguments(self.out, "--resume")]
        return subprocess.Popen(command, cwd=self.mien.folder, env=self.mien.environment(**settings),
                                stderr=subprocess.PIPE, text=True)

    def counted(self, name):
        try:
            return json.loads(self.counters.read_text()).get(name, 0)
        except (OSError, ValueError):  # not there, or half written
            return 0

    def expect_in_order_and_once(self):
        names = [record["source"] for record in whole_lines(self.out)]
        assert len(names) == len(set(names)), "twice in the output"
        assert names == sorted(names), "out of order"

    def finish(self, mode):
        """Resumes until all is done, and compares with a scan by the CPU alone."""
        process = self.start(mode)
        _, errors = process.communicate(timeout=SECONDS_MAX)
        assert process.returncode == 0, errors
        records = whole_lines(self.out)
        assert self.out.read_bytes().endswith(b"\n")
        assert [record["source"] for record in records] == sorted(self.sha256)
        done = self.mien(*self.arguments("cpu.jsonl", "--gpu=off"))
        assert done.returncode == 0, done.stderr
        alone = {record["source"]: record for record in whole_lines(self.mien.folder / "cpu.jsonl")}
        for record in records:
            assert record["error"] is None
            assert record["sha256"] == self.sha256[record["source"]]
            expect_equal_faces(record, alone[record["source"]])
        embedded = sum("embedding" in face for record in records for face in record["faces"])
        assert embedded > PHOTOS / 4, "the photos show too little"
        return records


def expect_equal_faces(found, expected):
    assert len(found["faces"]) == len(expected["faces"]), found["source"]
    for ours, theirs in zip(found["faces"], expected["faces"]):
        assert ours["bbox"] == pytest.approx(theirs["bbox"], abs=PIXELS_OFF), found["source"]
        one, other = ours.get("embedding"), theirs.get("embedding")
        assert (one is None) == (other is None), found["source"]
        if one is None:  # the tiny detector's second anchor gives landmarks that are one point
            continue
        lengths = sum(a * a for a in one) ** 0.5 * sum(b * b for b in other) ** 0.5
        assert sum(a * b for a, b in zip(one, other)) >= COSINE * lengths, found["source"]


def ran(records, operation):
    return [record["placement"].get(operation, {}).get("ran", "") for record in records]


def kill_at_random(scan, mode, chance):
    """One run, killed while it starts or some records later. Returns whether it was still at work."""
    size_before = scan.out.stat().st_size if scan.out.exists() else 0
    process = scan.start(mode)
    deadline = time.monotonic() + SECONDS_MAX
    if chance.random() < 0.25:
        time.sleep(chance.uniform(0, 0.5))
    else:
        # A record with a face has about 2,000 bytes.
        bytes_more = chance.uniform(0, 2 * PHOTOS / KILLS) * 2000
        while process.poll() is None and time.monotonic() < deadline:
            if scan.out.exists() and scan.out.stat().st_size >= size_before + bytes_more:
                break
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.02))
    was_running = process.poll() is None
    process.kill()
    process.communicate()
    return was_running


@pytest.mark.parametrize("mode", ["true", "require"])
def test_killed_in_the_middle_of_batches_and_resumed(mien, mode):
    scan = Scan(mien)
    seed = int(os.environ.get("MIEN_SEED", random.randrange(1 << 30)))
    print("MIEN_SEED", seed)  # shown when the test fails
    chance = random.Random(seed)
    kills = 0
    for _ in range(KILLS):
        kills += kill_at_random(scan, mode, chance)
        scan.expect_in_order_and_once()
    print("kills", kills, "records before the last run", len(whole_lines(scan.out)))
    assert kills > 0
    records = scan.finish(mode)
    if mode == "require":
        assert set(ran(records, "face_detection")) == {"test"}
    expected = {"cpu.jsonl", "detector.onnx", "device", "embedder.onnx", "home", "images", "out.jsonl"}
    assert {path.name for path in mien.folder.iterdir()} == expected


def wait_for(is_reached, process):
    """Until the scan is there. Returns whether it is still at work."""
    deadline = time.monotonic() + SECONDS_MAX
    while process.poll() is None and not is_reached():
        assert time.monotonic() < deadline, "it does not come so far"
        time.sleep(0.01)
    return process.poll() is None


@pytest.mark.parametrize(("mode", "orders", "begins", "number"), [
    # A plan of half a minute, while the CPU works or while all wait for it.
    ("true", {"plan_ms": 30_000}, "records", signal.SIGTERM),
    ("require", {"plan_ms": 10_000}, "plans", signal.SIGTERM),
    # Runs of seconds, while other photos wait in batches that are not full; and shorter ones, with records before.
    ("require", {"plan_ms": 1, "item_us": 100_000}, "model_runs", signal.SIGTERM),
    ("require", {"plan_ms": 1, "item_us": 20_000}, "records", signal.SIGTERM),
    # Many short ones.
    ("true", {}, "model_runs", signal.SIGTERM),
    ("require", {}, "model_runs", signal.SIGINT),
], ids=["planning", "planning-require", "slow-runs", "slow-runs-with-records", "runs", "runs-require"])
def test_told_to_end_with_batches_half_full(mien, mode, orders, begins, number):
    scan = Scan(mien)
    process = scan.start(mode, **orders)

    def is_begun():
        if begins == "records":
            return scan.out.exists() and scan.out.stat().st_size > 0
        return scan.counted(begins) >= 1

    try:
        was_running = wait_for(is_begun, process)
        begin = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=SECONDS_MAX)
        seconds = time.monotonic() - begin
    finally:
        process.kill()
    print(f"ended after {seconds:.2f} s, at work until then: {was_running}")
    is_done = mode != "require" and f"{PHOTOS} images, " in errors  # it was faster, and the signal may end what is left
    assert process.returncode in ((0, -number) if is_done else (130,)), errors
    assert is_done or "--resume" in errors
    assert seconds <= SECONDS_TO_END
    scan.expect_in_order_and_once()
    scan.finish("true")
