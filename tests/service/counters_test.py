"""Every counter equals what the clients counted, and Prometheus' own tool finds nothing wrong with the page."""

import concurrent.futures
import random
import shutil
import subprocess

import pytest
from photos import PHOTOS, metrics

REQUESTS = 200


def test_counters_equal_what_clients_counted(start):
    service = start("--threads", "2")
    small = PHOTOS["chelsea.png"]
    faces = PHOTOS["obama.jpg"]
    kinds = {
        "quality": lambda: service.post("/v1/quality", small),
        "broken": lambda: service.post("/v1/quality", b"no photo"),
        "analyze": lambda: service.post("/v1/analyze?timeout_ms=600000", faces),
        "wrong": lambda: service.post("/v1/analyze?no=1", faces),
        "batch": lambda: service.post_form("/v1/batch", [("images", "a.jpg", faces), ("images", "b.jpg", b"x")]),
    }
    random.seed(5)
    chosen = random.choices(list(kinds), weights=[60, 20, 10, 20, 10], k=REQUESTS)
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda kind: (kind, kinds[kind]().status), chosen))
    count = {kind: chosen.count(kind) for kind in kinds}
    expected = {"quality": 200, "broken": 422, "analyze": 200, "wrong": 400, "batch": 200}
    assert all(status == expected[kind] for kind, status in answers)
    samples = metrics(service)
    assert samples['mien_requests_total{route="/v1/quality",status="200"}'] == count["quality"]
    assert samples['mien_requests_total{route="/v1/quality",status="422"}'] == count["broken"]
    assert samples['mien_requests_total{route="/v1/analyze",status="200"}'] == count["analyze"]
    assert samples['mien_requests_total{route="/v1/analyze",status="400"}'] == count["wrong"]
    assert samples['mien_requests_total{route="/v1/batch",status="200"}'] == count["batch"]
    assert samples['mien_images_total{result="ok"}'] == count["quality"] + count["analyze"] + count["batch"]
    assert samples['mien_images_total{result="bad_data"}'] == count["broken"] + count["batch"]
    assert samples["mien_faces_total"] == count["analyze"] + count["batch"]
    worked = count["quality"] + count["broken"] + count["analyze"] + 2 * count["batch"]
    assert samples["mien_queue_duration_seconds_count"] == worked
    assert samples['mien_request_duration_seconds_count{route="/v1/batch"}'] == count["batch"]
    assert samples['mien_stage_duration_seconds_count{stage="detect"}'] == count["analyze"] + count["batch"]
    assert samples["mien_batch_images_sum"] == samples["mien_batch_images_count"] == count["analyze"] + count["batch"]
    cpu = 'mien_operation_images_total{operation="face_detection",requested="cpu",ran="cpu"}'
    assert samples[cpu] == count["analyze"] + count["batch"]
    assert samples["mien_queue_images"] == samples["mien_queue_bytes"] == 0


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here (Debian package prometheus)")
def test_promtool_finds_nothing_wrong(start):
    service = start()
    service.post("/v1/analyze", PHOTOS["obama.jpg"])
    service.get("/nothing")
    page = service.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    done = subprocess.run(["promtool", "check", "metrics"], input=page.body, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
    assert len([line for line in page.body.splitlines() if not line.startswith(b"#")]) < 500
