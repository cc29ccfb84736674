"""What the wheel brings in the place of libraries under the GPL: nothing that a picture needs."""

import importlib.util
import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "tests" / "data"
BINARY = os.environ.get("MIEN_BINARY")


def load_script():
    spec = importlib.util.spec_from_file_location("wheel", ROOT / "python" / "wheel.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


@pytest.fixture
def stand_ins(tmp_path):
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    codecs = re.findall(r"(lib(?:heif|tiff)\.so\.\d+) .*=> (\S+)", listed)
    with zipfile.ZipFile(tmp_path / "some.whl", "w") as wheel:
        for name, path in codecs:
            wheel.write(path, f"mien/lib/{name}")
    folder = tmp_path / "stand-ins"
    folder.mkdir()
    load_script().make_stand_ins(tmp_path / "some.whl", folder)
    if not any(folder.iterdir()):
        pytest.skip("the codecs of this system are linked to no library under the GPL")
    return folder


def test_pictures_are_read_without_them(stand_ins):
    files = [PICTURES / "images" / "heif" / "face.heic", PICTURES / "images" / "heif" / "face.avif",
             PICTURES / "formats" / "tiff_lzw.tif"]
    told = [subprocess.run([BINARY, "quality", *files], env=os.environ | {"LD_LIBRARY_PATH": paths},
                           capture_output=True, text=True, check=True).stdout
            for paths in (os.environ.get("LD_LIBRARY_PATH", ""), str(stand_ins))]
    assert told[0] == told[1] and len(told[0].splitlines()) == 4


def test_jbig_is_an_error(stand_ins, tmp_path):
    if not (stand_ins / "libjbig.so.0").is_file():
        pytest.skip("libtiff of this system is not linked to libjbig")
    tags = {256: 32, 257: 32, 258: 1, 259: 34661, 262: 0, 273: 8 + 2 + 9 * 12 + 4, 277: 1, 278: 32, 279: 64}
    rows = b"".join(tag.to_bytes(2, "little") + b"\x04\0\x01\0\0\0" + value.to_bytes(4, "little")
                    for tag, value in tags.items())
    (tmp_path / "fax.tif").write_bytes(b"II*\0\x08\0\0\0\x09\0" + rows + bytes(4) + bytes(64))
    done = subprocess.run([BINARY, "quality", tmp_path / "fax.tif"], capture_output=True, text=True, check=False,
                          env=os.environ | {"LD_LIBRARY_PATH": str(stand_ins)})
    assert done.returncode != 0 and "JBIG is not part of this package" in done.stderr
