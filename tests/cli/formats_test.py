"""One face stored in every format (tests/oracle/format_oracle.py): the same box and the same person."""

import json
import os
import pathlib

import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "data/formats"
PHOTO = "astronaut.png"
CORNER = (140, 20)  # of the part of the photo that the files show
FORMATS = {
    "face_progressive.jpg": "jpeg",
    "face_gray.jpg": "jpeg",
    "face_cmyk.jpg": "jpeg",
    "face.webp": "webp",
    "face.gif": "gif",
    "face.bmp": "bmp",
    "face_jpeg.tif": "tiff",
}

# Losses move an edge by up to two pixels of 100: GIF and BMP have 128 and 256 colours, one JPEG has no colour.
SAME_BOX = 0.9
# The part and the whole photo are looked at in different sizes.
SAME_PLACE = 0.75
SAME_PERSON = 0.9


def overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - both)


def scan(mien, photos, *files):
    paths = [str((FOLDER / name).resolve()) for name in files]
    whole = str((photos / PHOTO).resolve())
    done = mien("scan", *paths, whole, "--like", whole)
    assert done.returncode == 0, done.stderr
    return {pathlib.Path(record["source"]).name: record for record in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_face_in_every_format(mien, photos, name):
    missing = [line for line in mien("version").stdout.splitlines() if line.startswith(f"missing:  {FORMATS[name]}:")]
    if missing:
        pytest.skip(missing[0])
    records = scan(mien, photos, name, "face_progressive.jpg")
    record = records[name]
    assert record["format"] == FORMATS[name]
    assert record["warnings"] == []
    assert len(record["faces"]) == 1
    box = record["faces"][0]["bbox"]
    assert overlap(box, records["face_progressive.jpg"]["faces"][0]["bbox"]) > SAME_BOX
    left, top = CORNER
    in_photo = [box[0] + left, box[1] + top, box[2] + left, box[3] + top]
    assert overlap(in_photo, records[PHOTO]["faces"][0]["bbox"]) > SAME_PLACE
    assert record["matches"][0]["similarity"] > SAME_PERSON


def test_every_file_is_named_here():
    assert sorted(name for name in os.listdir(FOLDER) if name.startswith("face")) == sorted(FORMATS)
