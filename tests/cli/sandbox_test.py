"""--sandbox: the same records, and never silently without it."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import BINARY, DEPS

PHOTOS = (DEPS / "photos").resolve()
DECODER = pathlib.Path(BINARY).parent / "mien-decoder"
needs_decoder = pytest.mark.skipif(not DECODER.exists(), reason="mien-decoder is not part of this build")


def records(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line.pop("timings_ms")
    return lines


def photos_of(mien):
    folder = mien.folder / "photos"
    folder.mkdir()
    for name in ("obama.jpg", "obama2.jpg", "chelsea.png"):
        shutil.copy(PHOTOS / name, folder)
    (folder / "notes.jpg").write_text("no image")
    (folder / "half.jpg").write_bytes((PHOTOS / "obama3.jpg").read_bytes()[:200_000])
    return folder


@needs_decoder
def test_a_scan_says_the_same(mien):
    folder = photos_of(mien)
    like = ["--like", str(PHOTOS / "obama.jpg")]
    for name, extra in (("plain", []), ("boxed", ["--sandbox"])):
        result = mien("scan", str(folder), *like, "--out", f"{name}.jsonl", "--crops", name, "--report", f"{name}.html",
                      *extra)
        assert result.returncode in (0, 1), result.stderr
    assert records(mien.folder / "boxed.jsonl") == records(mien.folder / "plain.jsonl")
    crops = sorted(path.name for path in (mien.folder / "plain").iterdir())
    assert crops and crops == sorted(path.name for path in (mien.folder / "boxed").iterdir())
    for name in crops:
        assert (mien.folder / "boxed" / name).read_bytes() == (mien.folder / "plain" / name).read_bytes()
    assert (mien.folder / "boxed.html").read_text().count("data:image/jpeg") == (
        mien.folder / "plain.html").read_text().count("data:image/jpeg")


@needs_decoder
def test_nothing_of_the_current_folder_is_started(tmp_path):
    """A program that was found by PATH knows itself as `mien`; the folder may hold one, and a `mien-decoder`."""
    (tmp_path / "mien").mkdir()
    planted = tmp_path / "mien-decoder"
    planted.write_text("#!/bin/sh\ntouch started\n")
    planted.chmod(0o755)
    environment = {**os.environ, "PATH": f"{pathlib.Path(BINARY).parent}:{os.environ['PATH']}"}
    result = subprocess.run(["mien", "faces", "--sandbox", str(PHOTOS / "obama.jpg")], cwd=tmp_path, env=environment,
                            capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "started").exists()


@needs_decoder
def test_pictures_are_the_same(mien):
    photo = str(PHOTOS / "obama2.jpg")
    for command, extra in (("thumbnail", []), ("enhance", []), ("crop", ["--box", "10,10,200,200"])):
        for name, box in (("plain", []), ("boxed", ["--sandbox"])):
            result = mien(command, photo, f"{command}_{name}.jpg", *extra, *box)
            assert result.returncode == 0, result.stderr
        assert (mien.folder / f"{command}_boxed.jpg").read_bytes() == (
            mien.folder / f"{command}_plain.jpg").read_bytes()


@pytest.mark.parametrize("setting", [["--sandbox"], []])
def test_without_the_decoder_nothing_is_decoded(mien, setting):
    variables = {"MIEN_DECODER": "/nonexistent/mien-decoder"}
    if not setting:
        variables["MIEN_SANDBOX"] = "true"
    photo = str(PHOTOS / "obama2.jpg")
    for call in (["faces", photo], ["thumbnail", photo, "small.jpg"], ["quality", photo]):
        result = mien(*call, *setting, env=variables)
        assert result.returncode == 2
        assert "MIEN_DECODER=/nonexistent/mien-decoder" in result.stderr
        assert not result.stdout
    assert not os.path.exists(mien.folder / "small.jpg")
