"""mien.insightface: a program for InsightFace finds what it expects, or an error that says why not."""

import copy
import inspect
import pickle
import warnings

import numpy
import pytest

import mien
from conftest import environment, run
from mien.insightface import model_zoo
from mien.insightface.app import FaceAnalysis
from mien.insightface.app.common import Face
from mien.insightface.utils import face_align

Image = pytest.importorskip("PIL.Image", reason="no Pillow: install python3-pil")


def read_bgr(path):
    return numpy.asarray(Image.open(path).convert("RGB"))[..., ::-1]


@pytest.fixture(scope="module")
def app(pack):
    analysis = FaceAnalysis(name="tiny", root=str(pack), providers=["CPUExecutionProvider"])
    analysis.prepare(ctx_id=0, det_size=(640, 640))
    return analysis


@pytest.fixture
def solvay(photos):
    return read_bgr(photos / "solvay_conference_1927.jpg")


def test_signatures():
    """Names, order and defaults of insightface 2.1."""
    start = inspect.signature(FaceAnalysis.__init__).parameters
    assert list(start)[:4] == ["self", "name", "root", "allowed_modules"]
    assert [start[name].default for name in list(start)[1:4]] == ["buffalo_l", "~/.insightface", None]
    assert str(inspect.signature(FaceAnalysis.prepare)).startswith(
        "(self, ctx_id: 'int' = 0, det_thresh: 'float' = 0.5, det_size: 'Any' = None)")
    assert list(inspect.signature(FaceAnalysis.get).parameters) == ["self", "img", "max_num", "det_metric"]
    detect = inspect.signature(model_zoo.SCRFD.detect).parameters
    assert list(detect) == ["self", "img", "input_size", "max_num", "metric", "det_thresh"]
    assert list(inspect.signature(face_align.norm_crop).parameters) == ["img", "landmark", "image_size", "mode"]


def test_get(app, solvay):
    faces = app.get(solvay)
    assert len(faces) > 20 and set(app.models) == {"detection", "recognition"}
    scores = [face.det_score for face in faces]
    assert scores == sorted(scores, reverse=True) and isinstance(scores[0], numpy.float32)
    face = faces[0]
    assert face["bbox"] is face.bbox and face.bbox.shape == (4,) and face.kps.shape == (5, 2)
    assert face.embedding.dtype == numpy.float32 and face.age is None and face.gender is None and face.sex is None
    assert abs(numpy.linalg.norm(face.normed_embedding) - 1) < 1e-5
    assert sorted(face) == ["bbox", "det_score", "embedding", "kps"]


def test_another_process_gets_faces_and_the_app(app, solvay):
    faces = app.get(solvay)[:3]
    again = pickle.loads(pickle.dumps(faces))
    assert [sorted(face) for face in again] == [sorted(face) for face in faces]
    assert (again[0].embedding == faces[0].embedding).all() and copy.deepcopy(faces[0]).age is None
    sent = pickle.loads(pickle.dumps(app))
    assert [list(face.bbox) for face in sent.get(solvay)[:3]] == [list(face.bbox) for face in faces]


def test_the_largest_faces(app, solvay):
    everything = app.get(solvay)
    for metric in ("max", "default"):
        faces = app.get(solvay, max_num=3, det_metric=metric)
        assert len(faces) == 3
        for face in faces:
            same = [one for one in everything if (one.bbox == face.bbox).all()]
            assert len(same) == 1 and numpy.abs(same[0].embedding - face.embedding).max() < 1e-4
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (face.bbox for face in everything)]
    largest = app.get(solvay, max_num=1, det_metric="max")[0].bbox
    assert (largest[2] - largest[0]) * (largest[3] - largest[1]) == max(areas)


def test_detector_alone(app, solvay):
    boxes, points = app.det_model.detect(solvay, max_num=5, metric="max")
    assert boxes.shape == (5, 5) and boxes.dtype == numpy.float32 and points.shape == (5, 5, 2)
    none, no_points = app.det_model.detect(numpy.zeros((64, 64, 3), numpy.uint8))
    assert none.shape == (0, 5) and no_points.shape == (0, 5, 2)
    assert len(app.det_model.detect(solvay, det_thresh=0.8)[0]) < len(app.det_model.detect(solvay)[0])


