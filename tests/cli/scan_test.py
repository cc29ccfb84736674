"""`mien scan` against real files: what is kept, what is refused, what is private."""

import json
import os
import shutil
import stat
import subprocess
import time

import pytest

FULL = os.environ.get("MIEN_FULL") == "1"


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def album(mien, photos):
    """Two photos of one person, one of another, a copy, and a file that is none."""
    folder = mien.folder / "album"
    folder.mkdir()
    for name in ("biden.jpg", "obama.jpg", "obama2.jpg"):
        shutil.copy(photos / name, folder / name)
    shutil.copy(photos / "obama2.jpg", folder / "zz copy.jpg")
    (folder / "broken.jpg").write_bytes(b"no photo")
    return folder


def test_files_with_faces_are_private(mien, album):
    done = mien("scan", "album", "--out", "out.jsonl", "--report", "out.html", "--crops", "album/faces")
    assert done.returncode == 1, done.stderr
    assert mode(mien.folder / "out.jsonl") == 0o600
    assert mode(mien.folder / "out.html") == 0o600
    assert mode(album / "faces") == 0o700
    crops = list((album / "faces").iterdir())
    names = sorted(crop.name.rsplit("_", 2)[0] for crop in crops)
    assert names == ["biden", "obama", "obama2"], "a copy has the crops of its original"
    for crop in crops:
        assert mode(crop) == 0o600
        assert crop.read_bytes()[:2] == b"\xff\xd8"
    # The folder of crops lies in the album and is not scanned, now or later.
    again = mien("scan", "album", "--out", "out.jsonl", "--resume", "--crops", "album/faces")
    assert again.returncode == 1
    assert len(records(mien.folder / "out.jsonl")) == 5


def test_a_copy_is_analysed_once_and_has_its_own_record(mien, album):
    os.utime(album / "zz copy.jpg", ns=(1, 1234567890123456789))
    mien("scan", "album", "--out", "out.jsonl", "--threads", "4", "--like", "album/obama.jpg")
    by_name = {os.path.basename(record["source"]): record for record in records(mien.folder / "out.jsonl")}
    original, copy = by_name["obama2.jpg"], by_name["zz copy.jpg"]
    for key in ("sha256", "faces", "matches", "width", "models", "placement"):
        assert original[key] == copy[key]
    assert copy["source_mtime_ns"] == 1234567890123456789
    assert (original["timings_ms"]["detect"] == 0) != (copy["timings_ms"]["detect"] == 0)
    assert len(copy["matches"]) == 1
    assert by_name["biden.jpg"]["matches"] == []
    assert all("embedding" not in face for record in by_name.values() for face in record["faces"])


def test_without_out_nothing_remains_in_tmpdir(mien, album):
    temporary = mien.folder / "tmp"
    temporary.mkdir()
    done = mien("scan", "album", "--report", "out.html", env={"TMPDIR": str(temporary)})
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 5
    assert (mien.folder / "out.html").stat().st_size > 10_000
    assert list(temporary.glob("mien*")) == []


def test_resume_does_only_what_changed(mien, album):
    out = mien.folder / "out.jsonl"
    mien("scan", "album", "--out", "out.jsonl")
    before = out.read_bytes()
    mien("scan", "album", "--out", "out.jsonl", "--resume")
    assert out.read_bytes() == before
    with (album / "obama.jpg").open("ab") as photo:
        photo.write(b"more bytes behind the end")
    (album / "biden.jpg").unlink()
    mien("scan", "album", "--out", "out.jsonl", "--resume")
    after = out.read_bytes()
    lines = [line for line in before.splitlines() if b'"album/obama.jpg"' not in line]
    assert after.splitlines()[:4] == lines
    assert json.loads(after.splitlines()[4])["source"] == "album/obama.jpg"
    assert len(after.splitlines()) == 5


