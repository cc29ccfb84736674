"""Everything that holds a picture gives the same faces, and wrong pictures are told from right ones."""

import io
import pathlib
import pickle

import numpy
import pytest

import mien
from conftest import run

Image = pytest.importorskip("PIL.Image", reason="no Pillow: install python3-pil")


def boxes(analysis):
    return numpy.stack([face.bbox for face in analysis.faces])


@pytest.fixture
def pixels(photos):
    return numpy.asarray(Image.open(photos / "astronaut.png").convert("RGB"))


def test_bytes_paths_files(obama, photos):
    expected = boxes(mien.analyze(obama))
    path = photos / "obama.jpg"
    with open(path, "rb") as stream:
        for image in (bytearray(obama), memoryview(obama), numpy.frombuffer(obama, numpy.uint8), path, str(path),
                      io.BytesIO(obama), stream):
            assert (boxes(mien.analyze(image)) == expected).all()


def test_arrays_and_pil_images(pixels):
    expected = boxes(mien.analyze(pixels, colours="rgb"))
    rgba = numpy.dstack([pixels, numpy.full(pixels.shape[:2], 255, numpy.uint8)])
    padded = numpy.zeros((pixels.shape[0], pixels.shape[1] + 7, 3), numpy.uint8)
    padded[:, : pixels.shape[1]] = pixels
    for image, colours in (
        (pixels[..., ::-1], "bgr"),
        (numpy.ascontiguousarray(pixels[..., ::-1]), "bgr"),
        (padded[:, : pixels.shape[1]], "rgb"),
        (numpy.flipud(numpy.flipud(pixels).copy()), "rgb"),
        (numpy.asfortranarray(pixels), "rgb"),
        (rgba, "rgb"),
        (Image.fromarray(pixels), None),
    ):
        assert (boxes(mien.analyze(image, colours=colours)) == expected).all()
    gray = numpy.asarray(Image.fromarray(pixels).convert("L"))
    assert len(mien.analyze(gray).faces) == 1
    assert len(mien.analyze(gray[..., None]).faces) == 1


def test_pil_images_of_16_bits(pixels, tmp_path):
    """As files of 16 bits: the upper 8 count, whichever way Pillow holds them."""
    gray = numpy.asarray(Image.fromarray(pixels).convert("L"))
    deep = gray.astype(numpy.uint16) << 8 | 0xFF
    expected = boxes(mien.analyze(gray))
    size = gray.shape[::-1]
    images = [Image.frombytes(mode, size, deep.astype(order).tobytes())
              for mode, order in (("I;16", "<u2"), ("I;16B", ">u2"), ("I;16L", "<u2"))]
    images[0].save(tmp_path / "gray16.png")
    assert (boxes(mien.analyze(tmp_path / "gray16.png")) == expected).all()
    images.append(Image.open(tmp_path / "gray16.png"))  # mode I in older versions of Pillow
    for image in images:
        analysis = mien.analyze(image)
        assert (boxes(analysis) == expected).all(), image.mode
        drawn = numpy.asarray(analysis.draw())
        assert (drawn[0, :9, 0] == gray[0, :9]).all()


def test_pil_images_of_few_bits_in_16(pixels):
    gray = numpy.asarray(Image.fromarray(pixels).convert("L")).astype(numpy.uint16) << 2
    with pytest.warns(RuntimeWarning, match="lowest sixteenth"):
        mien.analyze(Image.frombytes("I;16", gray.shape[::-1], gray.astype("<u2").tobytes()))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pil_images_without_a_range(mode):
    with pytest.raises(mien.InvalidArgumentError, match=f"8 or 16 bits a colour, and this one has mode {mode}: "):
        mien.analyze(Image.new(mode, (64, 64)))


def test_turned_pil_image_stands_upright(photos):
    image = Image.open(photos / "obama.jpg")
    turned = image.rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    memory = io.BytesIO()
    turned.save(memory, "PNG", exif=exif)
    again = Image.open(io.BytesIO(memory.getvalue()))
    assert numpy.abs(boxes(mien.analyze(again)) - boxes(mien.analyze(image))).max() < 1


def test_pixels_are_not_copied_and_results_are_views(pixels):
    before = pixels.copy()
    face = mien.analyze(pixels, colours="rgb").faces[0]
    assert (pixels == before).all()
    assert face.embedding.base is not None and not face.embedding.flags.owndata
    assert face.bbox.dtype == face.embedding.dtype == numpy.float32
    face.bbox[0] = 5
    assert face.bbox[0] == 5  # one memory, whichever array shows it
    assert abs(numpy.linalg.norm(face.normed_embedding) - 1) < 1e-6


