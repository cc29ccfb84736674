"""Immich's recogniser: its own client gets what its database takes."""

import concurrent.futures
import json
import math
import pathlib
import shutil
import subprocess

import conftest
import pytest
from photos import PHOTOS, metrics

CLIENT = pathlib.Path(__file__).with_name("immich_client.mjs")
NAME = "buffalo_l=centerface+fr_feature"


def entries(model="buffalo_l", score=0.5, **more):
    faces = {"detection": {"modelName": model, "options": {"minScore": score}}, "recognition": {"modelName": model}}
    return json.dumps({"facial-recognition": faces} | more).encode()


def predict(service, image, content=None):
    return service.post_form("/predict", [("entries", None, content or entries()), ("image", "blob", image)])


def vectors(answer):
    faces = answer["facial-recognition"]
    for face in faces:
        assert all(isinstance(face["boundingBox"][key], int) for key in ("x1", "y1", "x2", "y2"))
        assert isinstance(face["embedding"], str)
        assert 0 <= face["score"] <= 1
    found = [json.loads(face["embedding"]) for face in faces]
    assert all(len(vector) == 512 and all(math.isfinite(x) for x in vector) for vector in found)
    return found


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not here")
def test_nodes_own_fetch_gets_what_it_asks(start):
    service = start("--immich", NAME)
    photo = conftest.DEPS / "photos" / "obama.jpg"
    done = subprocess.run(["node", str(CLIENT), f"http://127.0.0.1:{service.port}", str(photo), "buffalo_l", "0.7"],
                          capture_output=True, text=True, timeout=120, check=True)
    told = json.loads(done.stdout)
    assert told["ping"] is True
    assert told["status"] == 200
    assert (told["answer"]["imageWidth"], told["answer"]["imageHeight"]) == (910, 1137)
    assert len(vectors(told["answer"])) == 1


def test_the_nearest_face_is_the_same_person(start):
    service = start("--immich", NAME)
    found = {}
    for name in ("obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"):
        [found[name]] = vectors(predict(service, PHOTOS[name]).json())
    distances = {name: 1 - cosine(found["obama.jpg"], vector) for name, vector in found.items()}
    assert max(distances["obama2.jpg"], distances["obama3.jpg"]) < 0.5 < distances["biden.jpg"]


def test_min_score_is_a_number_for_each_request(start):
    service = start("--immich", NAME)
    counts = [len(predict(service, PHOTOS["solvay_conference_1927.jpg"], entries(score=score)).json()
                  ["facial-recognition"]) for score in (0.9, 0.5, 0.2)]
    assert counts[0] < counts[1] <= counts[2]
    assert metrics(service)['mien_images_total{result="ok"}'] == 3


def test_a_name_is_never_another_model(start, tmp_path):
    service = start("--immich", "antelopev2=centerface+fr_feature")
    refused = predict(service, PHOTOS["obama.jpg"])
    assert refused.status == 404
    assert "mien models pull buffalo_l" in refused.json()["detail"]
    secret = tmp_path / "secret.onnx"
    secret.write_bytes(b"x")
    for model in ("centerface", str(secret), "../" + secret.name, "x" * 5000, ""):
        refused = predict(service, PHOTOS["obama.jpg"], entries(model=model))
        assert refused.status in (404, 422)
    assert predict(service, PHOTOS["obama.jpg"], entries(model="antelopev2")).status == 200
    assert str(secret) not in service.log()


@pytest.mark.parametrize("content, status, part", [
    (b"no json", 422, "JSON"), (b"[" * 10_000 + b"]" * 10_000, 422, "nested"), (b"\xff", 422, "UTF-8"),
    (entries(clip={}), 422, "one task"), (entries(score="0.7"), 422, "minScore"),
    (b'{"facial-recognition":{"detection":{"modelName":"m","options":{"minScore":NaN}}}}', 422, "JSON"),
    (b'{"clip":{"visual":{"modelName":"x"}}}', 501, "--upstream"), (b'{"ocr":{}}', 501, "--upstream")])
