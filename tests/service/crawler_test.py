"""The worker of the face crawlers, as httpx asks it."""

import concurrent.futures
import json
import math
import signal
import time

import conftest
import pytest
from photos import PHOTOS, metrics, metrics_when_idle

PATH = "/detect_faces_batch_multipart"
FACE_KEYS = {"bbox", "landmarks", "embedding", "quality", "age", "gender"}
QUALITY = ("min_face_quality", None, b"0.5")


def ask(service, images, *fields, **options):
    """Images by name, or (part, name, bytes) of their own."""
    parts = [("images", f"{name}.jpg", PHOTOS[name]) if isinstance(name, str) else name for name in images]
    return service.post_form(PATH, [*fields, *parts], **options)


def hashes(*rows):
    return ("image_hashes", None, json.dumps([{"phash": phash, "index": index} for phash, index in rows]).encode())


@pytest.fixture(scope="module")
def crawler(tmp_path_factory):
    one = conftest.Service(tmp_path_factory.mktemp("crawler"), ["--crawler"])
    yield one
    if one.process.poll() is None:
        one.end(signal.SIGKILL)


def test_httpx_gets_what_the_crawlers_read(crawler):
    httpx = pytest.importorskip("httpx")
    names = ["obama.jpg", "solvay_conference_1927.jpg", "coffee.png"]
    told = [{"phash": f"{i:016x}", "index": i} for i in range(len(names))]
    base = f"http://127.0.0.1:{crawler.port}"
    with httpx.Client(base_url=base, timeout=60) as client:
        health = client.get("/health")
        answer = client.post(PATH, files=[("images", (f"{row['phash']}.jpg", PHOTOS[name], "image/jpeg"))
                                          for row, name in zip(told, names)],
                             data={"image_hashes": json.dumps(told), "min_face_quality": "0.6", "require_face": "false",
                                   "crop_faces": "true", "face_margin": "0.2"})
    assert health.status_code == 200
    assert set(health.json()) == {"status", "gpu_available", "directml_available", "model_loaded", "uptime_seconds"}
    assert health.json()["status"] == "healthy" and health.json()["model_loaded"] is True
    assert health.json()["gpu_available"] is False and health.json()["directml_available"] is False
    assert health.json()["uptime_seconds"] > 0

    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"results", "processing_time_ms", "gpu_used", "worker_id", "errors"}
    assert body["gpu_used"] is False and body["errors"] == {} and body["worker_id"].startswith("mien-")
    assert 0 < body["processing_time_ms"] < 60_000
    assert set(body["results"]) == {row["phash"] for row in told}
    for row, name in zip(told, names):
        faces = crawler.post("/v1/analyze", PHOTOS[name]).json()["faces"]
        expected = [face for face in faces if face["det_score"] >= 0.6]
        found = body["results"][row["phash"]]
        assert len(found) == len(expected)
        for face, ours in zip(found, expected):
            assert set(face) == FACE_KEYS
            assert face["age"] is None and face["gender"] is None and face["embedding"] is None
            assert all(math.isclose(a, b, abs_tol=0.01) for a, b in zip(face["bbox"], ours["bbox"], strict=True))
            assert len(face["landmarks"]) == 5 and all(len(point) == 2 for point in face["landmarks"])
            assert math.isclose(face["quality"], ours["det_score"], abs_tol=1e-4)
    assert [len(body["results"][row["phash"]]) > 0 for row in told] == [True, True, False]


def test_both_names_of_the_part_and_fields_in_any_order(crawler):
    images = [("images[]", "a.jpg", PHOTOS["obama.jpg"]), ("images", "dir/b.png", PHOTOS["biden.jpg"])]
    before = ask(crawler, images, QUALITY).json()
    behind = crawler.post_form(PATH, [*images, QUALITY]).json()
    assert before["results"] == behind["results"] and set(before["results"]) == {"a", "b"}
    assert [len(faces) for faces in before["results"].values()] == [1, 1]