def test_thresholds_leave_few_engines(app, pack, solvay):
    """A higher one needs none; of lower ones the last few are kept, and without an embedder."""
    from mien import engine

    opened = engine._shared
    before, own = set(opened._slots), app.det_model.engine()
    scores = app.det_model.detect(solvay)[0][:, 4]
    for threshold in (0.6, 0.7, 0.8, 0.9, 1.5):
        boxes, points = app.det_model.detect(solvay, det_thresh=threshold)
        assert len(boxes) == len(points) == (scores >= numpy.float32(threshold)).sum()
    assert set(opened._slots) <= before
    higher = mien.Engine(detector=str(pack / "models" / "tiny" / "det.onnx"), load_embedder=False, precision="exact",
                         det_threshold=0.7, exact_sizes=[(640, 640)])
    faces = higher.analyze(solvay, colours="bgr", embed=False).faces
    assert (app.det_model.detect(solvay, det_thresh=0.7)[0][:, :4] == numpy.stack([face.bbox for face in faces])).all()
    found = [len(app.det_model.detect(solvay, det_thresh=threshold / 100)[0]) for threshold in range(48, 28, -2)]
    assert found == sorted(found) and found[0] >= len(scores)
    assert len(opened) <= 4
    assert all(slot.engine.embedder is None for slot in opened._slots.values())
    assert app.det_model.engine() is app.models["recognition"].engine() is own, "what is prepared stays"


def test_embedder_alone(app, solvay):
    face = app.get(solvay)[0]
    crop = face_align.norm_crop(solvay, face.kps)
    assert crop.shape == (112, 112, 3) and crop.dtype == numpy.uint8
    rows = app.models["recognition"].get_feat([crop, crop])
    assert rows.shape == (2, 512) and (rows[0] == rows[1]).all()
    assert numpy.abs(rows[0] - face.embedding).max() < 1e-4  # batches of other sizes differ in the last digits
    again = Face(kps=face.kps)
    assert app.models["recognition"].compute_sim(app.models["recognition"].get(solvay, again), rows[0]) > 0.99999
    assert face_align.norm_crop(solvay, face.kps, image_size=224).shape == (224, 224, 3)
    with pytest.raises(ValueError, match="multiple of 112 or 128"):
        face_align.norm_crop(solvay, face.kps, image_size=100)


def test_sizes_are_merged(photos):
    """None means 128 and 640: whoever fills the picture is found at 128, whoever is small at 640."""
    engine = mien.Engine(precision="exact", exact_sizes=[(128, 128), (640, 640)], load_embedder=False)
    one = mien.Engine(precision="exact", exact_sizes=[(640, 640)], load_embedder=False)
    small = mien.Engine(precision="exact", exact_sizes=[(128, 128)], load_embedder=False)
    image = photos / "obama_partial_face.jpg"
    counts = [len(each.analyze(image, embed=False).faces) for each in (engine, one, small)]
    assert counts[0] >= max(counts[1:]) and counts[0] <= counts[1] + counts[2]
    with pytest.raises(ValueError, match="multiples of 32"):
        mien.Engine(precision="exact", exact_sizes=[(100, 100)])


def test_face_is_a_dict_and_more():
    face = Face({"bbox": 1}, kps=None)
    face.mood = [{"a": 1}]
    assert face["mood"][0].a == 1 and face.missing is None and "missing" not in face
    face["age"] = 3
    assert face.age == 3
    assert face.embedding_norm is None and face.normed_embedding is None


def test_draw_on(app, solvay):
    faces = app.get(solvay, max_num=2)
    drawn = app.draw_on(solvay, faces)
    assert drawn.shape == solvay.shape and (drawn != solvay).any()
    x1, y1 = (int(value) for value in faces[0].bbox[:2])
    assert tuple(drawn[y1, x1]) == (0, 0, 255)
    app.draw_on(solvay, [Face(bbox=numpy.array([-50.0, -50, 9999, 9999]), kps=None)])


@pytest.mark.parametrize("module, words", [
    ("genderage", "neither age nor gender"), ("landmark_3d_68", "five landmarks"), ("wings", "no module 'wings'"),
])
def test_modules_that_are_not_there(pack, module, words):
    with pytest.raises(mien.Error, match=words):
        FaceAnalysis("tiny", str(pack), allowed_modules=["detection", module])


