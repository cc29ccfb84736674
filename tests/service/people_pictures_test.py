"""Thumbnails and photos of people: the right pixels, of the photo that was indexed, and of nothing else."""

import contextlib
import io
import os
import pathlib
import shutil
import subprocess
import threading

import pytest
from people_album import POSTS, Album, photo_record, query

from conftest import BINARY, DEPS
from security_test import children


@contextlib.contextmanager
def traced(service, calls, path):
    """Writes these system calls of the service to a file meanwhile."""
    tracer = subprocess.Popen(["strace", "-f", "-e", f"trace={calls}", "-o", str(path), "-p",
                               str(service.process.pid)], stderr=subprocess.PIPE, text=True)
    line = tracer.stderr.readline()
    if "attached" not in line:
        tracer.wait(timeout=20)
        pytest.skip(f"strace cannot attach here: {line.strip()}")
    try:
        yield
    finally:
        tracer.terminate()
        tracer.wait(timeout=20)


@pytest.fixture
def photo_album(start, mien, tmp_path, photo):
    """A store of copies of one real photo, each turned otherwise, with its face."""
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path / "photos"
    folder.mkdir()
    upright = image.open(io.BytesIO(photo)).convert("RGB")
    upright.thumbnail((800, 800))
    lines, (width, height) = [], upright.size
    box = [width * .3, height * .1, width * .5, height * .3]
    turns = {1: None, 2: image.Transpose.FLIP_LEFT_RIGHT, 3: image.Transpose.ROTATE_180,
             4: image.Transpose.FLIP_TOP_BOTTOM, 5: image.Transpose.TRANSPOSE, 6: image.Transpose.ROTATE_90,
             7: image.Transpose.TRANSVERSE, 8: image.Transpose.ROTATE_270}
    for orientation, turn in turns.items():
        path = folder / f"{orientation}.jpg"
        exif = image.Exif()
        exif[274] = orientation
        (upright if turn is None else upright.transpose(turn)).save(path, quality=95, exif=exif)
        lines.append(photo_record(path, [(box, [1.0] + [0.0] * 63)], "0" * 16, width=width, height=height))
    album = Album(start, mien, tmp_path, lines)
    return album, image, upright, box


def difference(image, one, other):
    assert one.size == other.size, (one.size, other.size)
    pairs = zip(one.convert("RGB").resize((32, 32)).getdata(), other.convert("RGB").resize((32, 32)).getdata())
    return sum(abs(a - b) for pair in pairs for a, b in zip(*pair)) / (3 * 32 * 32)


