"""What the build does not find it names, with the command that brings it: this is what `pip install .` shows."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FETCH = "\n   python3 cmake/deps.py fetch engine\n"


def configure(tmp_path, *options, **variables):
    done = subprocess.run(["cmake", "-S", str(ROOT), "-B", str(tmp_path / "build"), "-DMIEN_TESTS=OFF", *options],
                          env=os.environ | variables, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return done.stderr


def test_all_missing_libraries_at_once(tmp_path):
    told = configure(tmp_path, "-DCMAKE_DISABLE_FIND_PACKAGE_JPEG=ON", "-DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON",
                     "-DPKG_CONFIG_EXECUTABLE=/nowhere")
    assert "\n   apt-get install libjpeg-dev libfmt-dev pkg-config libexif-dev libhwy-dev\n" in told, told


def test_no_compiler(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("cmake", "make", "ninja"):
        if shutil.which(name):
            (tools / name).symlink_to(shutil.which(name))
    told = configure(tmp_path, PATH=str(tools), CXX="")
    assert "\n   apt-get install build-essential\n" in told, told


@pytest.mark.parametrize("options", [
    ["-DMIEN_ONNXRUNTIME_INCLUDE=/nowhere"],
    ["-DMIEN_PYTHON=ON", "-DSKBUILD=ON", "-DMIEN_DEFAULT_ORT_LIBRARY="],
    ["-DMIEN_PYTHON=ON", "-DSKBUILD=ON", "-DMIEN_DEFAULT_MODEL_DIR=/nowhere"],
], ids=["headers", "library", "models"])
def test_no_runtime_or_models(tmp_path, options):
    told = configure(tmp_path, *options)
    assert FETCH in told, told
