"""What `mien scan` really writes, against docs/record.schema.json and docs/formats.md."""

import base64
import json
import os
import pathlib
import shutil
import stat
import struct
import subprocess

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MIEN = os.environ["MIEN_BINARY"]
PHOTOS = pathlib.Path(os.environ["MIEN_TEST_DEPS"]) / "photos"
SCHEMA = json.loads((ROOT / "docs/record.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Two photos with a face, one without, a broken file, and names that are hard to write down."""
    folder = tmp_path_factory.mktemp("sources")
    for name in ("obama.jpg", "obama2.jpg", "chelsea.png"):
        shutil.copy(PHOTOS / name, folder / name)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no photo")
    (folder / "empty.jpg").write_bytes(b"")
    shutil.copy(PHOTOS / "chelsea.png", folder / 'quote " and\nnewline.png')
    shutil.copy(PHOTOS / "chelsea.png", os.fsencode(folder) + b"/caf\xe9.png")
    return folder


def scan(sources, tmp_path, *options):
    """The records of one scan by name of their file; each is checked against the schema."""
    out = tmp_path / "out.jsonl"
    command = [MIEN, "scan", str(sources), "--out", str(out), "--quiet", "--fail-on", "none", *options]
    done = subprocess.run(command, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    text = out.read_bytes().decode("utf-8")
    assert text.endswith("\n")
    records = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    for record in records:
        VALIDATOR.validate(record)
    assert len(records) == 7
    return {os.path.basename(record["source"]): record for record in records}


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_refuses_what_is_not_described():
    lines = (ROOT / "docs/formats.md").read_text(encoding="utf-8").splitlines()
    examples = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(examples) == 2
    for example in examples:
        VALIDATOR.validate(example)
        for key in SCHEMA["required"]:
            assert not VALIDATOR.is_valid({k: v for k, v in example.items() if k != key}), key
        assert not VALIDATOR.is_valid({**example, "unknown": 1})


def test_every_key_is_documented():
    text = (ROOT / "docs/formats.md").read_text(encoding="utf-8")
    for part in (SCHEMA, *SCHEMA["$defs"].values()):
        for key in part.get("properties", {}):
            assert f"`{key}`" in text, key


def test_plain(sources, tmp_path):
    records = scan(sources, tmp_path)
    for record in records.values():
        assert "matches" not in record and "quality" not in record
    face = records["obama.jpg"]["faces"][0]
    assert "embedding" not in face and face["landmarks"] and face["quality"]["pose_angles"]
    x1, y1, x2, y2 = face["bbox"]
    assert face["face_size"] == pytest.approx([x2 - x1, y2 - y1], rel=1e-4)
    assert records["obama.jpg"]["placement"]["face_detection"]["ran"] == "cpu"
    assert records["obama.jpg"]["source_size"] == (PHOTOS / "obama.jpg").stat().st_size
    assert records["chelsea.png"]["faces"] == [] and records["chelsea.png"]["format"] == "png"


def test_keys_are_in_the_documented_order(sources, tmp_path):
    order = list(SCHEMA["properties"])
    for record in scan(sources, tmp_path, "--image-quality").values():
        assert list(record) == [key for key in order if key in record]


def test_broken_files(sources, tmp_path):
    records = scan(sources, tmp_path)
    for name in ("broken.jpg", "empty.jpg"):
        record = records[name]
        assert record["error"]["code"] == "bad_data", record["error"]
        assert record["faces"] == [] and record["width"] is None and record["sha256"]


def test_names_survive(sources, tmp_path):
    records = scan(sources, tmp_path)
    assert 'quote " and\nnewline.png' in records
    record = records["caf\ufffd.png"]
    assert os.path.basename(base64.b64decode(record["source_base64"])) == b"caf\xe9.png"
    assert sum("source_base64" in record for record in records.values()) == 1


def test_like(sources, tmp_path):
    records = scan(sources, tmp_path, "--like", str(PHOTOS / "obama3.jpg"))
    assert all("matches" in record for record in records.values())
    assert len(records["obama.jpg"]["matches"]) == 1 and len(records["obama2.jpg"]["matches"]) == 1
    assert records["chelsea.png"]["matches"] == [] and records["broken.jpg"]["matches"] == []


def test_embeddings(sources, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    as_json = scan(sources, tmp_path / "a", "--embeddings", "json")["obama.jpg"]["faces"][0]["embedding"]
    as_base64 = scan(sources, tmp_path / "b", "--embeddings", "base64")["obama.jpg"]["faces"][0]["embedding"]
    raw = base64.b64decode(as_base64, validate=True)
    numbers = struct.unpack(f"<{len(raw) // 4}f", raw)
    assert len(numbers) >= 128
    # The shortest text of a float reads back to the same float.
    assert struct.pack(f"<{len(as_json)}f", *as_json) == raw


def test_image_quality(sources, tmp_path):
    records = scan(sources, tmp_path, "--image-quality")
    assert records["chelsea.png"]["quality"]["overall_score"] > 0
    assert records["chelsea.png"]["quality"]["pose_angles"] is None
    assert "quality" not in records["broken.jpg"]


def test_the_report(sources, tmp_path):
    page = tmp_path / "report.html"
    scan(sources, tmp_path, "--like", str(PHOTOS / "obama3.jpg"), "--report", str(page))
    text = page.read_text(encoding="utf-8")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert text.index("<h2 id=\"matches\"") < text.index("<h2 id=\"failures\"") < text.index("<h2 id=\"empty\"")
    assert text.count("data:image/jpeg;base64,") == 5 + 2  # a picture each, and the face of each match
    assert "http:" not in text and "https:" not in text