def test_resume_refuses_what_it_did_not_write(mien, album):
    out = mien.folder / "out.jsonl"
    mien("scan", "album", "--out", "out.jsonl")
    good = out.read_text()
    for arguments, word in (
        (["--like", "album/obama.jpg"], "--like"),
        (["--image-quality"], "--image-quality"),
        (["--embeddings", "json"], "embed"),
    ):
        done = mien("scan", "album", "--out", "out.jsonl", "--resume", *arguments)
        assert done.returncode == 2, done.stderr
        assert word in done.stderr and "--force" in done.stderr
        assert out.read_text() == good
    lines = good.splitlines(keepends=True)
    out.write_text(lines[0] + "not a record\n" + "".join(lines[1:]))
    done = mien("scan", "album", "--out", "out.jsonl", "--resume")
    assert done.returncode == 1
    assert "line 2" in done.stderr
    thesis = mien.folder / "thesis.txt"
    thesis.write_text("years of work")
    assert mien("scan", "album", "--out", "thesis.txt", "--resume").returncode == 1
    assert mien("scan", "album", "--out", "thesis.txt").returncode == 2
    assert thesis.read_text() == "years of work"


def test_what_cannot_be_scanned_is_named(mien, album):
    os.mkfifo(album / "pipe.jpg")
    os.symlink("nowhere", album / "link.jpg")
    done = mien("scan", "album", "absent.jpg", "--out", "out.jsonl")
    assert done.returncode == 1
    codes = {
        os.path.basename(record["source"]): record["error"]["code"]
        for record in records(mien.folder / "out.jsonl")
        if record["error"]
    }
    assert codes == {
        "broken.jpg": "bad_data",
        "pipe.jpg": "io",
        "link.jpg": "not_found",
        "absent.jpg": "not_found",
    }
    assert mien("scan", "album", "--out", "new.jsonl", "--fail-on", "none").returncode == 0
    assert mien("scan", "absent.jpg", "--out", "no.jsonl").returncode == 2
    assert not (mien.folder / "no.jsonl").exists()
    (mien.folder / "empty").mkdir()
    done = mien("scan", "empty", "--out", "no.jsonl")
    assert done.returncode == 2
    assert "empty" in done.stderr and "jpg" in done.stderr
    assert not (mien.folder / "no.jsonl").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="skipped: root reads everything")
def test_no_permission_is_a_record(mien, album):
    (album / "obama.jpg").chmod(0)
    (album / "closed").mkdir(mode=0)
    done = mien("scan", "album")
    (album / "closed").chmod(0o700)
    codes = {record["source"]: record["error"] for record in map(json.loads, done.stdout.splitlines())}
    assert "ermission" in codes["album/obama.jpg"]["message"]
    assert codes["album/closed"]["code"] == "io"


