"""A real Prometheus reads the service: each query of the dashboard returns data, and each rule of the alerts holds."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import pytest
from photos import PHOTOS

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
SECONDS = 60  # that Prometheus scrapes
DEVICE = pathlib.Path(os.environ.get("MIEN_BUILD", "build/dev")) / "tests" / "libmien_test_device.so"
CLIENTS = 8
# What a service without a GPU says nothing of.
OF_A_DEVICE = ("mien_fallback_images_total", "mien_breaker_open", "mien_device_memory_bytes")
# A GPU that fails for a while; and a queue that is too short for the clients, so that some are refused.
TROUBLED = {"MIEN_TEST_DEVICE": str(DEVICE), "ALL_GPU": "true", "MIEN_TEST_DEVICE_FAULTS": "fail_at=5,fail_count=3"}

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not here (Debian package)")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def prometheus(tmp_path):
    processes = []

    def start_one(service):
        config = tmp_path / "prometheus.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(DEPLOY / "alerts.yml")],
            "scrape_configs": [{"job_name": "mien", "static_configs": [{"targets": [f"127.0.0.1:{service.port}"]}]}]}))
        port = free_port()
        with (tmp_path / "prometheus.log").open("wb") as log:
            processes.append(subprocess.Popen(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
                 f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log))
        return port

    yield start_one
    for process in processes:
        process.terminate()
        process.wait(30)


def ask(port, path, **query):
    address = f"http://127.0.0.1:{port}{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return json.load(answer)["data"]


def work(service, until):
    """Some of everything, one after another."""
    body = [("images", name, content) for name, content in PHOTOS.items()]
    while time.monotonic() < until:
        service.post("/v1/analyze?image_quality=1", PHOTOS["obama.jpg"])
        service.post("/v1/quality", b"no photo")
        service.post_form("/v1/batch", body[:4])


def queries():
    board = json.loads((DEPLOY / "grafana.json").read_text(encoding="utf-8"))
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$instance", ".*").replace("$__rate_interval", "30s")


def test_every_query_of_the_dashboard_returns_data(start, prometheus):
    service = start("--queue", "2", "--threads", "1", **(TROUBLED if DEVICE.exists() else {}))
    port = prometheus(service)
    until = time.monotonic() + SECONDS
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
        for one in [clients.submit(work, service, until) for _ in range(CLIENTS)]:
            one.result()
    empty = [query for query in queries() if not ask(port, "/api/v1/query", query=query)["result"]]
    assert [query for query in empty if DEVICE.exists() or not any(name in query for name in OF_A_DEVICE)] == []
    rules = ask(port, "/api/v1/rules")["groups"][0]["rules"]
    assert rules and all(rule["health"] == "ok" for rule in rules)
    [target] = ask(port, "/api/v1/targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")


def test_alerts_fire_where_they_should():
    done = subprocess.run(["promtool", "test", "rules", "alerts_test.yml"], cwd=DEPLOY, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
