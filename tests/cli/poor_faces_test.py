"""Faces that are too blurred, dark or small to be told from one another, so that a similarity of 0.9 says nothing."""

import itertools
import json
import os

import pytest
from PIL import Image, ImageFilter

KINDS = {
    "blurred": (lambda head: head.filter(ImageFilter.GaussianBlur(12)), "too_blurred"),
    "dark": (lambda head: head.point(lambda value: value * 0.05), "too_dark"),
    "reduced": (lambda head: head.resize((34, 34), Image.LANCZOS).resize(head.size, Image.BICUBIC), "too_blurred"),
    "hazy": (lambda head: head.point(lambda value: 200 + value * 0.06), "low_contrast"),
}


@pytest.fixture
def heads(mien, photos):
    """A square of 600 pixels around one face of each of five people."""

    def faces(name):
        done = mien("faces", "--json", "--detail", "off", str(photos / name))
        return json.loads(done.stdout.splitlines()[0])["faces"]

    found = {}
    for name, index in (("obama.jpg", 0), ("biden.jpg", 0), *(("solvay_conference_1927.jpg", i) for i in range(3))):
        x1, y1, x2, y2 = faces(name)[index]["bbox"]
        half = max(x2 - x1, y2 - y1) * 1.3
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        box = tuple(int(value) for value in (x - half, y - half, x + half, y + half))
        square = Image.open(photos / name).convert("RGB").crop(box)
        found[f"{name.split('.')[0]}_{index}"] = square.resize((600, 600), Image.LANCZOS)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_poor_strangers_are_never_the_same_person(mien, heads, kind):
    change, reason = KINDS[kind]
    names = []
    for name, head in heads.items():
        change(head).save(mien.folder / f"{name}.png")
        names.append(f"{name}.png")
    rows = [json.loads(line) for line in mien("scan", *names, "--embeddings", "json").stdout.splitlines()]
    found = {row["source"]: row["faces"][0] for row in rows if row["faces"]}
    assert len(found) > 1
    for face in found.values():
        assert face["recognition_quality"] < 0.5 and face["poor_reason"] == reason, kind
    for a, b in itertools.islice(itertools.combinations(found, 2), 2):
        result = mien("compare", a, b, "--json")
        answer = json.loads(result.stdout)
        assert result.returncode == 4
        assert answer["verdict"] == "not_comparable" and answer["same"] is None
        assert {answer["a"]["poor_reason"], answer["b"]["poor_reason"]} == {reason}
    wanted = next(iter(found))
    scan = mien("scan", *names, "--like", wanted)
    assert f"the face in {wanted} is too poor" in scan.stderr and "only good faces" in scan.stderr
    assert all(json.loads(line)["matches"] == [] for line in scan.stdout.splitlines())


def test_good_heads_keep_their_verdicts(mien, heads):
    for name, head in heads.items():
        head.save(mien.folder / f"{name}.png")
    names = [f"{name}.png" for name in heads]
    rows = [json.loads(line) for line in mien("scan", *names).stdout.splitlines()]
    assert all(row["faces"][0]["recognition_quality"] >= 0.5 for row in rows)
    assert all(row["faces"][0]["poor_reason"] is None for row in rows)
    result = mien("compare", names[0], names[1])
    assert result.returncode == 1 and "different people" in result.stdout


def test_a_poor_face_against_a_good_one(mien, heads, photos):
    KINDS["blurred"][0](heads["obama_0"]).save(mien.folder / "blurred.png")
    result = mien("compare", "blurred.png", str(photos / "biden.jpg"))
    assert result.returncode == 4
    assert "cannot tell" in result.stdout and "too_blurred" in result.stdout
    assert "different people\n" not in result.stdout
    assert mien("compare", "blurred.png", str(photos / "biden.jpg"), "--threshold", "-1").returncode == 0
    text = mien("compare", "blurred.png", "blurred.png").stdout
    assert "not comparable" in text and "the same person" not in text


def test_compare_anyway_is_said_in_every_output(mien, heads):
    KINDS["blurred"][0](heads["obama_0"]).save(mien.folder / "blurred.png")
    result = mien("compare", "blurred.png", "blurred.png", "--compare-anyway")
    assert result.returncode == 0 and "compared anyway" in result.stdout
    answer = json.loads(mien("compare", "blurred.png", "blurred.png", "--compare-anyway", "--json").stdout)
    assert answer["compare_anyway"] is True and answer["verdict"] == "same"
    arguments = ("scan", "blurred.png", "--like", "blurred.png", "--compare-anyway", "--out", "out.jsonl")
    scan = mien(*arguments, "--report", "report.html")
    assert "--compare-anyway" in scan.stderr
    (row,) = (json.loads(line) for line in (mien.folder / "out.jsonl").read_text().splitlines())
    assert row["compare_anyway"] is True and len(row["matches"]) == 1
    assert "Compared anyway" in (mien.folder / "report.html").read_text()
    refused = mien("scan", "blurred.png", "--compare-anyway")
    assert refused.returncode == 2 and "--like" in refused.stderr


def test_min_face_counts_pixels_of_the_photo(mien, photos):
    group = str(photos / "solvay_conference_1927.jpg")

    def sides(*more):
        rows = json.loads(mien("faces", "--json", group, *more).stdout.splitlines()[0])["faces"]
        return sorted(max(face["face_size"]) for face in rows)

    everyone = sides()
    limit = everyone[len(everyone) // 2]
    assert sides("--min-face", str(limit)) == [side for side in everyone if side >= limit]
    assert mien("scan", os.path.dirname(group), "--min-face", "-1").returncode == 2
