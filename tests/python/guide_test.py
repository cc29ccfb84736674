"""The guide's Python, with the imports changed and nothing else."""

import asyncio
import json
import logging
import os
import pathlib
import re
import types

import numpy
import pytest

import mien
from conftest import ROOT, run

SNIPPETS = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "guide.md").read_text(), re.M | re.S)
NAMES = """get_settings is_gpu_enabled_for_operation get_gpu_manager get_available_backends get_preferred_device
get_memory_info get_face_service detect_and_embed_async detect_and_embed_batch_async enhance_image_for_face_detection
QualityChecker assess_quality blur_score brightness contrast overall_score""".split()


def test_the_document_shows_every_call():
    assert [name for name in NAMES if not any(name in snippet for snippet in SNIPPETS)] == []


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_snippet(snippet, obama):
    Image = pytest.importorskip("PIL.Image", reason="no Pillow: install python3-pil")
    image = Image.new("RGB", (64, 48), (10, 20, 30))
    names = {"image_bytes": obama, "image_list": [obama, b"broken"], "image": image}
    # As a notebook does: await at the top level.
    code = compile(snippet, "docs/guide.md", "exec", flags=__import__("ast").PyCF_ALLOW_TOP_LEVEL_AWAIT)
    answer = eval(code, names)
    if asyncio.iscoroutine(answer):
        asyncio.run(answer)
    if "batch_results" in names:
        assert [len(faces) for faces in names["batch_results"]] == [1, 0]
    if "metrics" in names:
        assert names["metrics"].blur_score == 0 and names["metrics"].face_size == (64, 48)


def test_keys_of_a_face(obama):
    face = mien.get_face_service().detect_and_embed(obama)[0]
    assert set(face) == set("""bbox landmarks embedding normed_embedding det_score scale enhancement_scale rotation
                               face_size quality recognition_quality""".split())
    assert face["bbox"].shape == (4,) and face["landmarks"].shape == (5, 2)
    assert face["embedding"].dtype == numpy.float32 and face["enhancement_scale"] == 1.0


def test_operations_of_the_service(obama, photos):
    service = mien.get_face_service()
    face = service.detect_and_embed(obama)[0]
    assert service.enhance_image_for_face_detection(obama) == (obama, 1.0)
    thumbnail = service.create_thumbnail(obama, size=(100, 60))
    enhanced, scale = service.enhance_image_for_face_detection(thumbnail)
    assert thumbnail[:2] == enhanced[:2] == b"\xff\xd8" and scale == 4.0
    assert service.crop_face_from_image(obama, face["bbox"], margin=0.2)[:2] == b"\xff\xd8"
    assert re.fullmatch("[0-9a-f]{16}", service.compute_phash(obama))
    assert service.compute_phash(photos / "obama.jpg") == service.compute_phash(obama)
    with pytest.raises(mien.InvalidArgumentError, match="outside the image"):
        service.crop_face_from_image(obama, [5000, 5000, 6000, 6000])


def test_settings_come_from_the_environment():
    done = run("import mien; s = mien.get_settings(); print(s.gpu_batch_size, s.get_gpu_config()['face_detection_gpu'],"
               " s.is_gpu_enabled_for_operation('face_detection'), s.all_gpu)",
               GPU_BATCH_SIZE="16", FACE_DETECTION_GPU="true")
    assert done.stdout == "16 True True False\n", done.stderr
    done = run("import mien; mien.get_settings()", GPU_BACKEND="vulkan")
    assert "InvalidArgumentError" in done.stderr and "GPU_BACKEND=vulkan" in done.stderr
    done = run("import mien, os; a = mien.get_settings().gpu_batch_size; os.environ['GPU_BATCH_SIZE'] = '8'; "
               "print(a, mien.get_settings().gpu_batch_size, mien.reload_settings().gpu_batch_size)")
    assert done.stdout == "32 32 8\n", done.stderr


