"""`mien people write-xmp`: names go into sidecars, where others read them, and follow what the store says."""

import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import stat
import subprocess

import pytest
from people_scene import Store, record, unit
from xmp_scene import (BOXES, CHANCE, HEIGHT, WIDTH, by_exiftool, by_exiv2, line, names, run, skip_without_libraries,
                       stored_box, tools, write_photo)

IMAGES = pathlib.Path(__file__).parents[1] / "data/images"
needs_tools = pytest.mark.skipif(not tools(), reason="no exiftool or exiv2: install libimage-exiftool-perl and exiv2")
MANY = IMAGES.parent / "xmp/many_properties.xmp"


class Album(Store):
    """Photos with two faces each, in a folder and in a store."""

    def __init__(self, mien, *photos):
        (mien.folder / "photos").mkdir(exist_ok=True)
        super().__init__(mien, [])
        skip_without_libraries(self)
        for photo in photos:
            self.add(write_photo(self.folder / photo))

    def add(self, path, **more):
        self.put([line(path, **more)])
        return path

    def at(self, name):
        return self.folder / name

    def name(self, photo, *people):
        for number, person in enumerate(people):
            if person:
                assert self("is", f"{self.at(photo)}#{number}", person).returncode == 0

    def write(self, *words, code=0):
        """What is said of it; photos are never changed."""
        before = {path: (path.stat(), path.read_bytes()) for path in self.folder.rglob("*") if has_photo_name(path)}
        done = self("write-xmp", "--json", *words)
        assert done.returncode == code and done.stderr == "", done.stdout + done.stderr
        for path, (status, content) in before.items():
            assert path.read_bytes() == content and path.stat().st_mtime_ns == status.st_mtime_ns, path
        return json.loads(done.stdout)


def has_photo_name(path):
    return path.suffix in {".jpg", ".png", ".heic", ".cr2"} and path.is_file()


def near(found, wanted, tolerance=1):
    return all(abs(a - b) <= tolerance for a, b in zip(found, wanted, strict=True))


