"""200 photos by 32 clients, on the CPU and in batches of every size of the test device: the records of `mien scan`."""

import concurrent.futures
import io
import json
import os
import pathlib
import random

import pytest
from photos import PHOTOS, metrics
from same_answers_test import check_one, comparable, post_image, scan

Image = pytest.importorskip("PIL.Image")

DEVICE = pathlib.Path(os.environ.get("MIEN_BUILD", "")) / "tests/libmien_test_device.so"
COUNT = 200
CLIENTS = 32
SIZES = ((1600, 1200), (1024, 683), (640, 640), (250, 250), (333, 500))
ANY_TIME = "?timeout_ms=600000"  # on a machine that has other things to do
BATCHES = (1, 2, 3, 4, 5, 8, 16, 32)


def make_images():
    """Photos of one face, of crowds, of 250 x 250 pixels, and a tenth of them broken: all different."""
    chance = random.Random(18)
    sources = [Image.open(io.BytesIO(content)).convert("RGB") for content in PHOTOS.values()]
    images = {}
    for index in range(COUNT):
        size = SIZES[index % len(SIZES)]
        image = sources[index // len(SIZES) % len(sources)].copy()
        left, top = chance.randrange(1 + image.width // 10), chance.randrange(1 + image.height // 10)
        image = image.crop((left, top, image.width, image.height))
        image.thumbnail(size)
        file = io.BytesIO()
        image.save(file, "PNG" if index % 7 == 0 else "JPEG")
        content = file.getvalue() + bytes([index])
        if index % 10 == 9:
            content = content[: len(content) // 2] if index % 20 == 9 else b"no photo" + content[8:]
        images[f"{index:03}.jpg"] = content
    assert len(set(images.values())) == COUNT
    return images


@pytest.fixture(scope="module")
def images():
    return make_images()


def post_batch(service, images):
    answer = service.post_form("/v1/batch" + ANY_TIME, [("images", name, content) for name, content in images.items()])
    assert answer.status == 200
    return {record["source"]: record for record in map(json.loads, answer.body.splitlines())}


def post_by_many(service, images):
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
        return dict(zip(images, clients.map(lambda name: post_image(service, name, images[name], ANY_TIME), images)))


def test_on_the_cpu(start, mien, tmp_path, images):
    expected = scan(mien, tmp_path / "photos", images)
    assert sum(record["error"] is not None for record in expected.values()) >= COUNT / 20
    assert sum(len(record["faces"] or []) for record in expected.values()) > COUNT
    service = start("--queue", str(COUNT), MIEN_RUNTIME="onnxruntime")
    for name, content in images.items():
        check_one(service.post("/v1/analyze" + ANY_TIME, content), expected[name])
    for name, record in post_batch(service, images).items():
        assert comparable(record) == comparable(expected[name])
    for name, answer in post_by_many(service, images).items():
        check_one(answer, expected[name])
    assert service.end() == 0


def without_placement(record):
    return comparable({key: value for key, value in record.items() if key != "placement"})


def check_but_for_placement(answer, expected):
    if answer.status == 200:
        assert without_placement(answer.json()) == without_placement(expected), expected["source"]
    else:
        assert answer.status == 422 and expected["error"] is not None, (expected["source"], answer.body)


@pytest.mark.skipif(not DEVICE.exists(), reason="no test device in this build")
@pytest.mark.parametrize("largest", BATCHES)
def test_in_batches_of_a_device(start, mien, tmp_path, images, largest):
    device = {"MIEN_TEST_DEVICE": str(DEVICE), "FACE_DETECTION_GPU": "require", "FACE_EMBEDDING_GPU": "require",
              "GPU_BATCH_SIZE": str(largest), "MIEN_RUNTIME": "onnxruntime", "MIEN_GPU_TIME_LIMIT": "600"}
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, content in images.items():
        (folder / name).write_bytes(content)
    done = mien("scan", str(folder), **device)
    assert done.returncode == 1, done.stderr
    expected = {record["source"].rsplit("/", 1)[1]: record for record in map(json.loads, done.stdout.splitlines())}
    assert all(record["placement"]["face_detection"]["ran"] == "test" for record in expected.values()
               if record["error"] is None)
    service = start("--queue", str(COUNT), "--threads", "4", **device)
    for name, content in images.items():
        check_but_for_placement(service.post("/v1/analyze" + ANY_TIME, content), expected[name])
    before = metrics(service)
    for name, record in post_batch(service, images).items():
        assert without_placement(record) == without_placement(expected[name]), name
    for name, answer in post_by_many(service, images).items():
        check_but_for_placement(answer, expected[name])
    after = metrics(service)
    runs, done = (after[name] - before[name] for name in ("mien_batch_images_count", "mien_batch_images_sum"))
    print(f"largest {largest}: {done:.0f} images in {runs:.0f} runs, {done / runs:.2f} each")
    # Canvases of one shape take 16 at most, and the photos are of five shapes and more.
    assert (done == runs) if largest == 1 else done / runs > 0.4 * min(largest, 16)
    assert service.end() == 0
