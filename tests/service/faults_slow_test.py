"""Whatever fails while 32 clients run: each request gets exactly one answer, and nothing is left behind."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time

import pytest

from conftest import BINARY, DEPS, form, head, wait_until
from photos import PHOTOS, metrics

DEVICE = pathlib.Path(os.environ.get("MIEN_BUILD", "")) / "tests/libmien_test_device.so"
CLIENTS = 32
# Requests of one client; ThreadSanitizer makes each ten times as long.
ROUNDS = 1 if "TSAN_OPTIONS" in os.environ else 4
SECONDS_TO_CALM = 60

needs_device = pytest.mark.skipif(not DEVICE.exists(), reason="no test device in this build")
needs_decoder = pytest.mark.skipif(not pathlib.Path(BINARY).with_name("mien-decoder").exists(),
                                   reason="no mien-decoder in this build")


def held(service):
    folder = f"/proc/{service.process.pid}"
    return len(os.listdir(folder + "/fd")), len(os.listdir(folder + "/task"))


def expected_faces(service):
    return {name: len(service.post("/v1/analyze", content).json()["faces"]) for name, content in PHOTOS.items()}


def ask(service, index, answers):
    """One client: photos in an order of its own, alone and in a batch; keeps what it was answered."""
    names = list(PHOTOS)
    random.Random(index).shuffle(names)
    for name in names[:ROUNDS]:
        answer = service.post("/v1/analyze?timeout_ms=600000", PHOTOS[name])
        answers.append((name, answer.status, answer.json()))
    parts = [("images", name, PHOTOS[name]) for name in names[:ROUNDS]]
    answer = service.post_form("/v1/batch?timeout_ms=600000", parts)
    records = [json.loads(line) for line in answer.body.splitlines()]
    assert sorted(record["index"] for record in records) == list(range(ROUNDS)), "not one record an image"
    answers += [(record["source"], answer.status, record) for record in records]


def run_clients(service, one=ask):
    answers = []
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
        for done in [clients.submit(one, service, index, answers) for index in range(CLIENTS)]:
            done.result()
    return answers


def expect_all(answers, faces):
    assert len(answers) == CLIENTS * ROUNDS * 2
    for name, status, record in answers:
        assert status == 200, record
        assert record["error"] is None, record
        assert len(record["faces"]) == faces[name], name


@needs_device
@pytest.mark.parametrize("faults", [
    "fail_at=5,fail_count=40", "oom_at=5,oom_count=40", "nan_at=5,nan_count=40", "wrong_shape_at=5,wrong_shape_count=9",
    "lost_at=9", "hang_at=9,hang_ms=20000", "memory_bytes=60000000", "random_fault_permille=200,random_seed=7",
])
def test_a_device_with_faults(start, faults):
    service = start("--threads", "4", "--queue", "256", MIEN_TEST_DEVICE=str(DEVICE), FACE_DETECTION_GPU="true",
                    FACE_EMBEDDING_GPU="true", MIEN_TEST_DEVICE_FAULTS=faults, MIEN_GPU_TIME_LIMIT="2").ready()
    on_cpu = start("--threads", "2").ready()
    faces = expected_faces(on_cpu)
    on_cpu.end()
    expect_all(run_clients(service), faces)
    samples = metrics(service)
    assert sum(count for name, count in samples.items() if name.startswith("mien_images_total")) == CLIENTS * ROUNDS * 2
    assert service.end() == 0


@needs_device
def test_a_device_that_comes_back(start):
    service = start("--threads", "4", MIEN_TEST_DEVICE=str(DEVICE), FACE_DETECTION_GPU="true",
                    MIEN_TEST_DEVICE_FAULTS="fail_at=12,fail_count=6").ready()  # after the plans are made
    limit = time.monotonic() + SECONDS_TO_CALM

    def ran():
        return service.post("/v1/analyze", PHOTOS["obama.jpg"]).json()["placement"]["face_detection"]["ran"]

    seen = []
    while time.monotonic() < limit and not ("cpu" in seen and seen[-1] == "test"):
        seen.append(ran())
        time.sleep(0.05)
    assert "cpu" in seen and seen[-1] == "test", seen
    assert service.end() == 0


def hang_up(service, index, answers):
    """Leaves in the head, in the body, before the answer, or in the middle of it."""
    chance = random.Random(index)
    body = form([("images", f"{i}.jpg", PHOTOS["obama2.jpg"]) for i in range(6)])
    message = head("POST", "/v1/batch", ["Content-Type: multipart/form-data; boundary=b",
                                         f"Content-Length: {len(body)}"]) + body
    for _ in range(ROUNDS):
        with service.connect() as connection, contextlib.suppress(ConnectionError, TimeoutError):
            size = chance.choice((30, len(message) // 3, len(message) - 1, len(message)))
            connection.send(message[:size])
            if size == len(message) and chance.random() < 0.7:
                connection.socket.recv(chance.choice((1, 300)))
    answers.append(index)


def test_clients_that_hang_up(start):
    service = start("--threads", "4").ready()
    faces = expected_faces(service)
    run_clients(service)
    wait_until(lambda: metrics(service)["mien_queue_images"] == 0, SECONDS_TO_CALM)
    time.sleep(2)
    before = held(service)
    run_clients(service, hang_up)
    expect_all(run_clients(service), faces)
    wait_until(lambda: metrics(service)["mien_queue_images"] == metrics(service)["mien_queue_bytes"] == 0,
               SECONDS_TO_CALM)
    wait_until(lambda: held(service) <= before, SECONDS_TO_CALM)
    assert service.end() == 0


def test_the_end_while_clients_run(start):
    service = start("--threads", "4").ready()
    whole, refused = [], []

    def one(index):
        name = list(PHOTOS)[index % len(PHOTOS)]
        while service.process.poll() is None:
            try:
                answer = service.post("/v1/analyze", PHOTOS[name])
            except ConnectionRefusedError:
                return refused.append(name)
            except (ConnectionError, OSError):
                # Between accepting and the first byte of the head: no request was taken.
                return refused.append(name)
            (whole if answer.status == 200 else refused).append(name)
            assert answer.status in (200, 503)
            answer.json()

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
        running = [clients.submit(one, index) for index in range(CLIENTS)]
        time.sleep(3)
        service.process.send_signal(signal.SIGTERM)
        for done in running:
            done.result()
    assert service.process.wait(timeout=SECONDS_TO_CALM) == 0
    assert whole and refused


def test_a_model_file_that_is_deleted(start, tmp_path):
    for name in ("centerface.onnx", "fr_feature.onnx"):
        [path] = (DEPS / "models").rglob(name)
        shutil.copy(path, tmp_path / name)
    service = start("--threads", "4", "--det", "centerface.onnx", "--rec", "fr_feature.onnx").ready()
    faces = expected_faces(service)
    for name in ("centerface.onnx", "fr_feature.onnx"):
        (tmp_path / name).unlink()
    expect_all(run_clients(service), faces)
    assert service.end() == 0


def children(service):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(service.process.pid)], capture_output=True, text=True,
                            check=False)
    return [int(pid) for pid in listed.stdout.split()]


@needs_decoder
def test_decoders_that_are_killed(start):
    service = start("--threads", "4", "--sandbox").ready()
    faces = expected_faces(service)
    killed, is_over = [], threading.Event()

    def kill():
        while not is_over.wait(0.3):
            for pid in children(service)[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    answers = run_clients(service)
    is_over.set()
    killer.join()
    assert killed and len(answers) == CLIENTS * ROUNDS * 2
    for name, status, record in answers:
        if status == 200 and record["error"] is None:
            assert len(record["faces"]) == faces[name]
        else:  # the photo that the decoder held, and it says so
            assert "decoder" in json.dumps(record), record
    assert sum(status != 200 or record["error"] is not None for _, status, record in answers) <= len(killed)
    assert service.end() == 0
