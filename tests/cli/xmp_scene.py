"""Photos with made-up faces for the tests of names in XMP, and what exiftool and Exiv2 read of them."""

import hashlib
import json
import random
import re
import shutil
import subprocess

import pytest
from people_scene import record, unit
from PIL import Image, ImageOps

WIDTH, HEIGHT = 300, 200  # of the upright picture
BOXES = ((20, 30, 110, 150), (180, 40, 260, 170))
# From the upright picture back to how it is stored.
STORE = {2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE,
         6: Image.ROTATE_90, 7: Image.TRANSVERSE, 8: Image.ROTATE_270}
CHANCE = random.Random(5)


def tools():
    """Whether the programs are there that read what mien writes."""
    return shutil.which("exiftool") and shutil.which("exiv2")


def skip_without_libraries(store):
    """What mien may be built without."""
    told = store("write-xmp")
    if "libexempi" in told.stderr or "libexpat" in store.mien("version").stdout:
        pytest.skip("no libexempi or no libexpat")
    assert told.returncode == 0, told.stderr


def stored_picture(orientation, box=None):
    """White where the box is, else grey, as a file of this orientation has it."""
    upright = Image.new("RGB", (WIDTH, HEIGHT), (0, 0, 0) if box else (90, 120, 60))
    if box:
        upright.paste((255, 255, 255), box)
    return upright if orientation == 1 else upright.transpose(STORE[orientation])


def write_photo(path, orientation=1, note=""):
    """A photo whose content no other has that has another note."""
    picture = stored_picture(orientation)
    exif = picture.getexif()
    exif[0x112] = orientation
    exif[0x10e] = note or path.name
    picture.save(path, exif=exif)
    with Image.open(path) as written:
        assert ImageOps.exif_transpose(written).size == (WIDTH, HEIGHT)
    return path


def stored_box(box, orientation):
    """Where the box is in the pixels as stored, found by its colour."""
    return stored_picture(orientation, box).getbbox()


def line(path, boxes=BOXES, size=(WIDTH, HEIGHT), **more):
    """The record of a photo with these faces, each like no other."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    faces = [(list(box), unit(CHANCE)) for box in boxes]
    return record(path, faces, f"{CHANCE.getrandbits(64):016x}", sha256=digest, width=size[0], height=size[1], **more)


def run(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout


def pixels(area, size):
    x, y, w, h = (float(value) for value in area)
    return [(x - w / 2) * size[0], (y - h / 2) * size[1], (x + w / 2) * size[0], (y + h / 2) * size[1]]


def by_exiftool(path):
    """The size that regions apply to, and (name, box in its pixels) of each."""
    info = json.loads(run("exiftool", "-j", "-struct", "-n", "-RegionInfo", path))[0].get("RegionInfo")
    if not info:
        return None, []
    size = info["AppliedToDimensions"]["W"], info["AppliedToDimensions"]["H"]
    areas = [(str(one["Name"]), [one["Area"][side] for side in "XYWH"]) for one in info["RegionList"]]
    return size, [(name, pixels(area, size)) for name, area in areas]


def by_exiv2(path):
    """Likewise. Its keys have the prefixes that the file has."""
    rows = [(row.split(maxsplit=1) + [""])[:2] for row in run("exiv2", "-PXkv", "pr", path).splitlines()]
    rows = {re.sub(r"/[\w-]+:", "/", key): value.strip() for key, value in rows}
    root = "Xmp.mwg-rs.Regions/"
    if root + "AppliedToDimensions/w" not in rows:
        return None, []
    size = tuple(int(rows[f"{root}AppliedToDimensions/{side}"]) for side in "wh")
    found = []
    for number in range(1, 1000):
        one = f"{root}RegionList[{number}]/"
        if one + "Name" not in rows:
            return size, found
        found.append((rows[one + "Name"], pixels([rows[f"{one}Area/{side}"] for side in "xywh"], size)))
    return size, found


def names(path):
    return sorted(re.findall(r':Name="([^"]*)"', path.read_text())) if path.exists() else []