def test_the_hash_is_the_lists_or_else_the_files(crawler):
    images = [("images", "file-0.jpg", PHOTOS["obama.jpg"]), ("images", "file-1.jpg", PHOTOS["coffee.png"]),
              ("images", None, PHOTOS["biden.jpg"])]
    body = ask(crawler, images, QUALITY, hashes(("zero", 0), ("two", 2), ("nine", 9))).json()
    assert {key: len(faces) for key, faces in body["results"].items()} == {"zero": 1, "file-1": 0, "two": 1, "nine": 0}
    assert body["errors"] == {"nine": "no image with the index 9 came"}
    refused = ask(crawler, images, QUALITY)
    assert refused.status == 400 and "image 2" in refused.message and "image_hashes" in refused.message


def test_a_broken_image_says_so_and_spoils_nothing(crawler):
    images = [("images", "bad.jpg", b"no photo"), "obama.jpg", ("images", "empty.jpg", b""),
              ("images", "half.jpg", PHOTOS["obama.jpg"][:300])]
    body = ask(crawler, images, QUALITY).json()
    found = {key: len(faces) for key, faces in body["results"].items()}
    assert found == {"bad": 0, "obama.jpg": 1, "empty": 0, "half": 0}
    assert set(body["errors"]) == {"bad", "empty", "half"}
    assert "not an image" in body["errors"]["bad"] and "empty" in body["errors"]["empty"]


def test_one_hash_twice(crawler):
    images = [("images", "x.jpg", b"no photo"), ("images", "x.jpg", PHOTOS["obama.jpg"]),
              ("images", "x.jpg", PHOTOS["coffee.png"])]
    body = ask(crawler, images, QUALITY).json()
    assert len(body["results"]["x"]) == 1
    assert "3 images" in body["errors"]["x"] and "first that can be read" in body["errors"]["x"]


def test_require_face_and_the_least_quality(crawler):
    need = ("require_face", None, b"True")
    body = ask(crawler, ["obama.jpg", "coffee.png"], QUALITY, need).json()
    assert body["results"]["coffee.png"] == [] and set(body["errors"]) == {"coffee.png"}
    assert "require_face" in body["errors"]["coffee.png"]
    strict = ask(crawler, ["obama.jpg"], ("min_face_quality", None, b"1"), need).json()
    assert strict["results"] == {"obama.jpg": []} and "1" in strict["errors"]["obama.jpg"]


def test_embeddings_only_when_the_operator_says_so(start):
    service = start("--crawler", "--crawler-embeddings")
    [face] = ask(service, ["obama.jpg"], QUALITY).json()["results"]["obama.jpg"]
    [ours] = service.post("/v1/analyze?embeddings=json", PHOTOS["obama.jpg"]).json()["faces"]
    assert len(face["embedding"]) == 512
    assert all(math.isclose(a, b, abs_tol=1e-5) for a, b in zip(face["embedding"], ours["embedding"], strict=True))


def test_embeddings_alone_are_a_mistake(mien):
    refused = mien("serve", "--listen", "127.0.0.1:0", "--crawler-embeddings")
    assert refused.returncode == 2 and "add --crawler" in refused.stderr


@pytest.mark.parametrize("fields, part", [
    ([], "min_face_quality"), ([("min_face_quality", None, b"high")], "min_face_quality"),
    ([QUALITY, QUALITY], "twice"), ([QUALITY, ("face_margin", None, b"-1")], "face_margin"),
    ([QUALITY, ("crop_faces", None, b"2")], "crop_faces"), ([QUALITY, ("image_hashes", None, b"{")], "image_hashes"),
    ([QUALITY, ("image_hashes", None, b'[{"phash":"a"}]')], "image_hashes[0]"),
    ([QUALITY, hashes(("a", 0), ("b", 0))], "image_hashes[1]"), ([QUALITY, ("photo", "a.jpg", b"x")], "'photo'")])