def content(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@needs_tools
def test_others_read_names_and_boxes_in_all_orientations(mien):
    album = Album(mien)
    photos = {}
    for orientation in range(1, 9):
        for kind in ("jpg", "png"):
            path = album.add(write_photo(album.at(f"{orientation}.{kind}"), orientation))
            photos[path] = [stored_box(box, orientation) for box in BOXES]
            album.name(path.name, "Anna Müller", "Bob & <Co>")
    done = album.write()
    assert done["added"] == 32 and len(done["files"]) == 16 and done["left"] == [], done
    for path, boxes in photos.items():
        sidecar = path.with_name(path.name + ".xmp")
        size = tuple(map(int, run("exiftool", "-s3", "-ImageWidth", "-ImageHeight", path).split()))
        for read in (by_exiftool, by_exiv2):
            applied, found = read(sidecar)
            assert applied == size, (path, read)
            assert [name for name, _ in found] == ["Anna Müller", "Bob & <Co>"]
            for (_, box), wanted in zip(found, boxes, strict=True):
                assert near(box, wanted), (path, read, box, wanted)


@needs_tools
@pytest.mark.parametrize("file", ["face.heic", "heic_orientation_6.heic"])
def test_a_heic_has_its_sidecar(mien, file):
    scanned = json.loads(mien("scan", str(IMAGES / "heif" / file), "--quiet").stdout)
    if scanned["error"]:
        pytest.skip(scanned["error"]["message"])  # no libheif
    size = scanned["width"], scanned["height"]
    box = [round(side * part) for side, part in zip(size * 2, (.125, .25, .5, .75))]
    album = Album(mien)
    path = album.add(shutil.copy(IMAGES / "heif" / file, album.at("photo.heic")), boxes=[box], size=size)
    album.at("photo.xmp").write_bytes(MANY.read_bytes())
    album.name(path.name, "Anna")
    assert album.write()["added"] == 1
    for read in (by_exiftool, by_exiv2):
        _, found = read(album.at("photo.xmp"))
        applied = read(album.at("photo.xmp"))[0]
        assert found[-1][0] == "Anna"
        # The regions that are there apply to 300 x 200.
        assert near([at / of * side for at, of, side in zip(found[-1][1], applied * 2, size * 2)], box)
    assert not album.at("photo.heic.xmp").exists()


def properties(path):
    """All that exiftool and Exiv2 read, but for the regions."""
    tags = json.loads(run("exiftool", "-j", "-struct", "-a", "-G1", path))[0]
    kept = {key: value for key, value in tags.items() if not key.startswith(("File", "System:", "XMP-mwg-rs:"))}
    kept.pop("SourceFile")
    lines = [row for row in run("exiv2", "-PXkv", "pr", path).splitlines() if not row.startswith("Xmp.mwg-rs.")]
    return kept, lines


@needs_tools
def test_other_properties_stay(mien):
    album = Album(mien, "lake.jpg")
    sidecar = album.at("lake.jpg.xmp")
    shutil.copy(MANY, sidecar)
    tags, lines = properties(sidecar)
    assert len(tags) >= 50 and len(lines) >= 50
    album.name("lake.jpg", "Anna", "Ben")
    assert album.write()["added"] == 2
    assert properties(sidecar) == (tags, lines)
    before, after = by_exiftool(MANY), by_exiftool(sidecar)
    assert after[1][:len(before[1])] == before[1] and [name for name, _ in after[1][-2:]] == ["Anna", "Ben"]
    assert by_exiv2(sidecar)[1][:len(before[1])] == by_exiv2(MANY)[1]
    # What is not XMP at all stays too.
    without = re.sub(r"\s*<rdf:li[^>]*>\s*<rdf:Description\s+regions:Name=\"(Anna|Ben)\".*?</rdf:li>", "",
                     sidecar.read_text(), flags=re.S)
    assert without == MANY.read_text()
    for name in ("Anna", "Ben"):
        assert album("forget", name, "--yes").returncode == 0
    assert album.write()["removed"] == 2
    assert sidecar.read_bytes() == MANY.read_bytes()


def test_the_sidecar_follows_the_store(mien):
    album = Album(mien, "lake.jpg", "park.jpg")
    lake, park = album.at("lake.jpg.xmp"), album.at("park.jpg.xmp")
    album.name("lake.jpg", "Anna", "Ben")
    album.name("park.jpg", "Anne")
    album.write()
    assert names(lake) == ["Anna", "Ben"] and names(park) == ["Anne"]
    again = {path: path.stat().st_mtime_ns for path in (lake, park)}
    done = album.write()
    assert (done["added"], done["in_place"], done["files"]) == (0, 3, [])
    assert again == {path: path.stat().st_mtime_ns for path in (lake, park)}
    for words, wanted in ((("merge", "Anna", "Anne"), (["Anna", "Ben"], ["Anna"])),
                          (("name", "Anna", "Anita"), (["Anita", "Ben"], ["Anita"])),
                          (("not", f"{album.at('park.jpg')}#0", "Anita"), (["Anita", "Ben"], [])),
                          (("undo",), (["Anita", "Ben"], ["Anita"])),
                          (("hide", "Ben"), (["Anita"], ["Anita"])),
                          (("undo",), (["Anita", "Ben"], ["Anita"]))):
        assert album(*words).returncode == 0, words
        assert album.write()["left"] == []
        assert (names(lake), names(park)) == wanted, words


def test_import_after_write_gives_nothing_new(mien):
    album = Album(mien, "lake.jpg")
    album.name("lake.jpg", "Anna", "Ben")
    album.write()
    before = album("undo", "--list", "--json").stdout
    done = album("import", str(album.folder))
    assert done.returncode == 0 and "0 faces stated" in done.stdout + done.stderr
    # Not even of somebody who was forgotten, before the sidecar follows.
    assert album("forget", "Ben", "--yes").returncode == 0
    assert names(album.at("lake.jpg.xmp")) == ["Anna", "Ben"]
    assert album("import", str(album.folder)).returncode == 0
    assert "Ben" not in album("list", "--all", "--json").stdout
    assert album("undo", "--list", "--json").stdout != before
    # For another store they are names like any others, and no business of its own.
    other = mien.folder / "other.mien"
    subprocess.run([os.environ["MIEN_PUT_RECORDS"], other, album.folder], check=True, text=True,
                   input=line(album.at("lake.jpg")) + "\n")
    assert mien("people", "import", str(album.folder), "--store", str(other)).returncode == 0
    assert {"Anna", "Ben"} <= {row["name"] for row in json.loads(
        mien("people", "list", "--all", "--json", "--store", str(other)).stdout)}
    done = json.loads(mien("people", "write-xmp", "--json", "--store", str(other)).stdout)
    assert done["files"] == [] and names(album.at("lake.jpg.xmp")) == ["Anna", "Ben"]


def test_who_was_forgotten_goes_wherever_mien_wrote_it(mien):
    album = Album(mien, "lake.jpg", "park.jpg", "gone.jpg", "edited.jpg")
    for photo in ("lake.jpg", "park.jpg", "gone.jpg", "edited.jpg"):
        album.name(photo, "Anna" if photo != "park.jpg" else "Ben", "Cleo")
    album.write()
    assert names(album.at("park.jpg.xmp")) == ["Ben", "Cleo"]
    album.at("gone.jpg").unlink()
    write_photo(album.at("edited.jpg"), note="another content")
    # Somebody else has given the region another name; what mien wrote beside it is still there.
    sidecar = album.at("lake.jpg.xmp")
    sidecar.write_text(sidecar.read_text().replace('mwg-rs:Name="Anna"', 'mwg-rs:Name="Anya"'))
    assert album("forget", "Anna", "--yes").returncode == 0
    store = b"".join(path.read_bytes() for path in mien.folder.glob("people.mien*"))
    assert b"Anna" not in store
    done = album.write(code=1)
    assert done["removed"] == 3 and {pathlib.Path(one["path"]).name for one in done["left"]} == {"gone.jpg",
                                                                                                 "edited.jpg"}
    for photo in ("lake.jpg", "gone.jpg", "edited.jpg"):
        text = album.at(photo + ".xmp").read_text()
        assert "Anna" not in text and "Anya" not in text and names(album.at(photo + ".xmp")) == ["Cleo"], photo


def other_region(name, box, **more):
    x1, y1, x2, y2 = box
    area = {"x": (x1 + x2) / 2 / WIDTH, "y": (y1 + y2) / 2 / HEIGHT, "w": (x2 - x1) / WIDTH, "h": (y2 - y1) / HEIGHT}
    sides = " ".join(f'stArea:{side}="{value:.6f}"' for side, value in area.items())
    fields = " ".join(f'{key}="{value}"' for key, value in more.items())
    return (f'<rdf:li><rdf:Description mwg-rs:Name="{name}" mwg-rs:Type="Face" {fields}><mwg-rs:Area {sides} '
            'stArea:unit="normalized"/></rdf:Description></rdf:li>')


def sidecar_text(*regions):
    return ('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description rdf:about="" xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" '
            'xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"><mwg-rs:Regions rdf:parseType="Resource">'
            f'<mwg-rs:RegionList><rdf:Bag>{"".join(regions)}</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>'
            "</rdf:Description></rdf:RDF></x:xmpmeta>")


def test_what_other_programs_wrote_is_not_doubled_or_changed(mien):
    album = Album(mien, "lake.jpg", "park.jpg")
    near_first = tuple(side + 15 for side in BOXES[0])
    sidecar = album.at("lake.jpg.xmp")
    sidecar.write_text(sidecar_text(other_region("ANNA", near_first), other_region("Bob", BOXES[1])))
    album.name("lake.jpg", "Anna", "Ben")
    before = sidecar.read_text()
    done = album.write()
    assert (done["names"], done["added"], done["elsewhere"], done["beside_others"]) == (2, 1, 1, 1)
    assert names(sidecar) == ["ANNA", "Ben", "Bob"]
    for region in (other_region("ANNA", near_first), other_region("Bob", BOXES[1])):
        assert region in before and region in sidecar.read_text()
    # When others name what mien had named, mien's goes.
    album.name("park.jpg", "Cleo")
    album.write()
    sidecar = album.at("park.jpg.xmp")
    sidecar.write_text(re.sub("</rdf:Bag>", other_region("Cleo", BOXES[0]) + "</rdf:Bag>", sidecar.read_text()).replace(
        "<rdf:RDF ", '<rdf:RDF xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#" '))
    assert names(sidecar) == ["Cleo", "Cleo"]
    done = album.write()
    assert (done["removed"], done["elsewhere"]) == (1, 2) and names(sidecar) == ["Cleo"]
    assert "urn:mien" not in re.sub("xmlns:[^>]*", "", sidecar.read_text())


@needs_tools
def test_regions_that_were_drawn_upright_stay_so(mien):
    album = Album(mien)
    album.add(write_photo(album.at("lake.jpg"), 6))
    sidecar = album.at("lake.jpg.xmp")
    sidecar.write_text(sidecar_text(other_region("Ben", BOXES[1])).replace(
        "<mwg-rs:RegionList>", "<mwg-rs:AppliedToDimensions "
        'xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#" '
        f'stDim:w="{WIDTH}" stDim:h="{HEIGHT}" stDim:unit="pixel"/><mwg-rs:RegionList>'))
    album.name("lake.jpg", "Anna", "Ben")
    done = album.write()
    assert (done["added"], done["elsewhere"]) == (1, 1)
    (_, before), (name, box) = by_exiftool(sidecar)[1]
    assert near(before, BOXES[1]) and name == "Anna" and near(box, BOXES[0])
    assert album.write()["in_place"] == 1


def test_a_region_that_was_renamed_by_hand_is_somebody_elses(mien):
    album = Album(mien, "lake.jpg")
    album.name("lake.jpg", "Anna")
    album.write()
    sidecar = album.at("lake.jpg.xmp")
    sidecar.write_text(sidecar.read_text().replace('mwg-rs:Name="Anna"', 'mwg-rs:Name="Anya"'))
    done = album.write()
    assert (done["added"], done["removed"], done["beside_others"]) == (1, 0, 1)
    assert names(sidecar) == ["Anna", "Anya"]


def test_a_place_where_somebody_was_forgotten_is_never_named(mien):
    album = Album(mien, "lake.jpg")
    album.name("lake.jpg", "Anna", "Ben")
    assert album("forget", "Anna", "--yes").returncode == 0
    album.name("lake.jpg", "Dora")
    assert album.write()["names"] == 1 and names(album.at("lake.jpg.xmp")) == ["Ben"]


@needs_tools
def test_names_in_the_photo_itself_are_not_doubled(mien):
    album = Album(mien)
    path = write_photo(album.at("lake.jpg"), 6)
    box = stored_box(BOXES[0], 6)
    area = "{{X={},Y={},W={},H={},Unit=normalized}}".format(
        (box[0] + box[2]) / 2 / HEIGHT, (box[1] + box[3]) / 2 / WIDTH, (box[2] - box[0]) / HEIGHT,
        (box[3] - box[1]) / WIDTH)
    run("exiftool", "-q", "-overwrite_original", f"-XMP-mwg-rs:RegionInfo={{AppliedToDimensions={{W={HEIGHT},H={WIDTH},"
        f"Unit=pixel}},RegionList=[{{Area={area},Name=Anna,Type=Face}}]}}", path)
    album.add(path)
    album.name("lake.jpg", "Anna", "Ben")
    done = album.write()
    assert (done["added"], done["elsewhere"]) == (1, 1) and names(album.at("lake.jpg.xmp")) == ["Ben"]


def test_imported_names_are_written_when_they_are_others_now(mien):
    album = Album(mien, "lake.jpg")
    sidecar = album.at("lake.jpg.xmp")
    sidecar.write_text(sidecar_text(other_region("Anna", BOXES[0])))
    assert album("import", str(album.folder)).returncode == 0
    assert album.write()["names"] == 0
    sidecar.unlink()  # not written again either: whoever removed it there meant it
    assert album.write()["names"] == 0
    assert album("name", "Anna", "Anita").returncode == 0
    assert album.write()["added"] == 1 and names(sidecar) == ["Anita"]


def test_faces_that_are_only_alike_are_no_facts(mien):
    album = Album(mien, "lake.jpg")
    one = unit(CHANCE)
    for photo in ("a.jpg", "b.jpg"):
        path = write_photo(album.at(photo))
        album.put([record(path, [(list(BOXES[0]), one)], "0" * 16, sha256=content(path), width=WIDTH, height=HEIGHT)])
    album.name("a.jpg", "Anna")
    assert album.write()["names"] == 1 and not album.at("b.jpg.xmp").exists()
    assert album.write("--also-found")["added"] == 1 and names(album.at("b.jpg.xmp")) == ["Anna"]
    assert album.write()["removed"] == 1 and names(album.at("b.jpg.xmp")) == []


def test_strangers_groups_and_what_is_no_face_are_not_written(mien):
    album = Album(mien, "lake.jpg", "park.jpg")
    groups = {face: row["id"] for row, faces in album.people() for face in faces}
    assert album("stranger", str(groups[f"{album.at('lake.jpg')}#0"])).returncode == 0
    album.name("park.jpg", "Anna")
    album.write()
    assert album("not", f"{album.at('park.jpg')}#0", "Anna").returncode == 0
    assert album("not-a-face", f"{album.at('park.jpg')}#0").returncode == 0
    assert album.write()["removed"] == 1
    assert not album.at("lake.jpg.xmp").exists() and names(album.at("park.jpg.xmp")) == []


def test_each_copy_has_its_sidecar_and_sources_choose(mien):
    album = Album(mien, "lake.jpg")
    (album.folder / "copies").mkdir()
    copy = pathlib.Path(shutil.copy(album.at("lake.jpg"), album.at("copies/sea.jpg")))
    album.add(copy)
    album.name("lake.jpg", "Anna")
    done = album.write(str(album.at("copies")))
    assert [pathlib.Path(file["path"]) for file in done["files"]] == [copy.with_name("sea.jpg.xmp")]
    assert album.write()["added"] == 1 and names(album.at("lake.jpg.xmp")) == ["Anna"]
    missing = album("write-xmp", str(mien.folder / "elsewhere"))
    assert missing.returncode == 2 and "index it first" in missing.stderr


@pytest.mark.parametrize(("photos", "there", "written"), [
    (["a.jpg"], ["a.xmp"], ["a.xmp"]),
    (["a.jpg"], ["a.xmp", "a.jpg.xmp"], ["a.jpg.xmp"]),
    (["a.jpg"], ["a.XMP"], ["a.XMP"]),
    (["a.jpg", "a.cr2"], ["a.xmp"], ["a.jpg.xmp"]),
    (["a.jpg", "a.CR2"], [], ["a.jpg.xmp"]),
    (["a.jpg", "a.png"], ["a.xmp"], ["a.jpg.xmp"]),
    (["a.jpg.png", "a.jpg"], ["a.jpg.xmp"], ["a.jpg.png.xmp"]),
    (["a.b.jpg"], ["a.xmp"], ["a.b.jpg.xmp"]),
])
def test_which_sidecar(mien, photos, there, written):
    album = Album(mien, photos[0])
    for other in photos[1:]:
        album.at(other).write_bytes(b"another photo")
    for name in there:
        shutil.copy(MANY, album.at(name))
    album.name(photos[0], "Zoe")
    album.write()
    assert [path.name for path in sorted(album.folder.glob("*.[xX][mM][pP]")) if "Zoe" in path.read_text()] == written


def test_what_mien_wrote_before_moves_to_the_sidecar_that_counts(mien):
    album = Album(mien, "a.jpg")
    shutil.copy(MANY, album.at("a.xmp"))
    album.name("a.jpg", "Zoe")
    album.write()
    assert "Zoe" in names(album.at("a.xmp"))
    shutil.copy(MANY, album.at("a.jpg.xmp"))
    done = album.write()
    assert (done["added"], done["removed"]) == (1, 1)
    assert album.at("a.xmp").read_bytes() == MANY.read_bytes() and "Zoe" in names(album.at("a.jpg.xmp"))


def test_a_dry_run_changes_nothing(mien):
    album = Album(mien, "lake.jpg", "park.jpg")
    album.name("lake.jpg", "Anna", "Ben")
    album.write()
    assert album("name", "Ben", "Benno").returncode == 0
    album.name("park.jpg", "Anna")
    (album.folder / ".mien-xmp-abcdef").write_text("left by a program that was killed")
    before = {path: path.read_bytes() for path in album.folder.iterdir()}
    told = album("write-xmp", "--dry-run")
    assert told.returncode == 0
    assert told.stdout.splitlines() == [f"{album.at('lake.jpg.xmp')}: +Benno, -Ben",
                                        f"{album.at('park.jpg.xmp')} (new): +Anna"]
    assert "3 names in 2 photos: 2 would be written and 1 taken out, in 2 sidecars; 1 written before" in " ".join(
        told.stderr.split())
    planned = album.write("--dry-run")
    assert planned["dry_run"] and before == {path: path.read_bytes() for path in album.folder.iterdir()}
    done = album.write()
    assert done["files"] == planned["files"] and not (album.folder / ".mien-xmp-abcdef").exists()


LEFT = {
    "broken": (lambda path: path.write_text("<x:xmpmeta"), "no XML"),
    "nothing of XMP": (lambda path: path.write_text("<svg/>"), "rdf:RDF"),
    "a DTD": (lambda path: path.write_text("<!DOCTYPE a [<!ENTITY b 'b'>]><a>&b;</a>"), "DTD"),
    "UTF-16": (lambda path: path.write_bytes(MANY.read_text().replace("\ufeff", "").encode("utf-16")), "UTF-8"),
    "UTF-16 without a mark": (lambda path: path.write_bytes(MANY.read_text().replace("\ufeff", "").encode("utf-16-le")),
                              "UTF-8"),
    "Latin-1": (lambda path: path.write_bytes(b'<?xml version="1.0" encoding="ISO-8859-1"?>'
                                              + sidecar_text().encode()), "UTF-8"),
    "no characters": (lambda path: path.write_bytes(sidecar_text(other_region("X", BOXES[0])).encode().replace(
        b'"X"', b'"\xff\xfe"')), "no XML"),
    "huge": (lambda path: path.write_text(sidecar_text() + " " * (70 << 20)), "limit"),
    "large": (lambda path: path.write_text(sidecar_text() + " " * (5 << 20)), "bytes"),
    "deep": (lambda path: path.write_text("<a>" * 100 + "</a>" * 100), "deep"),
    "a folder": (lambda path: path.mkdir(), "no file"),
    "a link to nothing": (lambda path: path.symlink_to("nowhere.xmp"), "link to nothing"),
    "the photo": (lambda path: path.symlink_to(path.stem), "no XML"),
    "about two things": (lambda path: path.write_text(sidecar_text().replace(
        "</rdf:RDF>", '<rdf:Description rdf:about="b"/></rdf:RDF>').replace('about=""', 'about="a"')), "libexempi"),
    "two RDF": (lambda path: path.write_text("<a>" + sidecar_text() * 2 + "</a>"), "several"),
    "a list that is none": (lambda path: path.write_text(sidecar_text().replace("<rdf:Bag></rdf:Bag>", "text")), ""),
}


@pytest.mark.parametrize("kind", LEFT)
def test_what_cannot_be_changed_is_left_alone_and_said(mien, kind):
    make, words = LEFT[kind]
    album = Album(mien, "lake.jpg", "park.jpg")
    sidecar = album.at("lake.jpg.xmp")
    make(sidecar)
    is_file = sidecar.is_file() and not sidecar.is_symlink()
    before = sidecar.read_bytes() if is_file else None
    for photo in ("lake.jpg", "park.jpg"):
        album.name(photo, "Anna")
    done = album.write(code=1)
    assert [one["path"] for one in done["left"]] == [str(sidecar)] and words in done["left"][0]["message"], done
    assert done["added"] == 1 and names(album.at("park.jpg.xmp")) == ["Anna"]
    assert not is_file or sidecar.read_bytes() == before
    told = album("write-xmp")
    assert told.returncode == 1 and f"left alone: {sidecar}" in " ".join(told.stderr.split()), told.stderr


def test_photos_that_changed_or_are_gone_are_left_alone_and_said(mien):
    album = Album(mien, "changed.jpg", "gone.jpg", "marked.jpg", "lake.jpg")
    for photo in ("changed.jpg", "gone.jpg", "marked.jpg", "lake.jpg"):
        album.name(photo, "Anna")
    write_photo(album.at("changed.jpg"), note="turned by an editor")
    album.at("gone.jpg").unlink()
    album.at("marked.jpg").unlink()
    album.put([json.dumps({"gone": [str(album.at("marked.jpg"))]})])
    done = album.write(code=1)
    left = {pathlib.Path(one["path"]).name: one["message"] for one in done["left"]}
    assert left.keys() == {"changed.jpg", "gone.jpg"} and "mien index" in left["changed.jpg"]
    assert done["gone"] == 1 and done["added"] == 1
    assert sorted(path.name for path in album.folder.glob("*.xmp")) == ["lake.jpg.xmp"]
    # The same content with another time is no change.
    os.utime(album.at("lake.jpg"), (1, 1))
    assert album("name", "Anna", "Anita").returncode == 0
    album.write(code=1)
    assert names(album.at("lake.jpg.xmp")) == ["Anita"]


def test_mode_and_links_stay(mien):
    album = Album(mien, "lake.jpg", "park.jpg")
    real = mien.folder / "elsewhere.xmp"
    shutil.copy(MANY, real)
    real.chmod(0o664)
    album.at("lake.jpg.xmp").symlink_to(real)
    album.at("park.jpg").chmod(0o444)
    for photo in ("lake.jpg", "park.jpg"):
        album.name(photo, "Anna")
    if os.geteuid() == 0:
        os.chown(real, 1234, 2345)
        os.chown(album.at("park.jpg"), 1234, 2345)
    album.write()
    assert album.at("lake.jpg.xmp").is_symlink() and "Anna" in names(real)
    assert stat.S_IMODE(real.stat().st_mode) == 0o664
    assert stat.S_IMODE(album.at("park.jpg.xmp").stat().st_mode) == 0o644
    if os.geteuid() == 0:
        for path in (real, album.at("park.jpg.xmp")):
            assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


def as_nobody(*words, preexec=None):
    try:
        return subprocess.run([os.environ["MIEN_BINARY"], *map(str, words)], capture_output=True, text=True,
                              check=False, cwd="/", user=65534, env={"HOME": "/nonexistent"}, preexec_fn=preexec)
    except PermissionError:
        pytest.skip("cannot run the program as another user")


def small_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_folders_that_may_not_be_written_and_full_disks(mien):
    album = Album(mien, "lake.jpg")
    (album.folder / "open").mkdir()
    album.add(write_photo(album.at("open/park.jpg")))
    for photo in ("lake.jpg", "open/park.jpg"):
        album.name(photo, "Anna" * 10)
    for path in (*mien.folder.parents, mien.folder, album.folder):
        if path != pathlib.Path("/") and path.stat().st_uid == os.geteuid():
            path.chmod(path.stat().st_mode | 0o055)
    album.path.chmod(0o644)
    os.chown(album.folder / "open", 65534, 65534)
    full = as_nobody("people", "write-xmp", "--json", "--store", album.path, preexec=small_files)
    done = json.loads(full.stdout)
    assert full.returncode == 1 and len(done["left"]) == 2 and "too large" in done["left"][1]["message"], full
    assert [path.name for path in (album.folder / "open").iterdir()] == ["park.jpg"]
    told = as_nobody("people", "write-xmp", "--json", "--store", album.path)
    done = json.loads(told.stdout)
    assert told.returncode == 1 and [one["path"] for one in done["left"]] == [str(album.at("lake.jpg.xmp"))]
    assert "Permission denied" in done["left"][0]["message"] and done["added"] == 1
    assert names(album.at("open/park.jpg.xmp")) == ["Anna" * 10]


def test_names_that_xml_has_other_uses_for(mien):
    album = Album(mien, "lake.jpg")
    album.name("lake.jpg", "O'Neil & \"Söhne\" <b>", "李小龍 ]]> 🙂")
    album.write()
    assert album.write()["in_place"] == 2
    other = mien.folder / "other.mien"
    subprocess.run([os.environ["MIEN_PUT_RECORDS"], other, album.folder], check=True, text=True,
                   input=line(album.at("lake.jpg")) + "\n")
    assert mien("people", "import", str(album.folder), "--store", str(other)).returncode == 0
    listed = json.loads(mien("people", "list", "--all", "--json", "--store", str(other)).stdout)
    assert {row["name"] for row in listed} == {"O'Neil & \"Söhne\" <b>", "李小龍 ]]> 🙂"}
