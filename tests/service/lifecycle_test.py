"""How the service starts, ends, and says how it is."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import BINARY, form, head


def test_it_says_where_it_listens_and_ends_on_sigterm(start):
    service = start()
    assert service.get("/healthz").status == 200
    begin = time.monotonic()
    assert service.end(signal.SIGTERM) == 0
    assert time.monotonic() - begin < 2


def test_sigint_ends_it_too(start):
    assert start().end(signal.SIGINT) == 0


def test_what_was_accepted_is_answered(start, photo):
    service = start("--threads", "1").ready()
    with service.connect() as busy, service.connect() as idle:
        idle.send(head("GET", "/healthz"))
        assert idle.receive().status == 200
        body = form([("images", f"{i}.jpg", photo) for i in range(20)])
        busy.send(head("POST", "/v1/batch", ["Content-Type: multipart/form-data; boundary=b",
                                             f"Content-Length: {len(body)}"]) + body)
        time.sleep(0.3)
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        late = service.get("/healthz")
        assert late.status == 503 and late.headers["connection"] == "close"
        assert late.headers["retry-after"].isdigit()
        assert idle.is_closed()
        records = [json.loads(line) for line in busy.receive().body.splitlines()]
        assert len(records) == 20 and all(record["faces"] for record in records)
    assert service.process.wait(timeout=30) == 0


def test_the_end_does_not_wait_for_ever(start):
    service = start("--drain-seconds", "1")
    with service.connect() as slow:
        slow.send(head("POST", "/v1/analyze", ["Content-Length: 10"]) + b"abc")
        time.sleep(0.3)
        begin = time.monotonic()
        assert service.end() == 0
        assert time.monotonic() - begin < 4
        assert slow.is_closed()


def test_a_second_signal_ends_at_once(start):
    service = start("--drain-seconds", "60")
    with service.connect() as slow:
        slow.send(head("POST", "/v1/analyze", ["Content-Length: 10"]) + b"abc")
        time.sleep(0.3)
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert service.process.poll() is None
        begin = time.monotonic()
        assert service.end(signal.SIGTERM) != 0
        assert time.monotonic() - begin < 2


def test_a_used_port(start, mien):
    service = start()
    result = mien("serve", "--listen", f"127.0.0.1:{service.port}")
    assert result.returncode == 2
    assert str(service.port) in result.stderr and "--listen" in result.stderr


def test_a_missing_model(mien):
    result = mien("serve", "--listen", "127.0.0.1:0", "--det", "/nonexistent.onnx")
    assert result.returncode == 2 and "/nonexistent.onnx" in result.stderr
    result = mien("serve", "--listen", "127.0.0.1:0", "--immich", "buffalo_l=nothing+fr_feature")
    assert result.returncode == 2 and "nothing" in result.stderr


def test_a_required_gpu(mien):
    result = mien("serve", "--listen", "127.0.0.1:0", "--gpu=require", "--backend", "rocm")
    assert result.returncode == 3


def test_health(start, mien):
    service = start().ready()
    url = f"http://127.0.0.1:{service.port}"
    assert mien("health", url).returncode == 0
    assert mien("health", url + "/").returncode == 0
    assert mien("health", url + "/readyz").returncode == 0
    assert mien("health", url + "/nowhere").returncode == 1
    assert mien("health", MIEN_LISTEN=f"127.0.0.1:{service.port}").returncode == 0
    assert mien("health", MIEN_LISTEN=f"0.0.0.0:{service.port}").returncode == 0
    service.end()
    result = mien("health", url)
    assert result.returncode == 1 and url in result.stderr
    assert mien("health", "https://a").returncode == 2
    with socket.create_server(("127.0.0.1", 0)) as silent:
        threading.Thread(target=lambda: silent.accept()[0].close()).start()
        assert mien("health", f"http://127.0.0.1:{silent.getsockname()[1]}").returncode == 1


def test_start_to_ready(start):
    begin = time.monotonic()
    start().ready()
    assert time.monotonic() - begin < 20  # a second where nothing else runs; docs/service.md has the figure


def test_a_line_a_request(start, photo):
    service = start("--log-format", "json").ready()
    trace = "0af7651916cd43dd8448eb211c80319c"
    service.post("/v1/analyze", photo,
                 headers=["X-Request-Id: mine", f"traceparent: 00-{trace}-b7ad6b7169203331-01"])
    service.get("/nowhere")
    assert service.end() == 0
    lines = [json.loads(line) for line in service.log().splitlines()]
    requests = [line for line in lines if "route" in line and line["route"] not in ("/readyz",)]
    first, second = requests
    assert first["request_id"] == "mine" and first["trace_id"] == trace and first["route"] == "/v1/analyze"
    assert first["status"] == 200 and first["bytes"] == len(photo) and first["images"] == 1 and first["faces"] == 1
    assert first["level"] == "INFO" and first["client"] == "127.0.0.1" and first["total_ms"] > 0
    assert second["route"] == "other" and second["status"] == 404 and second["level"] == "WARNING"
    assert all("time" in line and "level" in line for line in lines)


def test_log_level(start, photo):
    service = start(LOG_LEVEL="WARNING").ready()
    service.post("/v1/analyze", photo)
    service.get("/nowhere")
    assert service.end() == 0
    lines = [line for line in service.log().splitlines() if "/readyz" not in line]
    assert [line.split(" - ")[0] for line in lines] == ["WARNING"], service.log()


def test_descriptors_and_threads_come_back(start, photo):
    service = start("--threads", "2").ready()

    def held():
        folder = f"/proc/{service.process.pid}"
        return len(os.listdir(folder + "/fd")), len(os.listdir(folder + "/task"))

    service.post("/v1/analyze", photo)
    time.sleep(1)
    before = held()
    for _ in range(30):
        with service.connect() as connection:
            connection.send(head("POST", "/v1/analyze", [f"Content-Length: {len(photo)}"]) + photo[:1000])
    for _ in range(5):
        service.post("/v1/analyze", photo)
    time.sleep(1.5)
    assert held() == before


@pytest.mark.parametrize("command", ["serve", "keys", "health"])
def test_help(command):
    result = subprocess.run([BINARY, command, "--help"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("usage: mien " + command) or f"mien {command}" in result.stdout