def test_wrong_entries_say_what_is_wrong(start, content, status, part):
    service = start("--immich", NAME)
    answer = predict(service, PHOTOS["obama.jpg"], content)
    assert answer.status == status
    assert part in answer.json()["detail"]
    assert answer.json()["error"]["message"] == answer.json()["detail"]


def test_entries_are_taken_exactly_where_the_description_says_so(start):
    jsonschema = pytest.importorskip("jsonschema")
    service = start("--immich", NAME)
    form = service.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    schema = form["multipart/form-data"]["schema"]["properties"]["entries"]
    model = {"modelName": "buffalo_l"}

    def detection(**more):
        return {"facial-recognition": {"detection": model | more}}

    taken = [{}, detection(), detection(options=None), detection(options={}), detection(options={"minScore": 0.1}),
             detection(options={"minScore": 1}), detection(other=[1]),
             {"facial-recognition": {"detection": model, "recognition": model | {"options": {}}}}]
    refused = [[], None, {"facial-recognition": {}}, {"facial-recognition": None}, {"facial-recognition": [model]},
               {"facial-recognition": {"recognition": model}}, {"facial-recognition": {"detection": {}}},
               {"facial-recognition": {"detection": model, "recognition": {}}},
               {"facial-recognition": {"detection": model, "other": {}}}, detection(modelName=""),
               detection(modelName=7), detection(options=[]), detection(options={"minScore": 0.09}),
               detection(options={"minScore": 1.1}), detection(options={"minScore": None}),
               detection(options={"minFaces": 1}), {"other": {}}, detection() | {"other": {}}]
    for content in taken + refused:
        is_described = jsonschema.Draft202012Validator(schema).is_valid(content)
        answer = predict(service, PHOTOS["chelsea.png"], json.dumps(content).encode())
        assert is_described == (answer.status == 200) == (content in taken), (content, answer.status, answer.body)
        assert answer.status in (200, 400, 422, 501), content


def test_broken_images_and_missing_parts(start):
    service = start("--immich", NAME)
    assert predict(service, b"no photo").status == 400
    assert service.post_form("/predict", [("entries", None, entries())]).status == 400
    assert service.post_form("/predict", [("image", "blob", b"x")]).status == 422
    texts = [("entries", None, entries()), ("text", None, b"a"), ("text", None, b"b")]
    assert service.post_form("/predict", [*texts, ("image", "blob", PHOTOS["obama.jpg"])]).status == 422
    assert service.post_form("/predict", [("entries", None, b"{}"), ("image", "blob", b"x")]).status == 400


def test_whatever_is_wrong_names_the_request(start):
    service = start("--immich", NAME)
    broken = service.post("/predict", b"--b", headers=["Content-Type: multipart/form-data; boundary=b"])
    for answer in (broken, service.post("/predict", b"x"), predict(service, b"no photo")):
        assert answer.status in (400, 415, 422)
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_full_queue_refuses_no_predict(start):
    service = start("--immich", NAME, "--queue", "2", "--threads", "1")
    with concurrent.futures.ThreadPoolExecutor(40) as clients:
        held = [clients.submit(predict, service, PHOTOS["obama2.jpg"]) for _ in range(18)]
        others = [clients.submit(service.post, "/v1/analyze", PHOTOS["obama2.jpg"]) for _ in range(18)]
        pings = [clients.submit(service.get, "/ping") for _ in range(4)]
        assert [answer.result().status for answer in held] == [200] * 18
        assert {ping.result().body for ping in pings} == {b"pong"}
        statuses = [answer.result() for answer in others]
    refused = [answer for answer in statuses if answer.status == 503]
    assert refused
    assert {answer.status for answer in statuses} <= {200, 503}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert metrics(service)['mien_refused_total{reason="queue_full"}'] == len(refused)