def test_a_thumbnail_is_a_square_around_the_face_whatever_the_orientation(photo_album):
    album, image, upright, box = photo_album
    side = -(-int(1.5 * max(box[2] - box[0], box[3] - box[1])) // 1)
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    left, top = max(0, middle[0] - side / 2), max(0, middle[1] - side / 2)
    wanted = upright.crop((int(left), int(top), int(left) + side, int(top) + side))
    faces = [face for entry in album.people(all="true") for face in album.faces(entry["id"])]
    assert sorted(face["file"] for face in faces) == [f"{n}.jpg" for n in range(1, 9)]
    for face in faces:
        for size in (64, 160):
            answer = album.ask("/thumbnail", face=face["id"], size=size)
            assert answer.status == 200 and answer.headers["content-type"] == "image/jpeg"
            assert answer.headers["cache-control"] == "no-store"
            shown = image.open(io.BytesIO(answer.body))
            assert shown.size == (min(size, side),) * 2 or abs(shown.size[0] - min(size, side)) <= 1
            assert difference(image, shown, wanted.resize(shown.size)) < 9, (face["file"], size)
        whole = image.open(io.BytesIO(album.ask("/picture", image=face["image"], size=200).body))
        assert max(whole.size) == 200
        assert difference(image, whole, upright.resize(whole.size)) < 6, face["file"]
    assert not [path for path in album.folder.rglob("*") if path.suffix == ".jpg" and path.parent != album.photos]


@pytest.mark.skipif(not pathlib.Path(BINARY).with_name("mien-decoder").exists(), reason="no mien-decoder in this build")
def test_photos_are_decoded_in_the_sandbox_where_there_is_one(photo_album):
    album, _, _, _ = photo_album
    ours = [album.ask("/thumbnail", face=face).body for face in range(1, 9)]
    service = album.start("--store", str(album.store), MIEN_SANDBOX="1")
    assert [service.get(query("/v1/people/thumbnail", face=face)).body for face in range(1, 9)] == ours
    assert "mien-decoder" in children(service.process.pid)


def test_a_photo_that_is_gone_or_changed(photo_album):
    album, _, _, _ = photo_album
    faces = {face["file"]: face for entry in album.people(all="true") for face in album.faces(entry["id"])}
    (album.photos / "1.jpg").unlink()
    (album.photos / "2.jpg").write_bytes((album.photos / "3.jpg").read_bytes())
    os.utime(album.photos / "4.jpg")
    (album.photos / "5.jpg").write_bytes(b"no image")
    for name, status, gone, changed in (("1.jpg", 404, True, False), ("2.jpg", 422, False, True),
                                        ("4.jpg", 200, False, False), ("5.jpg", 422, False, True)):
        face = faces[name]
        for path, options in (("/thumbnail", {"face": face["id"]}), ("/picture", {"image": face["image"]})):
            answer = album.ask(path, **options)
            assert answer.status == status, (name, answer.body)
            assert status != 422 or "changed since it was indexed" in answer.message
        image = album.get("/photo", image=face["image"])["image"]
        assert (image["is_gone"], image["is_changed"]) == (gone, changed), name


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace here")
def test_a_photo_is_read_only_where_that_can_tell(photo_album, tmp_path):
    """What has another size, or is no file, is not opened to see that."""
    album, _, _, _ = photo_album
    faces = {face["file"]: face for entry in album.people(all="true") for face in album.faces(entry["id"])}
    os.truncate(album.photos / "1.jpg", 1 << 34)
    (album.photos / "2.jpg").unlink()
    os.mkfifo(album.photos / "2.jpg")
    (album.photos / "3.jpg").unlink()
    (album.photos / "3.jpg").symlink_to("/dev/zero")
    os.utime(album.photos / "4.jpg")
    trace = tmp_path / "trace"
    with traced(album.service, "open,openat", trace):
        for name, gone, changed in (("1.jpg", False, True), ("2.jpg", True, False), ("3.jpg", True, False),
                                    ("4.jpg", False, False)):
            image = album.get("/photo", image=faces[name]["image"])["image"]
            assert (image["is_gone"], image["is_changed"]) == (gone, changed), name
    text = trace.read_text()
    assert "4.jpg" in text and not [name for name in ("1.jpg", "2.jpg", "3.jpg") if f"/{name}" in text]


def test_thumbnails_of_many_at_once(photo_album):
    album, _, _, _ = photo_album
    faces = [face["id"] for entry in album.people(all="true") for face in album.faces(entry["id"])] * 4
    statuses = []

    def ask(face):
        statuses.append(album.ask("/thumbnail", face=face).status)

    threads = [threading.Thread(target=ask, args=[face]) for face in faces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * len(faces)


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace here")
def test_nothing_that_a_request_named_is_opened(photo_album, tmp_path):
    album, _, _, _ = photo_album
    secret = tmp_path / "secret.jpg"
    shutil.copy(album.photos / "1.jpg", secret)
    names = [str(secret), "../secret.jpg", "secret.jpg", f"{secret}#0", "file:///etc/passwd", "/etc/passwd"]
    trace = tmp_path / "trace"
    with traced(album.service, "%file", trace):
        for name in names:
            for path, option in (("/person", "who"), ("/thumbnail", "face"), ("/picture", "image"), ("/photo", "image"),
                                 ("/forget", "who"), ("/names", "prefix")):
                album.ask(path, **{option: name})
            for path, members in POSTS.items():
                for member in members:
                    album.send(path, **members | {member: name})
            album.service.get(query("/people/list", who=name))
        assert album.ask("/thumbnail", face=1).status == 200
    text = trace.read_text()
    assert "1.jpg" in text, "the trace sees what the store names"
    assert not [row for row in text.splitlines() if "secret" in row or "/etc/passwd" in row]


def test_what_an_index_adds_is_shown(start, mien, tmp_path, photo):
    """Real photos, read by `mien index` before the service runs and while it does."""
    folder, store = tmp_path / "photos", tmp_path / "people.mien"
    folder.mkdir()
    (folder / "first.jpg").write_bytes(photo)
    assert mien("index", str(folder), "--store", str(store)).returncode == 0
    album = Album.of_store(start, mien, tmp_path)
    before = album.get(all="true")
    assert before["statistics"]["faces"] == 1
    shutil.copy(DEPS / "photos" / "obama2.jpg", folder / "second.jpg")
    assert album.after(lambda: mien("index", str(folder), "--store", str(store))).returncode == 0
    entry = album.largest()
    assert entry["faces"] == 2, "one person in both"
    assert {face["file"] for face in album.faces(entry["id"])} == {"first.jpg", "second.jpg"}
    for face in album.faces(entry["id"]):
        assert album.ask("/thumbnail", face=face["id"]).body.startswith(b"\xff\xd8\xff")
        assert not album.get("/photo", image=face["image"])["image"]["is_changed"]
