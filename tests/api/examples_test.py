"""The examples of examples/, as the build made them: C and C++ say the same, and what is true of the photos."""

import json
import os
import re
import struct
import subprocess
import zlib
from pathlib import Path

BUILD = Path(os.environ["MIEN_BUILD"])
PHOTOS = Path(os.environ["MIEN_TEST_DEPS"]) / "photos"


def run(name: str, *arguments: object) -> str:
    command = [BUILD / "examples" / f"example_{name}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_both(name: str, *arguments: object) -> str:
    texts = [run(f"{name}_{language}", *arguments) for language in ("c", "cpp")]
    assert texts[0] == texts[1]
    return texts[0]


def test_faces_are_those_of_a_scan():
    photos = [PHOTOS / "solvay_conference_1927.jpg", PHOTOS / "astronaut.png"]
    lines = run_both("faces", *photos).splitlines()
    scan = subprocess.run([os.environ["MIEN_BINARY"], "scan", *photos], capture_output=True, text=True, timeout=120)
    expected = []
    for record in map(json.loads, scan.stdout.splitlines()):
        for face in record["faces"]:
            box = face["bbox"]
            numbers = list(box.values()) if isinstance(box, dict) else box
            expected.append((record["source"], [float32(n) for n in [*numbers, face["det_score"]]]))
    found = [(line.split()[0], [float32(float(n)) for n in line.split()[1:]]) for line in lines]
    assert sorted(found) == sorted(expected)
    assert len(found) == 30


def float32(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]


def test_compare():
    assert run_both("compare", PHOTOS / "obama.jpg", PHOTOS / "obama2.jpg").endswith("the same person\n")
    assert run_both("compare", PHOTOS / "obama.jpg", PHOTOS / "biden.jpg").endswith("different people\n")


def test_batch():
    bad = Path(__file__)
    text = run_both("batch", PHOTOS / "astronaut.png", bad, PHOTOS / "chelsea.png")
    assert re.fullmatch(r"\S+: 1 faces\n\S+: [^\n]*not an image[^\n]*\n\S+: 0 faces\n", text)


def test_camera(tmp_path):
    frame = tmp_path / "frame.nv12"
    frame.write_bytes(to_nv12(*read_png(PHOTOS / "astronaut.png")))
    assert run_both("camera", frame, 512, 512) == "1 faces\n"


def test_cancel():
    long, short = PHOTOS / "solvay_conference_1927.jpg", PHOTOS / "obama.jpg"
    for language in ("c", "cpp"):
        assert run(f"cancel_{language}", long, 1) == "cancelled: stopped by the caller\n"
        assert run(f"cancel_{language}", short, 3_000).startswith("finished before")


def read_png(path: Path) -> tuple[int, int, bytes]:
    """Width, height and RGB of a PNG with 8 bits a channel, not interlaced."""
    data = path.read_bytes()
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    assert (depth, colour) == (8, 2)
    packed, offset = b"", 8
    while offset < len(data):
        size = int.from_bytes(data[offset:offset + 4], "big")
        if data[offset + 4:offset + 8] == b"IDAT":
            packed += data[offset + 8:offset + 8 + size]
        offset += size + 12
    rows, above = zlib.decompress(packed), bytearray(3 * width)
    pixels = bytearray()
    for y in range(height):
        start = y * (3 * width + 1)
        row = bytearray(rows[start + 1:start + 1 + 3 * width])
        unfilter(rows[start], row, above)
        pixels += row
        above = row
    return width, height, bytes(pixels)


def unfilter(kind: int, row: bytearray, above: bytearray) -> None:
    for i in range(len(row)):
        left, corner = (row[i - 3], above[i - 3]) if i >= 3 else (0, 0)
        up = above[i]
        if kind == 4:
            guess = left + up - corner
            nearest = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))
            row[i] = (row[i] + nearest[2]) & 0xFF
        else:
            row[i] = (row[i] + (0, left, up, (left + up) // 2)[kind]) & 0xFF


def to_nv12(width: int, height: int, rgb: bytes) -> bytes:
    luma, chroma = bytearray(width * height), bytearray(width * height // 2)
    for at in range(width * height):
        r, g, b = rgb[3 * at:3 * at + 3]
        luma[at] = int(16.5 + 0.256788 * r + 0.504129 * g + 0.097906 * b)
        x, y = at % width, at // width
        if x % 2 == 0 and y % 2 == 0:
            to = y // 2 * width + x
            chroma[to] = int(128.5 - 0.148223 * r - 0.290993 * g + 0.439216 * b)
            chroma[to + 1] = int(128.5 + 0.439216 * r - 0.367788 * g - 0.071427 * b)
    return bytes(luma + chroma)
