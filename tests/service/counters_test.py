"""Every counter equals what the clients counted, and Prometheus' own tool finds nothing wrong with the page."""

import collections
import concurrent.futures
import json
import os
import random
import shutil
import subprocess

import conftest
import pytest
from people_album import GETS, POSTS, made_up_lines, put_records, query
from photos import PHOTOS, metrics, metrics_when_idle

REQUESTS = int(os.environ.get("MIEN_TEST_REQUESTS", "200"))
SERIES_MOST = 500
NAME = "buffalo_l=centerface+fr_feature"
ENTRIES = json.dumps({"facial-recognition": {"detection": {"modelName": "buffalo_l"},
                                             "recognition": {"modelName": "buffalo_l"}}}).encode()

# What a client asks: how often, how it is answered and counted, its images, good and broken, the faces on them, and the
# stages and operations of an analysis. How well faces can be recognised is time of the stage quality too.
Kind = collections.namedtuple("Kind", "weight status route good broken faces stages operations",
                              defaults=(0, 0, 0, (), ()))
STAGES = ("decode", "detect", "quality")
KINDS = {
    "quality": Kind(50, 200, "/v1/quality", 1),
    "broken": Kind(20, 422, "/v1/quality", 0, 1),
    "analyze": Kind(8, 200, "/v1/analyze", 1, 0, 1, STAGES, ("face_detection", "quality_checks")),
    "wrong": Kind(12, 400, "/v1/analyze"),
    "batch": Kind(4, 200, "/v1/batch", 1, 2, 1, STAGES, ("face_detection", "quality_checks")),
    "predict": Kind(3, 200, "/predict", 1, 0, 1, (*STAGES, "embed"), ("face_detection", "face_embedding")),
    "unread": Kind(3, 400, "/predict", 0, 1),
    "other": Kind(8, 404, "other"),
    "alive": Kind(12, 200, "/healthz"),
}
# These count no events of clients.
NOT_COUNTED = ("process_", "mien_queue_images_max", "mien_build_info", "mien_model_info")


def calls_of(service):
    small, faces = PHOTOS["chelsea.png"], PHOTOS["obama.jpg"]
    wait = "?timeout_ms=600000"
    return {
        "quality": lambda: service.post("/v1/quality" + wait, small),
        "broken": lambda: service.post("/v1/quality", b"no photo"),
        "analyze": lambda: service.post("/v1/analyze" + wait, faces),
        "wrong": lambda: service.post("/v1/analyze?no=1", faces),
        "batch": lambda: service.post_form("/v1/batch" + wait, [
            ("images", "a.jpg", faces), ("images", "b.jpg", b"x"), ("images", "c.jpg", b"y")]),
        "predict": lambda: service.post_form("/predict", [("entries", None, ENTRIES), ("image", "blob", faces)]),
        "unread": lambda: service.post_form("/predict", [("entries", None, ENTRIES), ("image", "blob", b"no photo")]),
        "other": lambda: service.get("/nothing"),
        "alive": lambda: service.get("/healthz"),
    }


def expected_samples(chosen):
    """All counters that a page has behind these requests, the counts of histograms among them."""
    samples = collections.Counter()
    for kind, count in collections.Counter(chosen).items():
        row = KINDS[kind]
        samples[f'mien_requests_total{{route="{row.route}",status="{row.status}"}}'] += count
        if row.status == 200 and row.route != "/healthz":
            samples[f'mien_request_duration_seconds_count{{route="{row.route}"}}'] += count
        samples['mien_images_total{result="ok"}'] += count * row.good
        samples['mien_images_total{result="bad_data"}'] += count * row.broken
        samples["mien_faces_total"] += count * row.faces
        samples["mien_queue_duration_seconds_count"] += count * (row.good + row.broken)
        for stage in row.stages:
            samples[f'mien_stage_duration_seconds_count{{stage="{stage}"}}'] += count * row.good
        for operation in row.operations:
            ran = f'{{operation="{operation}",requested="cpu",ran="cpu"}}'
            samples["mien_operation_images_total" + ran] += count * row.good
        if "detect" in row.stages:
            for name in ("mien_batch_images_sum", "mien_batch_images_count"):
                samples[name] += count * row.good
    return {name: count for name, count in samples.items() if count > 0}


