"""How closely photos are looked at, and how faces are turned, as Python and the command line show it."""
import json

import numpy
import pytest

import mien

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def engine():
    return mien.Engine()


def head(photos, name, face_side):
    """A square around the face of a photo, the face so many pixels high."""
    image = Image.open(photos / name).convert("RGB")
    x1, y1, x2, y2 = mien.analyze(image, detail="off").faces[0].bbox.tolist()
    half, x, y = max(x2 - x1, y2 - y1) * 1.3, (x1 + x2) / 2, (y1 + y2) / 2
    square = image.crop([int(value) for value in (x - half, y - half, x + half, y + half)])
    return square.resize((round(2.6 * face_side),) * 2, Image.LANCZOS)


def test_small_faces_of_a_large_photo(engine, photos):
    photo = Image.new("RGB", (3200, 2400), (110, 115, 120))
    for number, name in enumerate(("obama.jpg", "biden.jpg", "astronaut.png")):
        photo.paste(head(photos, name, 50), (300 + 900 * number, 700 + 300 * number))
    pixels = numpy.asarray(photo)
    full = engine.analyze(pixels, colours="rgb", detail="full")
    assert full.detail == "full" and len(full.faces) == 3
    assert engine.analyze(pixels, colours="rgb").detail == "auto"
    assert engine.analyze(pixels, colours="rgb", detail="off").detail == "off"
    with pytest.raises(mien.InvalidArgumentError, match="'auto', 'off', 'full'"):
        engine.analyze(pixels, colours="rgb", detail="best")
    exact = mien.Engine(precision="exact", load_embedder=False)
    assert exact.analyze(pixels, colours="rgb").detail == "off"
    with pytest.raises(mien.InvalidArgumentError, match="precision exact"):
        exact.analyze(pixels, colours="rgb", detail="full")


def test_a_page_with_faces_that_stand_otherwise(engine, photos):
    page = Image.new("RGB", (1000, 420), (110, 110, 110))
    turned = {"astronaut.png": 180, "obama.jpg": 0, "biden.jpg": 90}
    for number, (name, rotation) in enumerate(turned.items()):
        page.paste(head(photos, name, 115).rotate(-rotation), (20 + 330 * number, 60))
    found = engine.analyze(numpy.asarray(page), colours="rgb", rotations=True)
    by_place = sorted(found.faces, key=lambda face: face.bbox[0])
    assert [face.rotation for face in by_place] == list(turned.values())
    for face, name in zip(by_place, turned):
        person = engine.analyze(photos / name).faces[0]
        assert float(face.normed_embedding @ person.normed_embedding) > 0.8, name
    assert mien.get_face_service().detect_and_embed((photos / "obama.jpg").read_bytes())[0]["rotation"] == 0


def test_records_say_how_closely_a_photo_was_looked_at(photos):
    record = json.loads(next(iter(mien.scan(photos / "obama.jpg", detail="off"))).to_json())
    assert record["detail"] == "off" and record["faces"][0]["rotation"] == 0


def test_each_image_may_have_a_threshold(engine, photos):
    photo = photos / "solvay_conference_1927.jpg"
    counts = [len(engine.analyze(photo, embed=False, det_threshold=score).faces) for score in (0.9, None, 0.2)]
    assert counts[0] < counts[1] < counts[2]
    opened = mien.Engine(load_embedder=False, det_threshold=0.2)
    assert len(opened.analyze(photo, embed=False).faces) == counts[2]
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(mien.InvalidArgumentError, match="from 0 to 1"):
            engine.analyze(photo, det_threshold=wrong)
    options = mien.AnalyzeOptions(det_threshold=0.5)
    options.det_threshold = None
    assert options.det_threshold is None
