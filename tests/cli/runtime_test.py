"""Which runtime a command takes, and how it says so: MIEN_RUNTIME and --precision fast."""

import json
import os

import pytest

from conftest import DEPS

MODELS = DEPS / "models"
# Sanitizers and its RTLD_DEEPBIND exclude each other: their builds know no OpenVINO.
HAS_OPENVINO = any((DEPS / "openvino" / "lib").glob("libopenvino_c.so.*")) and "MIEN_TEST_NO_OPENVINO" not in os.environ
needs_openvino = pytest.mark.skipif(not HAS_OPENVINO, reason="no OpenVINO: ./dev build fetches it")


def placements(mien, command, *arguments, env=None):
    result = mien(command, *arguments, env=env)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[0])["placement"], result.stderr


def placement(mien, command, *arguments, env=None):
    rows, told = placements(mien, command, *arguments, env=env)
    return rows["face_detection"], told


def folder_of(mien, photo, count):
    folder = mien.folder / "many"
    folder.mkdir()
    for number in range(count):
        os.symlink(photo, folder / f"{number:04}.jpg")
    return folder


def test_a_few_images_start_quickly(mien, photos):
    row, _ = placement(mien, "scan", str(photos / "obama.jpg"))
    assert row["runtime"].startswith("onnxruntime ") and row["reason"] is None


@needs_openvino
def test_many_images_compute_quickly(mien, photos):
    folder = folder_of(mien, photos / "obama.jpg", 256)
    # CenterFace is no slower in ONNX Runtime; fr_feature, with PReLU, is.
    for runtime, detector, embedder in (
        ("auto", "onnxruntime ", "openvino "),
        ("onnxruntime", "onnxruntime ", "onnxruntime "),
        ("openvino", "openvino ", "openvino "),
    ):
        rows, _ = placements(mien, "scan", str(folder), "--embeddings", "json", env={"MIEN_RUNTIME": runtime})
        assert rows["face_detection"]["runtime"].startswith(detector)
        assert rows["face_embedding"]["runtime"].startswith(embedder)


@needs_openvino
def test_both_find_the_same(mien, photos):
    def faces(runtime):
        result = mien("scan", str(photos / "obama.jpg"), "--embeddings", "json", env={"MIEN_RUNTIME": runtime})
        assert result.returncode == 0, result.stderr
        record = json.loads(result.stdout)
        assert record["placement"]["face_detection"]["runtime"].startswith(runtime)
        return record["faces"]

    one, other = faces("onnxruntime"), faces("openvino")
    assert len(one) == len(other) > 0
    for a, b in zip(one, other):
        assert b["bbox"] == pytest.approx(a["bbox"], abs=0.05)
        assert b["det_score"] == pytest.approx(a["det_score"], abs=1e-3)
        assert b["embedding"] == pytest.approx(a["embedding"], abs=1e-2 * max(map(abs, a["embedding"])))


def test_fast_that_gains_nothing_is_default_and_says_so(mien, photos):
    row, told = placement(
        mien, "scan", str(photos / "obama.jpg"), "--precision", "fast", env={"MIEN_RUNTIME": "onnxruntime"}
    )
    assert "fast computes like default: MIEN_RUNTIME=onnxruntime" in row["reason"]
    assert row["reason"] in told


def test_without_openvino_the_others_work(mien, photos):
    nowhere = {"MIEN_BACKEND_DIR": str(mien.folder)}
    row, told = placement(mien, "scan", str(photos / "obama.jpg"), "--precision", "fast", env=nowhere)
    assert row["runtime"].startswith("onnxruntime ") and "fast computes like default" in told
    result = mien("scan", str(photos / "obama.jpg"), env={**nowhere, "MIEN_RUNTIME": "openvino"})
    assert result.returncode == 2
    assert "mien backends install openvino" in result.stderr


def test_unknown_runtime(mien):
    result = mien("scan", ".", env={"MIEN_RUNTIME": "torch"})
    assert result.returncode == 2 and "auto, onnxruntime, openvino" in result.stderr


def test_openvino_as_a_gpu_falls_back_and_says_why(mien, photos):
    env = {"MIEN_BACKEND_DIR": str(mien.folder), "GPU_BACKEND": "openvino", "ALL_GPU": "true"}
    row, told = placement(mien, "scan", str(photos / "obama.jpg"), env=env)
    assert row["requested"] == "gpu" and row["ran"] == "cpu"
    assert "run 'mien backends install openvino'" in row["reason"] and "the CPU does the work" in told
    result = mien("scan", str(photos / "obama.jpg"), "--gpu=require", env=env)
    assert result.returncode == 3 and "face_detection requires a GPU" in result.stderr
