"""Makes tests/data/images/names: small images with names of faces in XMP, as other programs write them, and where the
faces are in the upright picture (goldens.json).

    python3 tests/oracle/names_oracle.py          check that exiftool reads the names in the committed files
    python3 tests/oracle/names_oracle.py --write  make images and goldens anew

exiftool and exiv2 write the regions: exiftool as nested elements, exiv2 as attributes of descriptions, which is the
layout of Lightroom and digiKam; digiKam writes Microsoft's regions too. A region belongs to the pixels as stored: it is
found by turning a picture in which the face alone is white. Needs exiftool (libimage-exiftool-perl) and exiv2.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGES = ROOT / "tests/data/images"
NAMES = IMAGES / "names"
GOLDENS = NAMES / "goldens.json"

FACES = {"Anna Müller": (8, 5, 20, 19), "Bob": (25, 20, 39, 40)}  # left, top, right, bottom in the upright picture


def columns(rows):
    return [list(column) for column in zip(*rows)]


# From the upright picture back to how it is stored.
STORE = {
    1: lambda rows: rows,
    2: lambda rows: [row[::-1] for row in rows],
    3: lambda rows: [row[::-1] for row in rows[::-1]],
    4: lambda rows: rows[::-1],
    5: columns,
    6: lambda rows: columns(rows)[::-1],
    7: lambda rows: [row[::-1] for row in columns(rows)[::-1]],
    8: lambda rows: [row[::-1] for row in columns(rows)],
}


def stored_box(box, orientation, width, height):
    """In pixels of the stored picture, whose upright one has this size."""
    left, top, right, bottom = box
    upright = [[left <= x < right and top <= y < bottom for x in range(width)] for y in range(height)]
    rows = STORE[orientation](upright)
    ys = [y for y, row in enumerate(rows) if any(row)]
    xs = [x for x in range(len(rows[0])) if any(row[x] for row in rows)]
    return xs[0], ys[0], xs[-1] + 1, ys[-1] + 1


def exiftool(*arguments):
    return subprocess.run(["exiftool", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def regions(orientation, size):
    """By name: centre x, centre y, width, height in parts of the stored picture."""
    width, height = size[::-1] if orientation > 4 else size
    found = {}
    for name, box in FACES.items():
        left, top, right, bottom = stored_box(box, orientation, width, height)
        found[name] = ((left + right) / 2 / size[0], (top + bottom) / 2 / size[1], (right - left) / size[0],
                       (bottom - top) / size[1])
    return found


def by_exiftool(path, orientation, size, target=None):
    listed = ",".join(
        "{Area={X=%.9f,Y=%.9f,W=%.9f,H=%.9f,Unit=normalized},Name=%s,Type=Face}" % (*area, name)
        for name, area in regions(orientation, size).items())
    info = "{AppliedToDimensions={W=%d,H=%d,Unit=pixel},RegionList=[%s]}" % (*size, listed)
    extra = ["-o", target] if target else ["-overwrite_original"]
    exiftool("-q", *extra, f"-XMP-mwg-rs:RegionInfo={info}", path)


def exiv2_commands(orientation, size):
    """As digiKam writes them: both layouts, and a pet."""
    mwg = "set Xmp.mwg-rs.Regions/mwg-rs:"
    lines = [f"{mwg}AppliedToDimensions/stDim:w {size[0]}", f"{mwg}AppliedToDimensions/stDim:h {size[1]}",
             f"{mwg}AppliedToDimensions/stDim:unit pixel", f"{mwg}RegionList XmpText type=Bag",
             "set Xmp.MP.RegionInfo/MPRI:Regions XmpText type=Bag"]
    areas = list(regions(orientation, size).items())
    for at, (name, (x, y, w, h)) in enumerate(areas + [("Rex", areas[0][1])], 1):
        one = f"{mwg}RegionList[{at}]/mwg-rs:"
        lines += [f"{one}Name {name}", f"{one}Type {'Pet' if name == 'Rex' else 'Face'}", f"{one}Area/stArea:x {x:.9f}",
                  f"{one}Area/stArea:y {y:.9f}", f"{one}Area/stArea:w {w:.9f}", f"{one}Area/stArea:h {h:.9f}",
                  f"{one}Area/stArea:unit normalized"]
        if name == "Rex":
            continue
        one = f"set Xmp.MP.RegionInfo/MPRI:Regions[{at}]/MPReg:"
        lines += [f"{one}PersonDisplayName {name}",
                  f"{one}Rectangle {x - w / 2:.9f}, {y - h / 2:.9f}, {w:.9f}, {h:.9f}"]
    return [f"-M{line}" for line in lines]


def by_exiv2(path, orientation, size):
    subprocess.run(["exiv2", *exiv2_commands(orientation, size), str(path)], check=True)


def size_of(path):
    return tuple(map(int, exiftool("-s3", "-ImageWidth", "-ImageHeight", path).split()))


def copy_image(image, orientation, path):
    """Of PNGs there are only some: the others have the pixels of one whose sides are exchanged likewise."""
    if image.exists():
        shutil.copy(image, path)
        return
    shutil.copy(IMAGES / ("orientation_6.png" if orientation > 4 else "orientation_3.png"), path)
    exiftool("-q", "-overwrite_original", f"-Orientation#={orientation}", path)


def make():
    shutil.rmtree(NAMES, ignore_errors=True)
    NAMES.mkdir()
    goldens = {}
    beginnings = [(f"orientation_{value}.{kind}", value) for kind in ("jpg", "png") for value in range(1, 9)]
    for name, orientation in beginnings:
        for writer in (by_exiftool, by_exiv2):
            path = NAMES / f"{writer.__name__}_{name}"
            copy_image(IMAGES / name, orientation, path)
            size = size_of(path)
            writer(path, orientation, size)
            goldens[path.name] = {"size": size[::-1] if orientation > 4 else size, "faces": FACES}
    heic = NAMES / "photo.heic"
    shutil.copy(IMAGES / "heif/face.heic", heic)
    size = size_of(heic)
    by_exiftool(heic, 1, size, NAMES / "photo.xmp")
    plain = NAMES / "plain.jpg"
    shutil.copy(IMAGES / "orientation_1.jpg", plain)
    by_exiv2(plain, 1, size)
    subprocess.run(["exiv2", "-f", "-eX", plain], check=True)
    (NAMES / "plain.xmp").rename(NAMES / "photo.heic.xmp")
    plain.unlink()
    for name in ("photo.xmp", "photo.heic.xmp"):
        goldens[name] = {"size": size, "faces": FACES}
    GOLDENS.write_text(json.dumps(goldens, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    if parser.parse_args().write:
        make()
    for name in json.loads(GOLDENS.read_text()):
        listed = exiftool("-s3", "-RegionName", NAMES / name).strip()
        if set(listed.split(", ")) - {"Rex"} != set(FACES):
            sys.exit(f"exiftool reads {listed!r} in {name}")


if __name__ == "__main__":
    main()
