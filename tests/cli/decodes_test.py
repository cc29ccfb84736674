"""One full decode an image, whatever a scan is asked for: libjpeg itself is counted, in the decoder's children too."""

import json
import pathlib
import shutil
import struct
import subprocess

import pytest

from conftest import BINARY

DECODER = pathlib.Path(BINARY).parent / "mien-decoder"
COLOURS = pathlib.Path(__file__).parents[1] / "data" / "images" / "colour"
OPTIONS = {
    "plain": [],
    "crops": ["--crops", "crops"],
    "report": ["--report", "report.html"],
    "embeddings": ["--embeddings", "json"],
    "all": ["--crops", "crops", "--report", "report.html", "--embeddings", "json"],
    "sandbox": ["--sandbox", "--crops", "crops", "--report", "report.html"],
}


class Counter:
    """Counts the decodes of the commands that are started with its settings."""

    def __init__(self, folder):
        self.file = folder / "decodes"
        library = folder / "count_decodes.so"
        source = pathlib.Path(__file__).with_name("count_decodes.c")
        compiler = shutil.which("cc")
        if not compiler:
            pytest.skip("no C compiler")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        preload = {"LD_PRELOAD": str(library), "TEST_DECODES": str(self.file)}
        self.reset()
        if subprocess.run([BINARY, "version"], env=preload, capture_output=True, check=False).returncode != 0:
            pytest.skip("this build cannot be run with a library before libjpeg")
        # The child of a sandbox is given no environment: a script in its place gives it one.
        decoder = folder / "decoder"
        settings = " ".join(f"{name}='{value}'" for name, value in preload.items())
        decoder.write_text(f'#!/bin/sh\n{settings} exec "{DECODER}" "$@"\n')
        decoder.chmod(0o755)
        self.settings = preload | {"MIEN_DECODER": str(decoder)}

    def reset(self):
        self.file.write_bytes(bytes(8))

    def counts(self):
        """Full and reduced decodes."""
        return struct.unpack("ii", self.file.read_bytes())


@pytest.fixture
def counter(tmp_path):
    return Counter(tmp_path)


def segment_of_profile(jpeg):
    """The APP2 segment of a JPEG that holds its profile."""
    start = jpeg.index(b"ICC_PROFILE\0") - 4
    (length,) = struct.unpack(">H", jpeg[start + 2 : start + 4])
    return jpeg[start : start + 2 + length]


@pytest.fixture
def album(mien, photos):
    """Photos with a face: one of sRGB, one of wide gamut, one of wide gamut that lies on its side."""
    folder = mien.folder / "album"
    folder.mkdir()
    for name in ("biden", "obama3"):
        mien("thumbnail", str(photos / f"{name}.jpg"), f"{name}.jpg", "--size", "2000x2000")
    shutil.move(mien.folder / "biden.jpg", folder)
    wide = (mien.folder / "obama3.jpg").read_bytes()
    profile = segment_of_profile((COLOURS / "jpeg_p3.jpg").read_bytes())
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    turned = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    assert b"ICC_PROFILE" not in wide
    (folder / "wide.jpg").write_bytes(wide[:2] + profile + wide[2:])
    (folder / "wide_turned.jpg").write_bytes(wide[:2] + turned + profile + wide[2:])
    return folder


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("precision", ["exact", "default", "fast"])
def test_every_photo_is_decoded_once(mien, album, counter, options, precision):
    if "--sandbox" in OPTIONS[options] and not DECODER.exists():
        pytest.skip("mien-decoder is not part of this build")
    done = mien("scan", "album", "--precision", precision, *OPTIONS[options], env=counter.settings)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [len(record["faces"]) for record in records] == [1, 1, 1]
    assert all(record["phash"] for record in records)
    # A report is made of reduced pictures, after the last record.
    assert counter.counts() == (3, 3 if "--report" in OPTIONS[options] else 0)


@pytest.mark.parametrize("options", ["all", "sandbox"])
def test_so_is_the_photo_of_a_person(mien, album, counter, options):
    if "--sandbox" in OPTIONS[options] and not DECODER.exists():
        pytest.skip("mien-decoder is not part of this build")
    done = mien("scan", "album", "--like", "album/wide.jpg", *OPTIONS[options], env=counter.settings)
    assert done.returncode == 0, done.stderr
    assert counter.counts()[0] == 3 + 1
