"""`mien people import`: names that exiftool writes into photos and beside them come back as people."""

import json
import shutil
import subprocess

import pytest

STORE = ("--store", "people.mien")
needs_exiftool = pytest.mark.skipif(not shutil.which("exiftool"),
                                    reason="no exiftool: install libimage-exiftool-perl")


@pytest.fixture
def album(mien, photos):
    if "libexpat" in mien("version").stdout:
        pytest.skip("no libexpat")
    folder = mien.folder / "album"
    folder.mkdir()
    for name in ("obama.jpg", "biden.jpg"):
        shutil.copy2(photos / name, folder / name)
    return folder


def run(mien, *arguments, code=0):
    done = mien(*map(str, arguments), *STORE)
    assert done.returncode == code, done.stderr
    return " ".join((done.stdout + done.stderr).split())


def faces(mien, path):
    """Boxes in parts of the picture."""
    record = json.loads(mien("scan", str(path), "--quiet").stdout)
    sides = [record["width"], record["height"]] * 2
    return [[at / side for at, side in zip(face["bbox"], sides)] for face in record["faces"]]


def write(path, named, target=None):
    """Names with boxes, as regions of the Metadata Working Group."""
    regions = ",".join(
        f"{{Area={{X={(x1 + x2) / 2},Y={(y1 + y2) / 2},W={x2 - x1},H={y2 - y1},Unit=normalized}},Name={name},"
        "Type=Face}"
        for name, (x1, y1, x2, y2) in named)
    info = f"-XMP-mwg-rs:RegionInfo={{AppliedToDimensions={{W=1,H=1,Unit=pixel}},RegionList=[{regions}]}}"
    extra = ["-o", str(target)] if target else ["-overwrite_original"]
    subprocess.run(["exiftool", "-q", *extra, info, str(path)], check=True)


def people(mien):
    listed = mien("people", "list", "--all", "--json", *STORE)
    return {one["name"]: one["faces"] for one in json.loads(listed.stdout) if one["name"]}


@needs_exiftool
def test_names_in_photos_and_sidecars_become_people(mien, album):
    box = faces(mien, album / "obama.jpg")[0]
    write(album / "obama.jpg", [("Barack", box), ("Nobody", [0, 0, 0.02, 0.02])])
    write(album / "biden.jpg", [("Joe", faces(mien, album / "biden.jpg")[0])], album / "biden.xmp")
    run(mien, "index", "album")
    said = run(mien, "people", "import", "album")
    assert "3 names in 2 photos of 2: 2 faces stated, of 2 people; 1 where no face was found" in said
    assert people(mien).keys() == {"Barack", "Joe"}
    # Again: nothing is said twice, and undo takes one person's names back.
    assert "2 known from before" in run(mien, "people", "import", "album")
    run(mien, "people", "undo")
    assert len(people(mien)) == 1


@needs_exiftool
def test_what_was_said_here_counts_more(mien, album):
    run(mien, "index", "album")
    run(mien, "people", "is", "album/obama.jpg#0", "Anna")
    write(album / "obama.jpg", [("Barack", faces(mien, album / "obama.jpg")[0])], album / "obama.jpg.xmp")
    run(mien, "people", "import", "album")
    assert people(mien)["Anna"] == 1


def test_broken_sidecars_are_counted(mien, album):
    (album / "obama.xmp").write_text("no XML")
    (album / "biden.xmp").write_text("<!DOCTYPE a [<!ENTITY b 'b'>]><a>&b;</a>")
    run(mien, "index", "album")
    said = run(mien, "people", "import", "album", code=1)
    assert "obama.xmp: it is no XML" in said and "biden.xmp: it has a DTD" in said
    assert "index it first" in run(mien, "people", "import", "none", code=2)