LARGE = """
import resource
import numpy
import mien
mien.QualityChecker().assess_quality(numpy.zeros((100, 100, 3), numpy.uint8))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
# 300 MB that nobody has written to take no memory, but a copy of them would.
picture = numpy.zeros((10000, 10000, 3), numpy.uint8)
for view in (picture, picture[..., ::-1], picture[:, :9000]):
    mien.QualityChecker().assess_quality(view)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_large_pictures_are_not_copied():
    done = run(LARGE)
    assert int(done.stdout) < 100, done.stderr


def test_results_outlive_what_they_came_from(obama):
    embedding = mien.analyze(obama).faces[0].embedding
    again = mien.analyze(obama).faces[0].embedding
    assert (embedding == again).all()


@pytest.mark.parametrize("image, colours, kind, words", [
    (numpy.zeros((9, 9, 3), numpy.uint8), None, mien.InvalidArgumentError, "colours='rgb' or colours='bgr'"),
    (numpy.zeros((9, 9, 3), numpy.uint8), "bgra", mien.InvalidArgumentError, "is not known"),
    (numpy.zeros((9, 9, 3), numpy.float32), "rgb", mien.InvalidArgumentError, "uint8, and this one float32"),
    (numpy.zeros((9, 9, 2), numpy.uint8), "rgb", mien.InvalidArgumentError, "HxWx3 or HxWx4, and this one 9x9x2"),
    (numpy.zeros((0, 9, 3), numpy.uint8), "rgb", mien.InvalidArgumentError, "at least one pixel"),
    (b"", None, mien.BadDataError, "empty|not an image"),
    (b"hello", None, mien.BadDataError, "not an image"),
    (12, None, mien.InvalidArgumentError, "int is no image"),
    (None, None, mien.InvalidArgumentError, "NoneType is no image"),
    (io.StringIO("text"), None, mien.InvalidArgumentError, "opened for bytes"),
    ("a\0b.jpg", None, mien.InvalidArgumentError, r"^'a\\x00b.jpg' is no path"),
    (pathlib.Path("a\0b.jpg"), None, mien.InvalidArgumentError, r"^'a\\x00b.jpg' is no path"),
])
def test_what_is_no_image(image, colours, kind, words):
    with pytest.raises(kind, match=words) as caught:
        mien.analyze(image, colours=colours)
    assert isinstance(caught.value, mien.Error) and caught.value.code in ("invalid_argument", "bad_data")


def test_a_file_that_is_not_there():
    with pytest.raises(FileNotFoundError, match="nowhere.jpg") as caught:
        mien.analyze(pathlib.Path("nowhere.jpg"))
    assert isinstance(caught.value, mien.NotFoundError) and caught.value.code == "not_found"


def test_an_open_file_that_gives_nothing(tmp_path):
    path = tmp_path / "photo.jpg"
    with open(path, "wb") as written, pytest.raises(mien.InvalidArgumentError, match="opened for bytes"):
        mien.analyze(written)
    with open(path, "rb") as closed:
        pass
    with pytest.raises(mien.InvalidArgumentError, match="cannot be read: .*closed"):
        mien.analyze(closed)


def test_a_file_without_an_image_is_named(tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("no pixels")
    for image in (path, str(path)):
        with pytest.raises(mien.BadDataError, match="notes.jpg: .*not an image"):
            mien.analyze(image)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(mien.FileError, match="[Dd]irectory") as caught:
        mien.analyze(tmp_path)
    assert caught.value.code == "io" and caught.value.filename == str(tmp_path)


def test_draw(obama, photos, pixels):
    for image, colours in ((obama, None), (photos / "obama.jpg", None), (pixels, "rgb"), (pixels[..., ::-1], "bgr"),
                           (Image.fromarray(pixels), None)):
        analysis = mien.analyze(image, colours=colours)
        drawn = analysis.draw()
        assert drawn.size == (analysis.width, analysis.height)
        x1, y1, x2, _ = analysis.faces[0].bbox
        colour = drawn.getpixel((int((x1 + x2) / 2), max(0, round(float(y1)))))
        assert colour[1] > colour[0] + 50 and colour[1] > colour[2] + 50


def test_batches_take_lists(obama):
    engine = mien.Engine()
    results = engine.analyze_batch([obama, b"broken", "no/such.jpg", obama])
    assert [type(result).__name__ for result in results] == ["Analysis", "BadDataError", "NotFoundError", "Analysis"]
    with pytest.raises(ValueError, match="put the image into a list"):
        engine.analyze_batch(obama)


def test_compare(photos):
    assert mien.compare(photos / "obama.jpg", photos / "obama2.jpg") > 0.5
    assert mien.compare(photos / "obama.jpg", photos / "biden.jpg") < 0.3
    with pytest.raises(ValueError, match="no face"):
        mien.compare(photos / "coffee.png", photos / "obama.jpg")


def test_compare_says_what_the_similarity_means(photos):
    same = mien.compare(photos / "obama.jpg", photos / "obama2.jpg")
    assert same.verdict == "same" and same.reasons == (None, None) and same == same.similarity
    assert mien.compare(photos / "obama.jpg", photos / "biden.jpg").verdict == "different"
    good = mien.analyze(photos / "obama.jpg")
    assert good.faces[0].recognition_quality > 0.5 and good.faces[0].poor_reason is None
    dark = [
        mien.analyze((numpy.asarray(Image.open(photos / name).convert("RGB")) // 16), colours="rgb")
        for name in ("obama.jpg", "biden.jpg")
    ]
    assert all(one.faces[0].recognition_quality < 0.5 and one.faces[0].poor_reason == "too_dark" for one in dark)
    poor = mien.compare(*dark)
    assert poor.verdict == "not_comparable" and poor.reasons == ("too_dark", "too_dark")
    assert not poor >= -1 and not poor < 2, "no threshold is passed"
    assert pickle.loads(pickle.dumps(poor)).similarity == poor.similarity
    assert mien.compare(*dark, threshold=-1).verdict == "not_comparable"
    assert mien.compare(*dark, threshold=-1, compare_anyway=True).verdict == "same"
    assert mien.compare(good, dark[1]).verdict == "cannot_tell"
    assert mien.compare(good, dark[1], threshold=-1).verdict == "same"
    face = mien.get_face_service().detect_and_embed(photos / "obama.jpg")[0]
    assert face["recognition_quality"] == good.faces[0].recognition_quality
