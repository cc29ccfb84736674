"""tests/support/large_models.py: the work and the weights are those that are published, and mien runs the files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests/support/large_models.py"
DEPS = Path(os.environ.get("MIEN_TEST_DEPS", ROOT / ".deps"))
BINARY = os.environ.get("MIEN_BINARY", "")
pytest.importorskip("numpy", reason="no numpy: install python3-numpy")
sys.path.insert(0, str(SCRIPT.parent))
import large_models


def fields(data: bytes):
    """(field, value) of a message of protocol buffers; the tests' own reader, since the package onnx may be missing."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        elif key & 7 == 5:
            yield key >> 3, data[at:at + 4]
            at += 4
        else:
            size = varint()
            yield key >> 3, data[at:at + size]
            at += size


def of(message: bytes, field: int) -> list:
    return [value for number, value in fields(message) if number == field]


class Model:
    def __init__(self, data: bytes):
        self.label = of(data, 2)[0].decode() + of(data, 6)[0].decode()
        graph, = of(data, 7)
        self.sides = {of(tensor, 8)[0].decode(): of(tensor, 1) for tensor in of(graph, 5)}
        self.kinds = {of(tensor, 8)[0].decode(): of(tensor, 2)[0] for tensor in of(graph, 5)}
        self.nodes = [(of(node, 4)[0].decode(), [name.decode() for name in of(node, 1)]) for node in of(graph, 1)]
        self.outputs = [of(value, 1)[0].decode() for value in of(graph, 12)]

    def count(self, kind: str) -> int:
        return sum(node == kind for node, _ in self.nodes)

    def weights(self) -> int:
        """Numbers that were learned: those of means and variances, and of slopes that are told once, count too."""
        total = 0
        for name, sides in self.sides.items():
            size = 1
            for side in sides:
                size *= side
            total += size if self.kinds[name] == 1 else 0
        return total


# SCRFD_10G_KPS in InsightFace's detection/scrfd/README.md: 4.23 million parameters; there each normalisation has two
# numbers a channel, here the one that is left of them.
def test_the_detector_is_shaped_like_scrfd_10g():
    model = Model(large_models.make_detector())
    assert model.weights() == pytest.approx(4.23e6, rel=0.005)
    counts = [model.count(kind) for kind in ("Conv", "Add", "Resize", "AveragePool")]
    assert counts == [58, 16, 2, 3]
    assert model.outputs == [f"{name}_{stride}" for name in ("score", "bbox", "kps") for stride in (8, 16, 32)]
    assert "random weights" in model.label and "SCRFD-10GF" in model.label


# iresnet50 of recognition/arcface_torch has 43.59 million parameters.
def test_the_embedder_is_shaped_like_iresnet_50():
    model = Model(large_models.make_embedder())
    assert model.weights() == pytest.approx(43.59e6, rel=0.001)
    assert (model.count("Conv"), model.count("PRelu"), model.count("BatchNormalization")) == (53, 25, 26)
    assert "random weights" in model.label and "IResNet-50" in model.label


def test_the_same_numbers_every_time():
    assert large_models.make_detector() == large_models.make_detector()


# 10 GFLOP at 640x480 and 6.3 GFLOP, where a multiplication and an addition count as one: bench/flops.py counts both.
@pytest.mark.parametrize(("name", "shape", "gflop"), [("random_scrfd_10g.onnx", "1x3x480x640", 10.0),
                                                      ("random_iresnet50.onnx", "1x3x112x112", 6.3)])
def test_the_work_is_as_published(tmp_path, name, shape, gflop):
    pytest.importorskip("onnx", reason="no onnx: bench/flops.py needs it")
    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], check=True, capture_output=True)
    told = subprocess.run([sys.executable, str(ROOT / "bench/flops.py"), f"{tmp_path / name}={shape}"], check=True,
                          capture_output=True, text=True).stdout
    assert float(told.splitlines()[-1].split("|")[3]) / 2 == pytest.approx(gflop, rel=0.01)


@pytest.mark.skipif(not BINARY, reason="MIEN_BINARY is not set: for ctest")
def test_mien_runs_them(tmp_path):
    done = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], check=True, capture_output=True, text=True)
    assert done.stdout.count("random weights") == 2
    out = tmp_path / "records.jsonl"
    photos = [str(DEPS / "photos" / name) for name in ("obama.jpg", "solvay_conference_1927.jpg")]
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run([BINARY, "scan", *photos, "--det", str(tmp_path / "random_scrfd_10g.onnx"), "--rec",
                           str(tmp_path / "random_iresnet50.onnx"), "--embeddings", "json", "--out", str(out)],
                          env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    faces = [face for line in out.read_text().splitlines() for face in json.loads(line)["faces"]]
    assert faces, "noise is found, so that the embedder has work"
    for face in faces:
        left, top, right, bottom = face["bbox"]
        assert right > left and bottom > top and len(face["landmarks"]) == 5
        assert len(face["embedding"]) == 512 and 0 < max(map(abs, face["embedding"])) < 1e3
