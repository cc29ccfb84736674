"""Nextcloud's Face Recognition: PHP's own client gets what the app stores, and the app's numbers mean what ours do."""

import concurrent.futures
import itertools
import json
import math
import pathlib
import shutil
import signal
import struct
import subprocess
import zlib

import conftest
import pytest
from photos import PHOTOS, metrics

CLIENT = pathlib.Path(__file__).with_name("nextcloud_client.php")
THRESHOLD = 0.478  # fr_feature's for searching
DISTANCE = 0.4  # the app's sensitivity
CONFIDENCE = 0.99  # the least that the app groups
FACE_KEYS = {"left", "top", "right", "bottom", "detection_confidence", "landmarks", "descriptor"}


def has_curl_of_php():
    if not shutil.which("php"):
        return False
    return "curl" in subprocess.run(["php", "-m"], capture_output=True, text=True, check=True).stdout.split()


def php(service, *arguments, key="none"):
    done = subprocess.run(["php", str(CLIENT), f"http://127.0.0.1:{service.port}", key, *map(str, arguments)],
                          capture_output=True, text=True, timeout=120, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def detect(service, image, name="photo.jpg", **options):
    return service.post_form("/detect", [("file", name, image)], **options)


def compute(service, image, face, **options):
    text = face if isinstance(face, bytes) else json.dumps(face).encode()
    return service.post_form("/compute", [("file", "photo.jpg", image), ("face", None, text)], **options)


def check_face(face):
    assert set(face) == FACE_KEYS
    assert all(isinstance(face[side], int) for side in ("left", "top", "right", "bottom"))
    assert face["left"] < face["right"] and face["top"] < face["bottom"]
    assert len(face["landmarks"]) == 5
    assert all(set(point) == {"x", "y"} and isinstance(point["x"], int) and isinstance(point["y"], int)
               for point in face["landmarks"])
    assert len(face["descriptor"]) == 512 and all(math.isfinite(x) for x in face["descriptor"])
    assert math.isclose(math.hypot(*face["descriptor"]), DISTANCE / math.sqrt(2 - 2 * THRESHOLD), rel_tol=1e-5)
    assert 0 < face["detection_confidence"] <= 1.1


def black_png(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 1) * height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def nextcloud(tmp_path_factory):
    one = conftest.Service(tmp_path_factory.mktemp("nextcloud"), ["--nextcloud"])
    yield one
    if one.process.poll() is None:
        one.end(signal.SIGKILL)


@pytest.mark.skipif(not has_curl_of_php(), reason="no php with curl here")
def test_phps_curl_gets_what_the_app_stores(start, mien, tmp_path):
    key = mien("keys", "add", "nextcloud", "--key-file", str(tmp_path / "keys")).stdout.strip()
    service = start("--nextcloud", "--key-file", str(tmp_path / "keys"))
    folder = tmp_path / "Photos of 2019" / "a \"b\" ü"
    folder.mkdir(parents=True)
    for name in ("obama.jpg", "solvay_conference_1927.jpg", "coffee.png"):
        (folder / name).write_bytes(PHOTOS[name])

    [told] = php(service, "open", key=key)
    assert told == {"status": 200, "answer": {"preferred_mimetype": "image/jpeg", "maximum_area": 8294400}}
    [told] = php(service, "welcome", key=key)
    assert told["status"] == 200 and told["answer"]["facerecognition-external-model"] == "welcome"
    assert isinstance(told["answer"]["version"], str) and isinstance(told["answer"]["model"], int)

    one, many, none = php(service, "detect", *sorted(folder.iterdir(), key=lambda path: "osc".index(path.name[0])),
                          key=key)
    for told, name in ((one, "obama.jpg"), (many, "solvay_conference_1927.jpg"), (none, "coffee.png")):
        assert told["status"] == 200
        assert set(told["answer"]) == {"filename", "faces-count", "faces"}
        assert told["answer"]["filename"] == name
        assert told["answer"]["faces-count"] == len(told["answer"]["faces"])
        for face in told["answer"]["faces"]:
            check_face(face)
    assert (one["answer"]["faces-count"], none["answer"]["faces-count"]) == (1, 0)
    assert many["answer"]["faces-count"] >= 25

    [found] = one["answer"]["faces"]
    asked = {side: found[side] for side in ("left", "right", "top", "bottom")} | {"detection_confidence": 0.7}
    [told] = php(service, "compute", folder / "obama.jpg", json.dumps(asked), key=key)
    assert told["status"] == 200 and set(told["answer"]) == {"filename", "face"}
    assert told["answer"]["filename"] == "obama.jpg"
    assert told["answer"]["face"] == found

    assert [told["status"] for told in php(service, "detect", folder / "obama.jpg", key="0" * 64)] == [401]
    assert str(folder) not in service.log() and "obama" not in service.log()


def test_a_key_is_asked_for(start, mien, tmp_path):
    key = mien("keys", "add", "nextcloud", "--key-file", str(tmp_path / "keys")).stdout.strip()
    service = start("--nextcloud", "--key-file", str(tmp_path / "keys"))
    image = [("file", "a.jpg", PHOTOS["obama.jpg"])]
    for header, status in ((f"x-api-key: {key}", 200), (f"x-api-key: {key[:-1]}", 401), ("x-api-key:", 401),
                           ("accept: */*", 401)):
        for path in ("/open", "/welcome"):
            assert service.get(path, headers=[header]).status == status, (path, header)
        assert service.post_form("/detect", image, headers=[header]).status == status
        face = ("face", None, b'{"left":300,"top":100,"right":700,"bottom":700}')
        assert service.post_form("/compute", [*image, face], headers=[header]).status == status


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.hypot(*a) / math.hypot(*b)


def small_photos(mien, folder):
    """Photos too small to be told from other small ones."""
    for name in ("obama.jpg", "biden.jpg", "astronaut.png"):
        small = folder / f"small {name}.jpg"
        photo = conftest.DEPS.resolve() / "photos" / name
        assert mien("thumbnail", str(photo), str(small), "--size", "70x70").returncode == 0
        yield small.name, small.read_bytes()


def test_distances_and_confidences_mean_what_ours_do(nextcloud, mien, tmp_path):
    found = []
    for name, image in (PHOTOS | dict(small_photos(mien, tmp_path))).items():
        faces = nextcloud.post("/v1/analyze?embeddings=json", image).json()["faces"]
        told = detect(nextcloud, image, name).json()["faces"]
        assert len(faces) == len(told)
        found += zip(faces, told)
    sides = [(math.dist(a["descriptor"], b["descriptor"]) < DISTANCE,
              cosine(x["embedding"], y["embedding"]) > THRESHOLD)
             for (x, a), (y, b) in itertools.combinations(found, 2)]
    assert all(is_close == is_same for is_close, is_same in sides)
    assert 6 <= sum(is_same for _, is_same in sides) < len(sides) / 2
    good = [told["detection_confidence"] for face, told in found if face["poor_reason"] is None]
    poor = [told["detection_confidence"] for face, told in found if face["poor_reason"] is not None]
    assert len(good) > 20 and min(good) >= CONFIDENCE
    assert len(poor) >= 3 and max(poor) < CONFIDENCE
    for face, told in found:
        confidence = 0.99 + 0.11 * (face["det_score"] - 0.5) / 0.5
        expected = confidence if face["poor_reason"] is None else 0.8 * confidence
        assert math.isclose(told["detection_confidence"], expected, abs_tol=1e-5)


def test_another_threshold_moves_the_distances(start):
    service = start("--nextcloud", "--nextcloud-threshold", "0.3")
    [face] = detect(service, PHOTOS["obama.jpg"]).json()["faces"]
    assert math.isclose(math.hypot(*face["descriptor"]), DISTANCE / math.sqrt(2 - 2 * 0.3), rel_tol=1e-5)


def test_a_model_without_a_threshold_needs_one(start, mien, tmp_path):
    model = tmp_path / "other.onnx"
    # The same model to whoever runs it, and another one to whoever compares files: a longer description.
    model.write_bytes((conftest.DEPS / "models" / "fr_feature.onnx").read_bytes() + b"\x32\x05other")
    refused = mien("serve", "--listen", "127.0.0.1:0", "--rec", str(model), "--nextcloud")
    assert refused.returncode == 2 and refused.stdout == ""
    assert "--nextcloud-threshold" in refused.stderr and "other" in refused.stderr
    service = start("--rec", str(model), "--nextcloud", "--nextcloud-threshold", "0.4")
    [face] = detect(service, PHOTOS["obama.jpg"]).json()["faces"]
    assert math.isclose(math.hypot(*face["descriptor"]), DISTANCE / math.sqrt(2 - 2 * 0.4), rel_tol=1e-5)


@pytest.mark.parametrize("threshold", ["0", "1", "-0.2", "0.4x", "nan", "half"])
def test_a_wrong_threshold_is_said(mien, threshold):
    refused = mien("serve", "--listen", "127.0.0.1:0", "--nextcloud", f"--nextcloud-threshold={threshold}")
    assert refused.returncode == 2
    assert "--nextcloud-threshold" in refused.stderr and "above 0 and below 1" in refused.stderr


def test_a_threshold_alone_is_a_mistake(mien):
    refused = mien("serve", "--listen", "127.0.0.1:0", "--nextcloud-threshold", "0.4")
    assert refused.returncode == 2 and "add --nextcloud" in refused.stderr


def test_too_many_pixels(nextcloud):
    just = black_png(3840, 2160)
    assert detect(nextcloud, just).json()["faces-count"] == 0
    face = {"left": 1, "top": 1, "right": 50, "bottom": 50}
    for refused in (detect(nextcloud, black_png(3841, 2160)), compute(nextcloud, black_png(2160, 3841), face)):
        assert refused.status == 412
        assert "8294400" in refused.message and "3841" in refused.message
    tiny = nextcloud.get("/open").json()["maximum_area"]
    assert tiny == 3840 * 2160


def test_the_operators_limit_is_what_the_app_is_told(start):
    service = start("--nextcloud", "--pixels-max", "1000000")
    assert service.get("/open").json()["maximum_area"] == 1000000
    assert detect(service, black_png(1001, 1000)).status == 412


def test_compute_takes_the_face_that_the_box_means(nextcloud):
    image = PHOTOS["solvay_conference_1927.jpg"]
    faces = detect(nextcloud, image).json()["faces"]
    for face in faces[:3] + faces[-3:]:
        # As another detector draws it, and by dlib's habit larger.
        width, height = face["right"] - face["left"], face["bottom"] - face["top"]
        box = {"left": face["left"] - width // 5, "top": face["top"] + height // 10,
               "right": face["right"] + width // 5, "bottom": face["bottom"] + height // 5}
        told = compute(nextcloud, image, box).json()["face"]
        check_face(told)
        assert {side: told[side] for side in box} == box
        assert told["descriptor"] == face["descriptor"]
        assert told["detection_confidence"] == face["detection_confidence"]


BOX = {"left": 300, "top": 100, "right": 700, "bottom": 700}


@pytest.mark.parametrize("face, status, part", [
    (b"no json", 400, "JSON"), (b"\xff", 400, "UTF-8"), (b"[" * 9000, 400, "nested"), ([1, 2, 3, 4], 400, "object"),
    pytest.param(b"x" * 70_000, 400, "longer", id="long"),
    ({"left": 1, "top": 2, "right": 3}, 400, "bottom is missing"),
    (BOX | {"left": "300"}, 400, "face.left"), (BOX | {"top": None}, 400, "face.top"),
    (BOX | {"right": 300}, 400, "no box"), (b'{"left":0,"top":0,"right":1e400,"bottom":9}', 400, "face"),
    ({"left": 910, "top": 0, "right": 999, "bottom": 50}, 422, "outside the picture, which has 910 x 1137"),
    ({"left": -50, "top": -50, "right": 0, "bottom": -10}, 422, "outside the picture"),
    ({"left": 0, "top": 1000, "right": 60, "bottom": 1100}, 422, "none of the 1 faces")])
def test_boxes_that_mean_no_face(nextcloud, face, status, part):
    answer = compute(nextcloud, PHOTOS["obama.jpg"], face)
    assert answer.status == status, answer.body
    assert part in answer.message


def test_wrong_forms_say_what_is_wrong(nextcloud):
    image = ("file", "a.jpg", PHOTOS["obama.jpg"])
    box = ("face", None, json.dumps(BOX).encode())
    for path, parts, status, part in (
            ("/detect", [], 400, "'file'"), ("/detect", [image, image], 400, "twice"),
            ("/detect", [image, box], 400, "'face'"),
            ("/compute", [image], 400, "'face'"), ("/compute", [box], 400, "'file'"),
            ("/compute", [image, box, box], 400, "twice"), ("/compute", [image, box, ("x", None, b"")], 400, "'x'"),
            ("/detect", [("file", "a.jpg", b"no photo")], 422, "not an image"),
            ("/detect", [("file", "a.jpg", b"")], 422, "empty")):
        parts = parts or [("photo", "a.jpg", b"x")]
        answer = nextcloud.post_form(path, parts)
        assert answer.status == status, (path, answer.body)
        assert part in answer.message
    assert nextcloud.post("/detect", PHOTOS["obama.jpg"], headers=["Content-Type: image/jpeg"]).status == 415


def test_a_file_name_is_no_path(nextcloud, tmp_path):
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(PHOTOS["solvay_conference_1927.jpg"])
    for name in (str(secret), f"../../../../../..{secret}", "/dev/stdin", "a/" * 500, "file:///etc/passwd", "con\\x"):
        answer = detect(nextcloud, PHOTOS["obama.jpg"], name).json()
        assert answer["faces-count"] == 1
        assert answer["filename"] == name.rsplit("/", 1)[-1]
    assert sorted(tmp_path.iterdir()) == [secret]
    assert "secret" not in nextcloud.log()


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace here")
def test_nothing_that_a_request_names_is_opened(start, tmp_path):
    service = start("--nextcloud").ready()
    trace = tmp_path / "trace"
    tracer = subprocess.Popen(["strace", "-f", "-e", "trace=%file", "-o", str(trace), "-p", str(service.process.pid)],
                              stderr=subprocess.PIPE, text=True)
    if "attached" not in tracer.stderr.readline():
        pytest.skip("strace may not look at other processes here")
    (tmp_path / "asked-for.jpg").write_bytes(PHOTOS["obama.jpg"])
    for name in (str(tmp_path / "asked-for.jpg"), "asked-for.jpg", "../asked-for.jpg"):
        assert detect(service, PHOTOS["obama.jpg"], name).status == 200
    tracer.terminate()
    tracer.wait()
    assert "asked-for" not in trace.read_text()


def test_without_the_flag_there_are_no_such_routes(service):
    assert service.get("/open").status == service.get("/welcome").status == 404
    assert detect(service, PHOTOS["obama.jpg"]).status == 404
    assert "/detect" not in service.get("/openapi.json").json()["paths"]


def test_a_full_queue_refuses_no_photo(start):
    service = start("--nextcloud", "--queue", "2", "--threads", "1")
    with concurrent.futures.ThreadPoolExecutor(40) as clients:
        held = [clients.submit(detect, service, PHOTOS["obama2.jpg"]) for _ in range(16)]
        others = [clients.submit(service.post, "/v1/analyze", PHOTOS["obama2.jpg"]) for _ in range(16)]
        assert [answer.result().status for answer in held] == [200] * 16
        statuses = [answer.result().status for answer in others]
    assert 503 in statuses and set(statuses) <= {200, 503}
    assert metrics(service)['mien_refused_total{reason="queue_full"}'] == statuses.count(503)


def test_what_was_accepted_is_answered_at_the_end(start):
    service = start("--nextcloud", "--threads", "1").ready()
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        running = [clients.submit(detect, service, PHOTOS["solvay_conference_1927.jpg"]) for _ in range(6)]
        while not metrics(service).get("mien_queue_images"):
            pass
        assert service.end() == 0
        statuses = [answer.result().status for answer in running if not answer.exception()]
    assert statuses.count(200) >= 1 and set(statuses) <= {200, 503}
