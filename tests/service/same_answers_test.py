"""What the service says of a photo is what `mien scan` says of it."""

import concurrent.futures
import json

from photos import PHOTOS

OWN_KEYS = ("source", "source_folder", "source_size", "source_mtime_ns", "terms", "timings_ms", "index")
CLIENTS = 16


def comparable(record):
    return json.dumps({key: value for key, value in record.items() if key not in OWN_KEYS})


def make_images():
    """Whole photos, photos that end early, and files that are none: about 40, all different."""
    images = {}
    for name, content in PHOTOS.items():
        images[name] = content
        images["longer_" + name] = content + b"\0" * 7
        for share in (0.3, 0.7):
            images[f"{share}_{name}"] = content[: int(len(content) * share)]
    images["text.jpg"] = b"not a photo"
    images["empty.jpg"] = b""
    return images


def scan(mien, folder, images, *flags):
    """The records of `mien scan`, by file name."""
    folder.mkdir()
    for name, content in images.items():
        (folder / name).write_bytes(content)
    done = mien("scan", str(folder), *flags, MIEN_RUNTIME="onnxruntime")
    assert done.returncode == 1, done.stderr  # some are broken
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return {record["source"].rsplit("/", 1)[1]: record for record in records}


def post_image(service, name, content, query=""):
    return service.post_form("/v1/analyze" + query, [("image", name, content)])


def check_one(answer, expected):
    if expected["error"] is None:
        assert answer.status == 200
        assert comparable(answer.json()) == comparable(expected)
    else:
        assert answer.status == 422
        error = answer.json()["error"]
        assert {"code": error["code"], "message": error["message"]} == expected["error"]


def test_answers_are_those_of_a_scan(start, mien, tmp_path):
    images = make_images()
    assert len(images) >= 40
    expected = scan(mien, tmp_path / "photos", images)
    service = start(MIEN_RUNTIME="onnxruntime")
    for name, content in images.items():
        check_one(service.post("/v1/analyze", content) if content else post_image(service, name, content),
                  expected[name])

    answer = service.post_form("/v1/batch", [("images", name, content) for name, content in images.items()])
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert sorted(line["index"] for line in lines) == list(range(len(images)))
    names = list(images)
    for line in lines:
        assert line["source"] == names[line["index"]]
        assert comparable(line) == comparable(expected[line["source"]])

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(lambda name: post_image(service, name, images[name]), names))
    for name, answer in zip(names, answers):
        check_one(answer, expected[name])
    assert service.end() == 0


def test_embeddings_and_options_are_those_of_a_scan(start, mien, tmp_path):
    images = {name: PHOTOS[name] for name in ("obama.jpg", "chelsea.png")} | {"text.jpg": b"not a photo"}
    expected = scan(mien, tmp_path / "photos", images, "--embeddings", "base64", "--rotations", "--image-quality",
                    "--min-quality", "0.1")
    service = start(MIEN_RUNTIME="onnxruntime")
    query = "?embeddings=base64&rotations=true&image_quality=1&min_quality=0.1"
    for name, content in images.items():
        check_one(service.post("/v1/analyze" + query, content), expected[name])