def test_settings_have_the_types_of_their_values():
    settings = mien.Settings({"MIEN_MODEL_DIR": "2024", "MIEN_DECODER": "true", "GPU_MEMORY_LIMIT_GB": 1.5})
    flags = [name for name, value in settings.values.items() if value.allowed.endswith("true or false")]
    assert {"ALL_GPU", "DEBUG", "MIEN_SANDBOX", "MIEN_ALLOW_SOFTWARE_GPU"} <= set(flags)
    for name in flags:
        for value in (True, False):
            assert getattr(mien.Settings({name: value}), name.lower()) is value, name
    assert mien.get_settings().sandbox is False and settings.face_detection_gpu is False
    assert mien.Settings({"FACE_DETECTION_GPU": "require"}).face_detection_gpu == "require"
    assert mien.Settings({"ALL_GPU": "auto"}).all_gpu == "auto"
    assert mien.Settings({"ALL_GPU": "auto"}).is_gpu_enabled_for_operation("face_detection")
    assert (settings.model_dir, settings.decoder) == ("2024", "true"), "text stays text, whatever it looks like"
    assert (settings.gpu_memory_limit_gb, settings.gpu_batch_size, settings.threads) == (1.5, 32, 0)


def test_ten_names_and_wrong_ones():
    config = mien.get_settings().get_gpu_config()
    assert len(config) == 10 and config["gpu_memory_limit_gb"] == 8 and config["all_gpu"] is False
    with pytest.raises(mien.InvalidArgumentError, match="face_detection"):
        mien.get_settings().is_gpu_enabled_for_operation("face_detektion")
    with pytest.raises(mien.InvalidArgumentError, match="no setting FACE_GPU"):
        mien.Settings({"FACE_GPU": True})
    with pytest.raises(AttributeError):
        mien.get_settings().no_such_setting


def test_engines_follow_the_settings(photos):
    def scale(**options):
        return mien.Engine(load_embedder=False, **options).analyze(photos / "astronaut.png").faces[0].scale

    exact = mien.Settings({"MIEN_PRECISION": "exact"})
    assert scale(settings=exact) == scale(precision="exact") == 1.25  # 512 pixels become 640
    assert scale() == scale(settings=exact, precision="default") == 1
    with pytest.raises(mien.InvalidArgumentError, match="precision='best'"):
        scale(precision="best")


def test_threads_follow_the_settings(obama):
    # numpy first: its OpenBLAS starts threads of its own.
    done = run("import asyncio, os, numpy, mien\n"
               "service = mien.FaceService(mien.Engine(settings=mien.Settings({'MIEN_THREADS': 5})))\n"
               "before = len(os.listdir('/proc/self/task'))\n"
               "asyncio.run(service.detect_and_embed_async(open('photos/obama.jpg', 'rb').read()))\n"
               "print(len(os.listdir('/proc/self/task')) - before)")
    assert done.stdout == "5\n", done.stderr


def test_manager_without_a_gpu():
    manager = mien.get_gpu_manager()
    backends = manager.get_available_backends()
    assert backends[-1] is mien.GPUBackend.CPU
    usable = [info.name for info in mien._mien.list_backends(mien.get_settings().native) if info.usable]
    assert usable == [backend.value for backend in backends]
    if len(backends) == 1:
        assert manager.initialize() is False and manager.get_preferred_device() is None
        assert manager.get_memory_info() == {"total": 0, "free": 0, "used": 0} and manager.get_devices() == []
        assert not manager.is_operation_gpu_enabled("face_detection") and manager.get_device_by_id(0) is None
    manager.cleanup()


def gpu(backend, number=0, *, free=100):
    return types.SimpleNamespace(id=number, name=f"{backend} {number}", backend=backend, memory_total=200,
                                 memory_free=free, memory_used=200 - free)


def machine(monkeypatch, chosen, **backends):
    """Stands in for the library: devices by the name of their backend, and the one that it chose."""
    infos = [types.SimpleNamespace(name=name, usable=True, devices=devices,
                                   chosen=chosen if chosen in devices else None)
             for name, devices in backends.items()]
    monkeypatch.setattr(mien._mien, "list_backends", lambda settings: infos)


def test_the_preferred_device_is_the_one_that_the_library_takes(monkeypatch):
    webgpu, openvino = [gpu("webgpu"), gpu("webgpu", 1)], [gpu("openvino")]
    for chosen in (webgpu[1], openvino[0], None):
        machine(monkeypatch, chosen, webgpu=webgpu, openvino=openvino, cpu=[gpu("cpu")])
        manager = mien.GPUManager()
        assert manager.initialize() is (chosen is not None) and manager.get_preferred_device() is chosen
        assert manager.get_devices() == webgpu + openvino