def test_wrong_fields_say_what_is_allowed(crawler, fields, part):
    answer = ask(crawler, ["obama.jpg"], *fields)
    assert answer.status == 400 and part in answer.message, answer.body
    assert crawler.get("/health").status == 200


def test_no_image_at_all(crawler):
    answer = ask(crawler, [], QUALITY)
    assert answer.status == 400 and "'images'" in answer.message


def test_more_images_than_a_thousand(crawler):
    answer = ask(crawler, [("images", f"{i}.jpg", b"x") for i in range(1006)], QUALITY)
    assert answer.status == 413


def test_health_is_open_and_the_rest_is_not(start, mien, tmp_path):
    key = mien("keys", "add", "crawler", "--key-file", str(tmp_path / "keys")).stdout.strip()
    service = start("--crawler", "--key-file", str(tmp_path / "keys"))
    assert service.get("/health").json()["status"] == "healthy"
    assert service.get("/health", headers=["Sec-Fetch-Site: cross-site"]).status == 403
    assert ask(service, ["obama.jpg"], QUALITY).status == 401
    assert ask(service, ["obama.jpg"], QUALITY, headers=["x-api-key: wrong"]).status == 401
    assert ask(service, ["obama.jpg"], QUALITY, headers=[f"x-api-key: {key}"]).status == 200


def test_without_the_flag_there_are_no_such_routes(service):
    assert service.get("/health").status == 404
    assert ask(service, ["obama.jpg"], QUALITY).status == 404


def test_a_batch_larger_than_the_budget_goes_through(start):
    service = start("--crawler", "--queue-mb", "1", "--queue", "4", "--threads", "1")
    images = [("images", f"{i}.jpg", PHOTOS["obama.jpg"]) for i in range(30)]
    assert sum(len(image) for _, _, image in images) > 8 << 20
    body = ask(service, images, QUALITY).json()
    assert {key: len(faces) for key, faces in body["results"].items()} == {str(i): 1 for i in range(30)}
    metrics_when_idle(service)


def test_a_full_queue_says_when_to_come_again(start):
    service = start("--crawler", "--queue", "2", "--threads", "1").ready()
    images = [("images", f"{i}.jpg", PHOTOS["solvay_conference_1927.jpg"]) for i in range(10)]
    with concurrent.futures.ThreadPoolExecutor(1) as clients:
        long = clients.submit(ask, service, images, QUALITY)
        refused = []
        while not refused and not long.done():
            answer = ask(service, ["obama.jpg"], QUALITY)
            refused += [answer] if answer.status == 503 else []
        assert long.result().status == 200 and len(long.result().json()["results"]) == 10
    assert int(refused[0].headers["retry-after"]) >= 1


def test_what_was_accepted_is_answered_at_the_end(start):
    service = start("--crawler", "--threads", "1").ready()
    images = [("images", f"{i}.jpg", PHOTOS["solvay_conference_1927.jpg"]) for i in range(6)]
    with concurrent.futures.ThreadPoolExecutor(1) as clients:
        long = clients.submit(ask, service, images, QUALITY)
        while not metrics(service).get('mien_images_total{result="ok"}'):
            time.sleep(0.01)
        assert service.end() == 0
        assert len(long.result().json()["results"]) == 6


def test_a_client_that_hangs_up_leaves_nothing_behind(crawler):
    kind = "Content-Type: multipart/form-data; boundary=b"
    whole = conftest.form([QUALITY, *[("images", f"{i}.jpg", PHOTOS["obama.jpg"]) for i in range(20)]])
    for size in (len(whole) // 2, len(whole)):
        with crawler.connect() as connection:
            connection.send(conftest.head("POST", PATH, [kind, f"Content-Length: {len(whole)}"]) + whole[:size])
    metrics_when_idle(crawler)