def is_a_count(name):
    of_time = name.split("{")[0].endswith(("_bucket", "_seconds_sum"))
    return not of_time and not name.startswith(NOT_COUNTED)


def test_counters_equal_what_clients_counted(start):
    service = start("--threads", "2", "--immich", NAME).ready()
    calls = calls_of(service)
    before = metrics(service)
    random.seed(5)
    chosen = random.choices(list(KINDS), weights=[row.weight for row in KINDS.values()], k=REQUESTS)
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda kind: (kind, calls[kind]().status), chosen))
    assert [(kind, status) for kind, status in answers if status != KINDS[kind].status] == []
    after, asked = metrics_when_idle(service)
    # What the test itself asked: the first page and those after it, but for the last, which is not counted yet.
    counted = {name: value - before.get(name, 0) for name, value in after.items()
               if is_a_count(name) and value != before.get(name, 0)}
    assert counted.pop('mien_requests_total{route="/metrics",status="200"}') == asked
    assert counted == expected_samples(chosen)


def series(service, headers):
    return [line for line in service.get("/metrics", headers=headers).body.decode().splitlines()
            if not line.startswith("#")]


def ask_wrongly(service, method, path, key):
    """A route in all the ways that are refused before it, and with bodies of all kinds."""
    body = b"" if method == "POST" else None
    foreign = "Origin: http://evil.example"
    for headers, host in (([], "localhost"), ([foreign], "localhost"), (key, "evil.example"), (key, "localhost")):
        service.ask(method, path, body, headers=headers, host=host)
    service.ask(method, path + "?no=1", body, headers=key)
    service.ask("DELETE", path, headers=key)
    if method != "POST":
        service.ask("POST", path, b"", headers=key)
        return
    for kind in ("text/x", "application/json"):
        service.ask(method, path, b"{", headers=[*key, f"Content-Type: {kind}"])
    for names in (("image",), ("images",), ("a", "b"), ("file",), ("entries", "image")):
        for data in (PHOTOS["chelsea.png"], b"x"):
            parts = [(name, "x.jpg", ENTRIES if name == "entries" else data) for name in names]
            service.post_form(path, parts, headers=key)
    with service.connect() as client:
        client.send(conftest.head(method, path, [*key, "Content-Length: 999999999999"]))
        client.receive()


def test_whatever_is_asked_there_are_few_series(start, mien, tmp_path):
    photos, store = tmp_path / "photos", tmp_path / "people.mien"
    put_records(store, photos, made_up_lines(photos)[0])
    made = mien("keys", "add", "me", "--people", "--key-file", str(tmp_path / "keys"))
    key = ["x-api-key: " + made.stdout.split()[-1]]
    service = start("--key-file", str(tmp_path / "keys"), "--upstream", "http://127.0.0.1:1", "--immich", NAME,
                    "--nextcloud", "--crawler", "--store", str(store)).ready()
    for path, row in service.get("/openapi.json").json()["paths"].items():
        for method in row:
            ask_wrongly(service, method.upper(), path, key)
    for path, options in GETS.items():
        for more in ({}, {"who": "999999"}, {"image": 99999}, {"face": 99999}, {"offset": "x"}):
            service.get(query("/v1/people" + path, **(options | more)), headers=key)
    for path, options in POSTS.items():
        for more in ({}, {"store": "1"}, {"who": "999999", "image": 99999, "face": 99999, "faces": [99999]}):
            service.post("/v1/people" + path, json.dumps(options | more).encode(),
                         headers=[*key, "Content-Type: application/json"])
    lines = series(service, key)
    print(len(lines), "series")
    assert 300 < len(lines) <= SERIES_MOST, lines


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