def test_backends_are_those_of_the_library():
    assert [backend.value for backend in mien.GPUBackend] == mien._mien.backend_names()
    assert mien.GPUBackend.CUDA is mien.GPUBackend("cuda") and list(mien.GPUBackend)[-1] is mien.GPUBackend.CPU
    with pytest.raises(ValueError):
        mien.GPUBackend("tpu")


def test_memory_is_asked_for_each_time(monkeypatch):
    manager = mien.GPUManager(mien.Settings({}))
    for free in (100, 60):
        device = gpu("cuda", free=free)
        machine(monkeypatch, device, cuda=[device])
        assert manager.get_memory_info() == {"total": 200, "free": free, "used": 200 - free}


def test_a_required_gpu_that_is_not_there():
    if len(mien.get_gpu_manager().get_available_backends()) > 1:
        pytest.skip("there is a GPU")
    done = run("import mien\ntry:\n    mien.get_face_service()\nexcept mien.UnavailableError as e:\n    print(e)",
               FACE_DETECTION_GPU="require", GPU_BACKEND="cuda")
    assert "requires a GPU" in done.stdout, done.stderr


def test_fallback_is_said():
    if len(mien.get_gpu_manager().get_available_backends()) > 1:
        pytest.skip("there is a GPU")
    done = run("import mien; print(mien.analyze('photos/obama.jpg').placement[0].reason)",
               FACE_DETECTION_GPU="true", GPU_BACKEND="cuda", LOG_LEVEL="INFO")
    assert "not installed" in done.stdout and "WARNING - " in done.stderr, done.stdout + done.stderr


def test_quality_has_the_contracts_numbers():
    checker = mien.QualityChecker()
    picture = numpy.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=numpy.uint8)
    gray = numpy.rint(picture @ numpy.array([0.299, 0.587, 0.114])).astype(numpy.uint8)
    metrics = checker.assess_quality(picture)
    assert abs(metrics.brightness - gray.mean()) < 0.01 and abs(metrics.contrast - gray.std()) < 0.01
    assert metrics.occlusion_score is None and metrics.pose_angles is None and metrics.face_size == (80, 60)
    part = checker.assess_quality(picture, bbox=(10, 20, 40, 50))
    assert part.face_size == (30, 30) and abs(part.brightness - gray[20:50, 10:40].mean()) < 0.01
    assert checker.assess_quality(picture, bbox=(-50, 20, 40, 500)).face_size == (40, 40)
    assert checker.assess_quality(picture, bbox=(100, 20, 140, 50)).face_size == (0, 0)
    points = [(20, 25), (35, 25), (27, 33), (22, 42), (33, 42)]
    assert checker.assess_quality(picture, landmarks=points).pose_angles.roll == pytest.approx(0, abs=2)
    assert metrics.is_acceptable({"min_blur": 1, "max_brightness": 255, "max_occlusion": 0.1})
    assert not metrics.is_acceptable({"min_overall": 1.01})
    with pytest.raises(ValueError, match="no threshold 'blur'"):
        metrics.is_acceptable({"blur": 1})


def test_lines_of_the_log(obama, caplog):
    with caplog.at_level(logging.INFO, logger="mien"):
        asyncio.run(mien.get_face_service().detect_and_embed_batch_async([obama]))
    # Without a GPU nothing claims that there is one.
    if len(mien.get_gpu_manager().get_available_backends()) == 1:
        assert "GPU batch" not in caplog.text


@pytest.mark.skipif(not os.environ.get("MIEN_BINARY"), reason="no program mien: MIEN_BINARY names it")
def test_the_command_and_the_benchmark(tmp_path):
    done = run("import sys; sys.argv = ['mien', 'version']; from mien.command import main; main()")
    assert done.returncode == 0 and mien.__version__ in done.stdout, done.stderr
    done = run("from mien.bench import main; main(['--no-such-option'])")
    assert done.returncode == 2 and "--no-such-option" in done.stderr
    # Two lines, which hand on whatever they are given.
    example = pathlib.Path(ROOT / "examples" / "benchmark_gpu.py").read_text()
    assert len(example.splitlines()) == 2
    assert json.dumps(run(f"import sys; sys.argv[1:] = ['--no-such-option']\n{example}").returncode) == "2"
