"""Results go to other processes, into caches, and are copied; wrong calls say what is wrong with them."""

import asyncio
import copy
import enum
import io
import pickle

import numpy
import pytest

import mien
from conftest import run
from mien import _mien

Image = pytest.importorskip("PIL.Image", reason="no Pillow: install python3-pil")


def facts(value):
    """All that can be asked of a result, as what compares."""
    if isinstance(value, numpy.ndarray):
        return value.tobytes(), value.shape
    if isinstance(value, (list, tuple)):
        return [facts(one) for one in value]
    if isinstance(value, dict):
        return {key: facts(one) for key, one in value.items()}
    if isinstance(value, Exception):
        return type(value), str(value)
    if type(value).__module__ == "mien._mien" and not isinstance(value, enum.Enum):
        names = [name for name in dir(value) if not name.startswith("_")]
        return {name: facts(getattr(value, name)) for name in names if not callable(getattr(value, name))}
    return value


@pytest.fixture
def results(photos, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    with mien.scan([photos / "obama.jpg", tmp_path / "bad.jpg"], like=photos / "obama.jpg", embeddings=True,
                   image_quality=True, phash=True, progress=False) as scan:
        good, bad = scan
        progress = scan.progress
    analysis = mien.analyze(photos / "obama.jpg", image_quality=True, phash=True)
    face = analysis.faces[0]
    settings = mien.get_settings()
    manager = mien.GPUManager()
    return [analysis, face, face.quality, face.quality.pose_angles, analysis.placement[0], good, bad, good.matches[0],
            good.error, bad.error, progress, scan.summary, mien.Engine().detector, settings.values["GPU_BACKEND"],
            settings.values["GPU_BACKEND"].kind, settings.native, *_mien.list_backends(settings.native),
            *[device for info in _mien.list_backends(settings.native) for device in info.devices],
            *manager.get_available_backends(), mien.AnalyzeOptions(rotations=True, min_quality=0.25),
            mien.AnalyzeOptions(det_threshold=0.75),
            mien.QualityChecker().assess_quality(numpy.zeros((9, 9), numpy.uint8))]


def test_results_survive(results):
    for result in results:
        for again in (pickle.loads(pickle.dumps(result)), copy.copy(result), copy.deepcopy(result),
                      pickle.loads(pickle.dumps(result, protocol=2))):
            assert type(again) is type(result)
            assert facts(again) == facts(result), result
            assert " at 0x" in repr(result) or repr(again) == repr(result)
    assert pickle.loads(pickle.dumps(results[5])).to_json() == results[5].to_json()
    settings = pickle.loads(pickle.dumps(mien.get_settings()))
    assert facts(settings.native) == facts(mien.get_settings().native)


def test_every_kind_of_result_can_be_pickled():
    """A new class of the module is picklable (python/src/pickling.cpp), or belongs to the process."""
    own = {"NativeEngine", "NativeStore", "Job", "Pool", "Input", "ScanRun"}
    kinds = {name: kind for name, kind in vars(_mien).items()
             if isinstance(kind, type) and not issubclass(kind, enum.Enum)}
    assert {name for name, kind in kinds.items() if "__getstate__" not in vars(kind)} == own


def test_an_analysis_knows_its_path_and_no_bytes(photos):
    path = photos / "obama.jpg"
    by_path = pickle.loads(pickle.dumps(mien.analyze(path)))
    assert by_path.draw().size == (910, 1137)
    by_bytes = mien.analyze(path.read_bytes())
    packed = pickle.dumps(by_bytes)
    assert len(packed) < 10_000
    with pytest.raises(mien.InvalidArgumentError, match="give draw"):
        pickle.loads(packed).draw()
    assert copy.deepcopy(by_bytes).draw().size == copy.copy(by_bytes).draw().size == (910, 1137)
    faces = mien.analyze(path).faces
    del by_path
    assert numpy.isfinite(pickle.loads(pickle.dumps(faces))[0].embedding).all()


def test_foreign_states_are_refused(photos):
    face = mien.analyze(photos / "obama.jpg").faces[0]
    for state in ((), (1, 2), face.__getstate__()[:-1]):
        with pytest.raises(mien.BadDataError, match="another version"):
            mien.Face.__new__(mien.Face).__setstate__(state)
    with pytest.raises(Exception):
        mien.Face.__new__(mien.Face).__setstate__("text")


def test_what_makes_results_goes_along(photos):
    """It is opened anew in the other process, and once."""
    engine = mien.Engine(det_threshold=0.4)
    first, second = (pickle.loads(pickle.dumps(engine)) for _ in range(2))
    assert first is second and first is not engine and copy.copy(engine) is copy.deepcopy(engine) is engine
    path = photos / "obama.jpg"
    assert facts(first.analyze(path).faces) == facts(engine.analyze(path).faces)
    service = pickle.loads(pickle.dumps(mien.FaceService(engine, waiting_max=3)))
    assert len(service.detect_and_embed(path)) == 1 and service._waiting_max == 3
    assert pickle.loads(pickle.dumps(mien.QualityChecker())).assess_quality(numpy.zeros((9, 9), numpy.uint8))
    assert pickle.loads(pickle.dumps(mien.GPUManager())).get_available_backends()


def test_a_pool_of_processes():
    done = run("""
import multiprocessing, mien
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print([len(one.faces) for one in pool.map(mien.analyze, ["photos/obama.jpg", "photos/biden.jpg"])])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        engine = mien.Engine(load_embedder=False)
        print([len(one.faces) for one in pool.map(engine.analyze, ["photos/obama.jpg", "photos/biden.jpg"])])
""")
    assert done.stdout == "[1, 1]\n[1, 1]\n", done.stderr


@pytest.fixture
def pixels(photos):
    return numpy.asarray(Image.open(photos / "astronaut.png").convert("RGB"))


def test_compare_takes_arrays(pixels):
    assert mien.compare(pixels, pixels, colours="rgb") > 0.99
    with pytest.raises(mien.InvalidArgumentError, match="colours='rgb'"):
        mien.compare(pixels, pixels)
    assert len(mien.get_face_service().detect_and_embed(pixels, colours="rgb")) == 1


def test_no_advice_that_cannot_be_followed(pixels):
    """Where the bytes of a file are needed, an array is refused as what it is."""
    service = mien.get_face_service()
    calls = [lambda: service.create_thumbnail(pixels), lambda: service.compute_phash(pixels),
             lambda: service.crop_face_from_image(pixels, [0, 0, 9, 9]),
             lambda: service.enhance_image_for_face_detection(pixels),
             lambda: asyncio.run(service.detect_and_embed_async(pixels))]
    for call in calls:
        with pytest.raises(mien.InvalidArgumentError) as caught:
            call()
        assert "image file" in str(caught.value) and "colours" not in str(caught.value)
    answers = mien.Engine().analyze_batch([pixels])
    assert "a batch needs the bytes or the path" in str(answers[0])


@pytest.mark.parametrize("size", [-1, 0])
def test_numbers_that_cannot_be(photos, size):
    service = mien.get_face_service()
    with pytest.raises(mien.InvalidArgumentError, match=f"batch_size={size} is not valid: use a whole number from 1"):
        asyncio.run(service.detect_and_embed_batch_async([photos / "obama.jpg"], batch_size=size))
    with pytest.raises(mien.InvalidArgumentError, match="batch_size"):
        asyncio.run(service.analyze_async(photos / "obama.jpg", batch_size=size))
    with pytest.raises(mien.InvalidArgumentError, match="waiting_max"):
        mien.FaceService(waiting_max=size)
    with pytest.raises(mien.InvalidArgumentError, match="threads"):
        mien.scan(photos, threads=-1)
    with pytest.raises(TypeError):
        asyncio.run(service.detect_and_embed_batch_async([], batch_size="4"))


def test_a_threshold_without_a_person(photos):
    with pytest.raises(mien.InvalidArgumentError, match="needs like="):
        mien.scan(photos, threshold=0.4)


def test_a_stream_that_is_at_its_end(obama, tmp_path):
    written = io.BytesIO()
    written.write(obama)
    with pytest.raises(mien.InvalidArgumentError, match=r"at its end: rewind it with seek\(0\)"):
        mien.analyze(written)
    written.seek(0)
    assert len(mien.analyze(written).faces) == 1
    with open(tmp_path / "new.jpg", "w+b") as stream:
        with pytest.raises(mien.BadDataError, match="empty"):
            mien.analyze(stream)
        stream.write(obama)
        with pytest.raises(mien.InvalidArgumentError, match="at its end"):
            mien.analyze(stream)


def broken_pictures(data: bytes):
    closed = Image.open(io.BytesIO(data))
    closed.close()
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(buffer, "PNG")
    png = bytearray(buffer.getvalue())
    png[len(png) // 2] ^= 0xFF
    return [(mien.BadDataError, Image.open(io.BytesIO(data[: len(data) // 3]))),
            (mien.BadDataError, Image.open(io.BytesIO(bytes(png[: len(png) // 2])))),
            (mien.InvalidArgumentError, closed)]


def test_errors_of_pillow_are_errors_of_mien(obama, monkeypatch):
    for kind, picture in broken_pictures(obama):
        with pytest.raises(kind) as caught:
            mien.analyze(picture)
        assert isinstance(caught.value, mien.Error) and caught.value.__cause__ is not None
    picture = Image.open(io.BytesIO(obama))
    monkeypatch.setattr(picture, "load", lambda: (_ for _ in ()).throw(Image.DecompressionBombError("too large")))
    with pytest.raises(mien.LimitExceededError, match="too large"):
        mien.analyze(picture)
    analysis = mien.analyze(obama)
    with pytest.raises(mien.BadDataError, match="Pillow cannot read"):
        analysis.draw(Image.open(io.BytesIO(obama[: len(obama) // 3])))
    with pytest.raises(mien.BadDataError):
        mien.QualityChecker().assess_quality(Image.open(io.BytesIO(obama[: len(obama) // 3])))
