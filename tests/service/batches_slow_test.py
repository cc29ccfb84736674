"""Batches across requests: full ones for many clients, no wait for one client alone, and none on the CPU."""

import collections
import concurrent.futures
import io
import json
import os
import pathlib
import random
import re
import time

import pytest
from photos import PHOTOS, metrics

Image = pytest.importorskip("PIL.Image")

DEVICE = pathlib.Path(os.environ.get("MIEN_BUILD", "")) / "tests/libmien_test_device.so"
ASK = "/v1/analyze?timeout_ms=600000"
CLIENTS = 64
ROUNDS = 3  # photos of each client that are counted
LEAST = 0.8  # of the largest batch
# The places of a run: of the canvases, of the small pass over each photo, and of the embedder.
CANVAS_LARGEST, SMALL_LARGEST = 16, 32
SIZES = ((640, 640), (320, 320), (640, 480), (480, 640))
SMALL, FACE = (128, 128), (112, 112)

needs_device = pytest.mark.skipif(not DEVICE.exists(), reason="no test device in this build")


def make_photos(size, count):
    """Of one size, all different, with a face on most."""
    chance = random.Random(4)
    sources = [Image.open(io.BytesIO(content)).convert("RGB") for content in PHOTOS.values()]
    sources = [image for image in sources if image.width * image.height < 2_000_000]  # no crowds
    photos = []
    for index in range(count):
        image = sources[index % len(sources)]
        left, top = chance.randrange(1 + image.width // 10), chance.randrange(1 + image.height // 10)
        image = image.crop((left, top, image.width, image.height))
        scale = max(size[0] / image.width, size[1] / image.height)
        image = image.resize((round(image.width * scale) + 1, round(image.height * scale) + 1)).crop((0, 0, *size))
        file = io.BytesIO()
        image.save(file, "JPEG", quality=90)
        photos.append(file.getvalue())
    return photos


def ask_all(service, photos, clients, path=ASK):
    def one(photo):
        begun = time.monotonic()
        answer = service.post(path, photo)
        assert answer.status == 200, answer.body
        return answer.json(), time.monotonic() - begun

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        return list(pool.map(one, photos))


def device_variables(folder, **more):
    return {"MIEN_TEST_DEVICE": str(DEVICE), "FACE_DETECTION_GPU": "require", "FACE_EMBEDDING_GPU": "require",
            "MIEN_RUNTIME": "onnxruntime", "MIEN_GPU_TIME_LIMIT": "600",
            "MIEN_TEST_DEVICE_TRACE": str(folder / "trace")} | more


def runs_since(folder, begun):
    """How often the device ran each shape, by height and width."""
    lines = [json.loads(line) for line in (folder / "trace").read_text(encoding="utf-8").splitlines()]
    return collections.Counter((line["height"], line["width"]) for line in lines
                               if line["what"] == "run" and not line["planned"] and line["at_ms"] >= begun * 1000)


@needs_device
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_clients_with_photos_of_one_size_fill_each_bin(start, tmp_path, size):
    photos = make_photos(size, CLIENTS * (1 + ROUNDS))
    service = start("--threads", "4", **device_variables(tmp_path)).ready()
    ask_all(service, photos[:CLIENTS], CLIENTS)  # plans are made beside the first
    begun = time.monotonic()
    answers = [record for record, _ in ask_all(service, photos[CLIENTS:], CLIENTS, ASK + "&embeddings=base64")]
    assert {record["placement"]["face_detection"]["ran"] for record in answers} == {"test"}
    runs = runs_since(tmp_path, begun)
    faces = sum(len(record["faces"]) for record in answers)
    canvas, small, face = runs.pop(size[::-1]), runs.pop(SMALL), runs.pop(FACE)
    means = {"canvas": len(answers) / canvas, "small": len(answers) / small, "faces": faces / face}
    print(f"{size}: {len(answers)} photos, {faces} faces, a run: {means}; other shapes: {dict(runs)}")
    assert means["canvas"] >= LEAST * CANVAS_LARGEST
    assert service.end() == 0


@needs_device
def test_mixed_sizes_are_told(start, tmp_path):
    sizes = ((640, 480), (480, 640), (640, 640), (320, 320), (500, 333))
    photos = [photo for row in zip(*(make_photos(size, CLIENTS) for size in sizes)) for photo in row]
    service = start("--threads", "4", **device_variables(tmp_path)).ready()
    ask_all(service, photos[:CLIENTS], CLIENTS)
    begun, before = time.monotonic(), metrics(service)
    ask_all(service, photos[CLIENTS:], CLIENTS)
    after = metrics(service)
    runs, images = (after[name] - before[name] for name in ("mien_batch_images_count", "mien_batch_images_sum"))
    print(f"mixed sizes: {images / runs:.1f} a run, {dict(runs_since(tmp_path, begun))}")
    assert images / runs > 1


@needs_device
def test_one_client_alone_waits_the_delay_at_most(start, tmp_path):
    """Once a photo, not once a stage: mien tells at its end how long the device was idle with work."""
    delay_ms, count = 2000, 10
    photo = make_photos((640, 480), 1)[0]
    service = start("--threads", "4", "--batch-delay-ms", str(delay_ms),
                    **device_variables(tmp_path, MIEN_TEST_DEVICE_FAULTS="remember=1", LOG_LEVEL="DEBUG")).ready()
    answers = ask_all(service, [photo] * count, 1, ASK + "&embeddings=base64")
    assert {record["placement"]["face_embedding"]["ran"] for record, _ in answers} == {"test"}
    assert service.end() == 0
    idle_ms = sum(float(ms) for ms in re.findall(r'"idle_with_work_ms": ([0-9.]+)', service.log()))
    images = count + 1  # and the one that readyz waits for
    print(f"one client, a delay of {delay_ms} ms: {idle_ms / images:.0f} ms of it an image")
    assert 0 < idle_ms < 1.2 * images * delay_ms


def test_on_the_cpu_every_batch_is_one(start):
    service = start("--threads", "2").ready()
    before = metrics(service)
    photos = make_photos((320, 320), 2 * CLIENTS)
    answers = ask_all(service, photos, CLIENTS)
    assert {record["placement"]["face_detection"]["ran"] for record, _ in answers} == {"cpu"}
    after = metrics(service)
    for name in ("mien_batch_images_sum", "mien_batch_images_count"):
        assert after[name] - before[name] == len(photos)
