"""The package as this build made it, and photos to use it on."""

import io
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = os.environ.get("MIEN_PYTHON", "")
DEPS = pathlib.Path(os.environ.get("MIEN_TEST_DEPS", ".deps")).resolve()

if not PACKAGE:
    raise pytest.UsageError("MIEN_PYTHON is not set: run these tests through ctest or ./dev test")
sys.path.insert(0, PACKAGE)
pytest.importorskip("numpy", reason="no numpy: install python3-numpy")


def environment(**variables):
    """For programs that use the package: a new user's, without settings of ours."""
    kept = ("PATH", "LD_LIBRARY_PATH", "MIEN_BINARY", "MIEN_TEST_DEPS")
    result = {name: os.environ[name] for name in kept if name in os.environ}
    paths = [PACKAGE, *([os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else [])]
    return result | {"PYTHONPATH": ":".join(paths), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"} | variables


def run(code, *, timeout=100, **variables):
    """A Python program of its own, in a folder that holds the photos as `photos`."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=timeout,
                          env=environment(**variables), cwd=DEPS, check=False)


@pytest.fixture
def photos():
    if not (DEPS / "photos").is_dir():
        pytest.skip(f"no photos in {DEPS}: ./dev build fetches them")
    return DEPS / "photos"


@pytest.fixture
def obama(photos):
    return (photos / "obama.jpg").read_bytes()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Arguments of mien.Engine for models that take no time: they see the faces of picture(), and no others."""
    folder = tmp_path_factory.mktemp("tiny")
    subprocess.run([os.environ["MIEN_WRITE_TINY_MODELS"], str(folder)], check=True)
    return {"detector": str(folder / "detector.onnx"), "embedder": str(folder / "embedder.onnx"), "det_threshold": 0.95}


def picture(faces):
    """The bytes of a gray PNG with so many white spots, at most five."""
    import numpy
    from PIL import Image

    pixels = numpy.full((320, 320), 127, numpy.uint8)
    for index in range(faces):
        pixels[160:168, 64 * index + 16 : 64 * index + 24] = 255
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="session")
def pack(tmp_path_factory):
    """A pack as InsightFace lays them out: root/models/NAME/*.onnx."""
    root = tmp_path_factory.mktemp("insightface")
    folder = root / "models" / "tiny"
    folder.mkdir(parents=True)
    for source, name in (("test-models/scrfd_2.5g_static640.onnx", "det.onnx"), ("models/fr_feature.onnx", "rec.onnx")):
        if not (DEPS / source).is_file():
            pytest.skip(f"no {source} in {DEPS}: ./dev build fetches it")
        (folder / name).symlink_to(DEPS / source)
    return root


@pytest.fixture
def made_up(tmp_path):
    """A store of made-up photos and people."""
    if not (os.environ.get("MIEN_BINARY") and os.environ.get("MIEN_PUT_RECORDS")):
        pytest.skip("no programs mien and put_records: MIEN_BINARY and MIEN_PUT_RECORDS name them")
    from store_scene import MadeUp

    return MadeUp(tmp_path)


@pytest.fixture
def store(made_up):
    import mien

    with mien.Store(made_up.path) as opened:
        yield opened


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    from store_scene import put_large

    return put_large(tmp_path_factory.mktemp("large"))