def test_two_scans_do_not_write_to_one_file(mien, album):
    first = mien.start("scan", "--list", "-", "--out", "out.jsonl", stdin=subprocess.PIPE)
    first.stdin.write(b"album/obama.jpg\n")
    first.stdin.flush()
    out = mien.folder / "out.jsonl"
    deadline = time.monotonic() + 60
    while not (out.exists() and out.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    second = mien("scan", "album", "--out", "out.jsonl", "--resume")
    assert second.returncode == 2
    assert "another scan" in second.stderr
    first.stdin.close()
    assert first.wait(timeout=60) == 0
    assert len(records(out)) == 1


def test_photos_that_name_nobody_are_refused(mien, album, photos):
    for photo, word in (("coffee.png", "no face"), ("solvay_conference_1927.jpg", "largest")):
        done = mien("scan", "album", "--like", str(photos / photo), "--out", "out.jsonl")
        assert done.returncode == 2, done.stderr
        assert word in " ".join(done.stderr.split())
        assert not (mien.folder / "out.jsonl").exists()


def test_an_output_that_takes_nothing(mien, album):
    done = mien("scan", "album", "--out", "/dev/full")
    assert done.returncode == 1
    assert "/dev/full" in done.stderr
    assert mien("scan", "album", "--out", "no/such/folder/out.jsonl").returncode == 2
    assert mien("scan", "album", "--report", "no/such/folder/out.html").returncode == 2


@pytest.mark.parametrize(
    "arguments, word",
    [
        (["album/obama.jpg", "--out", "album/obama.jpg"], "a source"),
        (["album/obama.jpg", "--out", "new.jsonl", "--report", "album/../album/obama.jpg"], "a source"),
        (["album", "--like", "me.jpg", "--out", "me.jpg"], "the photo of the person"),
        (["--list", "list.txt", "--out", "list.txt"], "the list"),
        (["album", "--out", "album/biden.jpg"], "an image"),
        (["album", "--out", "a.jsonl", "--report", "a.jsonl"], "the records"),
        (["album", "--out", "old.jsonl", "--report", "./old.jsonl"], "the records"),
    ],
)
def test_what_is_written_never_replaces_what_is_read(mien, album, photos, arguments, word):
    shutil.copy(photos / "obama.jpg", mien.folder / "me.jpg")
    (mien.folder / "list.txt").write_text("album/obama.jpg\n")
    (mien.folder / "old.jsonl").write_text("")
    before = {path: path.read_bytes() for path in mien.folder.rglob("*") if path.is_file()}
    done = mien("scan", *arguments, "--force")
    assert done.returncode == 2, done.stderr
    assert "would overwrite" in done.stderr and word in " ".join(done.stderr.split()), done.stderr
    assert {path: path.read_bytes() for path in mien.folder.rglob("*") if path.is_file()} == before


@pytest.mark.skipif(not FULL, reason="skipped: MIEN_FULL=1 runs it")
def test_100000_unchanged_files_are_resumed_in_5_seconds(mien, photos):
    folder = mien.folder / "many"
    folder.mkdir()
    shutil.copy(photos / "obama.jpg", folder / "0.jpg")
    mien("scan", "many", "--out", "one.jsonl")
    record = records(mien.folder / "one.jsonl")[0]
    record["faces"] *= 3
    with (mien.folder / "out.jsonl").open("w") as out:
        for index in range(100_000):
            if index % 1000 == 0:
                (folder / f"{index // 1000:03}").mkdir()
            path = folder / f"{index // 1000:03}" / f"{index}.jpg"
            path.touch()
            status = path.stat()
            record |= {
                "source": f"many/{index // 1000:03}/{index}.jpg",
                "source_size": status.st_size,
                "source_mtime_ns": status.st_mtime_ns,
                "sha256": f"{index:064x}",
            }
            out.write(json.dumps(record, separators=(",", ":")) + "\n")
    (folder / "0.jpg").unlink()
    begin = time.monotonic()
    done = mien("scan", "many", "--out", "out.jsonl", "--resume")
    seconds = time.monotonic() - begin
    print(f"{seconds:.2f} s\n{done.stderr}")
    assert done.returncode == 0
    assert seconds < 5


def test_an_image_over_the_limit_is_refused_by_its_header(mien, album):
    done = mien("scan", "album/obama.jpg", "--pixels-max", "1000000")
    assert done.returncode == 1
    record = json.loads(done.stdout)
    assert record["error"]["code"] == "limit_exceeded"
    assert "--pixels-max" in record["error"]["message"]
    assert mien("scan", "album/obama.jpg", "--pixels-max", "2000000").returncode == 0


def test_an_image_that_needs_too_much_memory_is_refused(mien, album):
    done = mien("scan", "album/obama.jpg", "--memory-max", "2")
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "limit_exceeded"
    assert "the limit is 2 MB (memory_bytes_max, --memory-max)" in error["message"]
    assert mien("scan", "album/obama.jpg", "--memory-max", "5").returncode == 0


def test_nothing_is_left_behind_or_sent(mien, album):
    """The runtime of some builds keeps a database of its use and reports it to its maker unless it is told not to."""
    temporary = mien.folder / "tmp"
    temporary.mkdir()
    done = mien("scan", "album/obama.jpg", env={"TMPDIR": str(temporary), "XDG_CACHE_HOME": str(mien.home / "cache")})
    assert done.returncode == 0, done.stderr
    assert list(temporary.rglob("*")) == []
    assert list(mien.home.rglob("*")) == []