def test_models_that_are_not_there(pack, tmp_path):
    for name in ("genderage.onnx", "inswapper_128.onnx"):
        for _ in ("not there", "there"):
            with pytest.raises(mien.UnsupportedError, match="neither age|swaps no faces"):
                model_zoo.get_model(str(tmp_path / name))
            (tmp_path / name).write_bytes(b"model")
    with pytest.raises(mien.NotFoundError):
        model_zoo.get_model(str(tmp_path / "nothing.onnx"))
    detector = model_zoo.get_model(str(pack / "models" / "tiny" / "det.onnx"), providers=["CPUExecutionProvider"])
    assert detector.taskname == "detection"
    assert model_zoo.get_model("tiny", root=str(pack)).taskname == "recognition"


def test_a_missing_pack_is_an_error(pack, tmp_path):
    for name in ("buffalo_l", "no_such_pack", ""):
        with pytest.raises(mien.Error) as caught:
            FaceAnalysis(name=name, root=str(tmp_path))
        assert isinstance(caught.value, (mien.NotFoundError, mien.InvalidArgumentError))
    with pytest.raises(mien.NotFoundError, match="mien models pull buffalo_l"):
        FaceAnalysis(root=str(tmp_path))
    (tmp_path / "models" / "empty").mkdir(parents=True)
    with pytest.raises(mien.NotFoundError, match="no detector"):
        FaceAnalysis(name="empty", root=str(tmp_path))


def test_what_is_no_picture(app, photos):
    for image in (photos / "obama.jpg", str(photos / "obama.jpg"), None):
        with pytest.raises(mien.InvalidArgumentError, match="no picture as cv2.imread gives it"):
            app.get(image)


def test_detection_only(pack, solvay):
    app = FaceAnalysis(str(pack / "models" / "tiny"), allowed_modules=["detection"])
    app.prepare(ctx_id=-1)
    assert app.get(solvay)[0].embedding is None


def test_providers_win_over_the_environment(pack):
    """With the CPU behind it, a GPU that is not there is a warning; alone, an error."""
    if len(mien.get_gpu_manager().get_available_backends()) > 1:
        pytest.skip("there is a GPU")
    app = FaceAnalysis("tiny", str(pack), providers=["CUDAExecutionProvider", "CPUExecutionProvider"])
    with pytest.warns(RuntimeWarning, match="cuda was asked for"):
        app.prepare()
    with pytest.raises(mien.UnavailableError, match="add 'CPUExecutionProvider'"):
        FaceAnalysis("tiny", str(pack), providers=[("CUDAExecutionProvider", {"device_id": 0})]).prepare()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FaceAnalysis("tiny", str(pack), providers=["CPUExecutionProvider"]).prepare()
    with pytest.raises(ValueError, match="no MagicProvider"):
        FaceAnalysis("tiny", str(pack), providers=["MagicProvider"]).prepare()
    done = run(f"""
from mien.insightface.app import FaceAnalysis
app = FaceAnalysis("tiny", {str(pack)!r})
app.prepare(ctx_id=-1)
print(app.det_model.engine().settings.is_gpu_enabled_for_operation("face_detection"))
""", FACE_DETECTION_GPU="require", GPU_BACKEND="cuda")
    assert done.stdout == "False\n", done.stderr


PROGRAM = """
import sys
import numpy
from insightface.app import FaceAnalysis
from insightface.app.common import Face
from insightface.utils import face_align
import insightface
from PIL import Image
app = FaceAnalysis(name="tiny", root=sys.argv[1])
app.prepare(ctx_id=0, det_size=(640, 640))
print(len(app.get(numpy.asarray(Image.open("photos/obama.jpg"))[..., ::-1])), insightface.__name__)
"""


def test_the_switch(pack, photos, tmp_path):
    """A program that says `import insightface`, unchanged."""
    import subprocess
    import sys

    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run([sys.executable, "-m", "mien.insightface", str(program), str(pack)], capture_output=True,
                          text=True, env=environment(), cwd=photos.parent, timeout=100, check=False)
    assert done.stdout == "1 mien.insightface\n", done.stderr
