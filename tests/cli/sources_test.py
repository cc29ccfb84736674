"""What `mien scan` finds and what it leaves out, whose records it keeps, and whom it lets read them."""

import io
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile

import pytest

from odd_files import dng

Image = pytest.importorskip("PIL.Image", reason="Pillow makes the images")

BINARY = os.environ["MIEN_BINARY"]
DATA = pathlib.Path(__file__).resolve().parents[1] / "data"


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def flat(text):
    return " ".join(text.split())


@pytest.fixture
def pics(mien, photos):
    """Three photos that are read in little time."""
    folder = mien.folder / "pics"
    folder.mkdir()
    for name in ("biden.jpg", "obama.jpg", "obama2.jpg"):
        image = Image.open(photos / name).convert("RGB")
        image.thumbnail((320, 320))
        image.save(folder / name, quality=90)
    return folder


# What a folder holds.


def encoded(photo, kind):
    buffer = io.BytesIO()
    photo.save(buffer, kind)
    return buffer.getvalue()


def every_format(mien, photo):
    """A file of each format that this build reads."""
    contents = {kind: encoded(photo, kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")}
    contents["BIGTIFF"] = (DATA / "formats/tiff_big.tif").read_bytes()
    contents["HEIC"] = (DATA / "images/heif/face.heic").read_bytes()
    contents["AVIF"] = (DATA / "images/heif/face.avif").read_bytes()
    contents["RAW"] = dng(contents["JPEG"], photo.size)
    lines = mien("version").stdout.splitlines()
    missing = {line.split(":")[1].strip().upper() for line in lines if line.startswith("missing:")}
    return {kind: data for kind, data in contents.items() if kind.removeprefix("BIG") not in missing}


def test_every_file_is_read_or_counted(mien, photos):
    photo = Image.open(photos / "obama.jpg").convert("RGB").resize((120, 160))
    contents = every_format(mien, photo)
    names = [
        "IMG_{}.JPG", "DSCF_{}.MPO", "I{}.THM", "I{}.insp", "s{}.jps", "p{}.jpg_large", "p{}.jpg?w=640", "p{}.jpg!d",
        "p{}.jpg_original", "p{}", "a{}.apng", "b{}.btf", "h{}.HIF", "h{}.heics", "p{}.jpg?page=a.html", "p{}.JPEG~",
        "p{}.jpg.1", "p{} copy", "2019.12.24 {}", "IMG-{}.jpg;x=y", "p{}.bak", "p{}.tmp", "p{}.jfif", "p{}.dat", "p{}.",
        "p{}.jpg.orig", "p{}.jpg@2x", "p{}.x-jpeg", "\u00e9t\u00e9 {}", "p{}.pjpeg", "p{}.jpg:large", "p{}.image",
        "p{}.jpg&w=640", "p{}.jpg%3Fw=640", "p{}.jpg_1024x768", "p{}.jpg#1", "photo {} (1)", "{}.000", "p{}..", "-{}",
        "p{}.orig.x", "p{}.jpg,v",
    ]
    others = [
        "clip{}.mp4", "text{}.pdf", "side{}.xmp", "p{}.jpg.json", ".hidden{}.jpg", "p{}.psd", "song{}.mp3", "a{}.zip",
    ]
    folder = mien.folder / "odd"
    folder.mkdir()
    for kind, data in contents.items():
        for name in names + others:
            (folder / name.format(kind)).write_bytes(data)
    (folder / "film").write_bytes(b"\0\0\0\x18ftypisom")
    done = mien("scan", "odd", "--out", "out.jsonl", "--summary", "summary.json", "--report", "page.html")
    assert done.returncode == 0, done.stderr
    found = records(mien.folder / "out.jsonl")
    assert len(names) >= 40
    assert not [one for one in found if one["error"]]
    expected = {name.format(kind) for kind in contents for name in names}
    assert {os.path.basename(one["source"]) for one in found} == expected
    summary = json.loads((mien.folder / "summary.json").read_text())
    assert summary["images"] == len(found)
    assert len(found) + sum(summary["left_out"].values()) == len(os.listdir(folder))
    assert summary["left_out"]["videos"] == len(contents) + 1
    videos = f"{len(contents) + 1} videos"
    assert f"left out: {2 * len(contents)} sidecars, {videos}" in flat(done.stderr)
    assert videos in (mien.folder / "page.html").read_text()
    again = mien("scan", "odd", "--out", "out.jsonl", "--resume", "--summary", "summary.json")
    assert again.returncode == 0 and f"{len(found)} kept" in flat(again.stderr)
    assert json.loads((mien.folder / "summary.json").read_text())["left_out"] == summary["left_out"]


def test_a_folder_without_images_says_what_it_holds(mien):
    (mien.folder / "films").mkdir()
    (mien.folder / "films" / "a.mp4").write_bytes(b"film")
    done = mien("scan", "films")
    assert done.returncode == 2
    assert "1 video" in done.stderr


def test_folders_that_a_library_made(mien, pics):
    library = mien.folder / "My.photoslibrary"
    for part in ("originals/A", "resources/derivatives/A"):
        shutil.copytree(pics, library / part)
    done = mien("scan", "My.photoslibrary")
    assert len(done.stdout.splitlines()) == 3
    assert "1 folder that Apple Photos made (--no-skip" in flat(done.stderr)
    assert len(mien("scan", "My.photoslibrary", "--no-skip").stdout.splitlines()) == 6


def test_an_empty_list_is_no_mistake(mien):
    done = mien("scan", "--list", "-", "--out", "new.jsonl", data="")
    assert done.returncode == 0, done.stderr
    assert "0 images" in done.stderr
    assert not (mien.folder / "new.jsonl").exists()
    assert mien("scan", "--list", "-", data="\r\n").returncode == 0
    utf16 = mien("scan", "--list", "-", data="a.jpg\r\n".encode("utf-16"), text=False)
    assert utf16.returncode == 2
    assert b"UTF-16" in utf16.stderr


def test_a_year_that_64_bits_of_nanoseconds_do_not_hold(mien, pics):
    os.utime(pics / "obama.jpg", (13569465600, 13569465600))
    done = mien("scan", "pics/obama.jpg", "--out", "out.jsonl")
    assert records(mien.folder / "out.jsonl")[0]["source_mtime_ns"] > 0, done.stderr
    assert "1 kept" in mien("scan", "pics", "--out", "out.jsonl", "--resume").stderr


# One image, one record.


def test_an_image_is_one_image_however_its_path_is_spelled(mien, pics):
    os.symlink("pics", mien.folder / "beside")
    spellings = ["pics", "./pics", "pics/", str(pics), "beside", "pics/../pics", "pics/obama.jpg", "beside/obama.jpg"]
    done = mien("scan", *spellings, "--out", "out.jsonl")
    assert done.returncode == 0, done.stderr
    found = records(mien.folder / "out.jsonl")
    assert [one["source"] for one in found] == ["pics/biden.jpg", "pics/obama.jpg", "pics/obama2.jpg"]
    before = (mien.folder / "out.jsonl").read_bytes()
    for spelling in spellings:
        again = mien("scan", spelling, "--out", "out.jsonl", "--resume")
        assert "3 kept from before" in flat(again.stderr) and "gone" not in again.stderr, spelling
        assert (mien.folder / "out.jsonl").read_bytes() == before
    elsewhere = mien.folder / "elsewhere"
    elsewhere.mkdir()
    for source in (str(pics), "../pics", "../beside"):
        again = subprocess.run(
            [BINARY, "scan", source, "--out", "../out.jsonl", "--resume", "--report", "page.html"],
            cwd=elsewhere, env=mien.environment(), capture_output=True, text=True, timeout=60, check=False
        )
        assert "3 images" in again.stderr and "3 kept from before" in flat(again.stderr), again.stderr
        assert (mien.folder / "out.jsonl").read_bytes() == before
        assert (elsewhere / "page.html").read_text().count("data:image/jpeg") >= 3, "the report finds the photos"


# What is gone.


def test_kept_gone_changed_and_pruned(mien, pics):
    mien("scan", "pics", "--out", "out.jsonl")
    (pics / "biden.jpg").unlink()
    with (pics / "obama.jpg").open("ab") as photo:
        photo.write(b"more")
    done = mien("scan", "pics", "--out", "out.jsonl", "--resume", "--summary", "summary.json")
    assert "2 kept from before (1 of photos that are gone), 1 changed since" in flat(done.stderr)
    numbers = json.loads((mien.folder / "summary.json").read_text())
    assert [numbers[key] for key in ("images", "resumed", "gone", "changed", "pruned")] == [3, 2, 1, 1, 0]
    done = mien("scan", "pics", "--out", "out.jsonl", "--resume", "--prune")
    assert "2 images" in done.stderr and "1 dropped" in done.stderr
    assert {one["source"] for one in records(mien.folder / "out.jsonl")} == {"pics/obama.jpg", "pics/obama2.jpg"}


def test_an_empty_mount_is_not_pruned(mien, pics):
    (mien.folder / "other").mkdir()
    shutil.copy(pics / "obama.jpg", mien.folder / "other" / "one.jpg")
    mien("scan", "pics", "other", "--out", "out.jsonl")
    before = (mien.folder / "out.jsonl").read_bytes()
    for name in ("biden.jpg", "obama.jpg", "obama2.jpg"):
        (pics / name).unlink()
    kept = mien("scan", "pics", "other", "--out", "out.jsonl", "--resume")
    assert kept.returncode == 0 and "is its disk mounted?" in flat(kept.stderr)
    refused = mien("scan", "pics", "other", "--out", "out.jsonl", "--resume", "--prune")
    assert refused.returncode == 2 and "--prune=all" in refused.stderr
    assert (mien.folder / "out.jsonl").read_bytes() == before
    meant = mien("scan", "pics", "other", "--out", "out.jsonl", "--resume", "--prune=all")
    assert meant.returncode == 0, meant.stderr
    assert [one["source"] for one in records(mien.folder / "out.jsonl")] == ["other/one.jpg"]


# Who may read, and who may not.


def test_a_file_of_records_is_private_whoever_made_it(mien, pics):
    out = mien.folder / "out.jsonl"
    out.touch()
    out.chmod(0o666)
    mien("scan", "pics", "--embeddings", "json", "--out", "out.jsonl")
    assert mode(out) == 0o600
    out.chmod(0o644)
    mien("scan", "pics", "--embeddings", "json", "--out", "out.jsonl", "--resume")
    assert mode(out) == 0o600
    for name in ("page.html", "summary.json"):
        (mien.folder / name).write_text("")
        (mien.folder / name).chmod(0o666)
    done = mien("scan", "pics", "--report", "page.html", "--summary", "summary.json")
    assert done.returncode == 0, done.stderr
    assert mode(mien.folder / "page.html") == mode(mien.folder / "summary.json") == 0o600
    with (mien.folder / "piped.jsonl").open("wb") as piped:
        mien.start("scan", "pics", stdout=piped, stderr=subprocess.DEVNULL).wait(timeout=60)
    assert mode(mien.folder / "piped.jsonl") == 0o600
    log = mien.folder / "log"
    log.write_text("a line\n")
    log.chmod(0o644)
    with log.open("ab") as piped:
        mien.start("scan", "pics", stdout=piped, stderr=subprocess.DEVNULL).wait(timeout=60)
    assert mode(log) == 0o644, "it was there and holds other things"


@pytest.fixture
def open_folder(pics):
    """A folder that everybody may enter, with the photos; those of pytest are closed."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        shutil.copytree(pics, folder / "pics")
        for path in (folder, folder / "pics"):
            path.chmod(0o755)
        for photo in (folder / "pics").iterdir():
            photo.chmod(0o644)
        yield folder


@pytest.mark.skipif(os.geteuid() != 0, reason="skipped: only root can be somebody else")
def test_files_of_other_users(mien, open_folder):
    def as_nobody(*arguments):
        return subprocess.run(
            [BINARY, *arguments], cwd=open_folder, env=mien.environment(HOME=str(open_folder / "home")), text=True,
            capture_output=True, timeout=60, check=False, user=65534, group=65534, extra_groups=[],
        )

    if any(not folder.stat().st_mode & 0o001 for folder in pathlib.Path(BINARY).resolve().parents):
        pytest.skip("skipped: nobody may enter the folder of the binary")
    shared = open_folder / "shared.jsonl"
    shared.touch()
    shared.chmod(0o666)
    refused = as_nobody("scan", "pics", "--out", "shared.jsonl")
    assert refused.returncode == 2 and "belongs to another user" in refused.stderr
    assert shared.read_bytes() == b""
    # A home that is another user's and closed, as containers have it.
    (open_folder / "home").mkdir(mode=0o700)
    for command in (["faces", "pics/obama.jpg"], ["scan", "pics"], ["models", "list"], ["quality", "pics/obama.jpg"]):
        done = as_nobody(*command)
        assert done.returncode == 0, done.stderr
    faces = as_nobody("faces", "pics/obama.jpg")
    assert faces.stderr.count("catalog.json: Permission denied") == 1, faces.stderr
    (open_folder / ".env").touch(mode=0o600)
    assert ".env: Permission denied" in as_nobody("config").stderr


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="ulimit -f")
def test_a_full_disk_says_how_to_go_on(mien, pics):
    for i in range(30):
        shutil.copy(pics / "obama.jpg", pics / f"copy{i}.jpg")
    done = subprocess.run(
        ["sh", "-c", f'ulimit -f 8; exec "{BINARY}" scan pics --out out.jsonl'],
        cwd=mien.folder, env=mien.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "go on with --resume" in flat(done.stderr), done.stderr
    assert records(mien.folder / "out.jsonl")
    small = subprocess.run(
        ["sh", "-c", f'ulimit -f 8; exec "{BINARY}" scan pics/obama.jpg --out one.jsonl --report page.html'],
        cwd=mien.folder, env=mien.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert small.returncode == 1 and "page.html" in small.stderr
    assert "go on with --resume" in flat(small.stderr), small.stderr


# Standard input and addresses.


def test_standard_input_is_one_image(mien, pics):
    photo = (pics / "obama.jpg").read_bytes()
    for name in ("-", "/dev/stdin", "/dev/fd/0"):
        done = mien("faces", "--json", name, data=photo, text=False)
        assert done.returncode == 0, done.stderr
        record = json.loads(done.stdout)
        assert record["source"] == name and len(record["faces"]) == 1 and record["source_size"] == len(photo)
    assert mien("compare", "-", "pics/obama2.jpg", data=photo, text=False).returncode in (0, 1)
    assert mien("quality", "-", data=photo, text=False).returncode == 0
    assert mien("thumbnail", "-", "small.jpg", data=photo, text=False).returncode == 0
    assert mien("crop", "-", "face.jpg", data=photo, text=False).returncode == 0
    assert mien("scan", "-", data=photo, text=False).returncode == 0
    twice = mien("compare", "-", "-", data=photo, text=False)
    assert twice.returncode == 2 and b"twice" in twice.stderr
    assert mien("thumbnail", "pics/obama.jpg", "-").returncode == 2
    piped = subprocess.run(
        ["bash", "-c", f'"{BINARY}" faces --json <(cat pics/obama.jpg)'],
        cwd=mien.folder, env=mien.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert piped.returncode == 0 and len(json.loads(piped.stdout)["faces"]) == 1, piped.stderr


def test_an_address_gets_advice(mien, pics):
    for command in ("faces", "quality"):
        done = mien(command, "https://example.org/a.jpg", "pics/obama.jpg")
        assert done.returncode == 1
        assert "fetch it first" in done.stderr
    assert "leave out file://" in mien("faces", f"file://{pics}/obama.jpg").stderr
