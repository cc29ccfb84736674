"""What decoding has to say reaches whoever asked, whichever command it was; and pictures are what their names say."""

import json

import pytest

WORDS = "truncated: the file ends after"


@pytest.fixture
def cut(mien, photos):
    """A photo of which a fifth is there: as far as the face."""
    data = (photos / "obama.jpg").read_bytes()
    (mien.folder / "cut.jpg").write_bytes(data[: len(data) // 5])
    return "cut.jpg"


def said(text, name="cut.jpg"):
    lines = [line for line in text.splitlines() if line.startswith("mien: warning: ")]
    return [line for line in lines if line.startswith(f"mien: warning: {name}: {WORDS}")], lines


@pytest.mark.parametrize("arguments", [
    ["faces", "cut.jpg"],
    ["quality", "cut.jpg"],
    ["crop", "cut.jpg", "out.jpg", "--box", "0,0,50,50"],
    ["crop", "cut.jpg", "out.jpg"],
    ["thumbnail", "cut.jpg", "out.jpg"],
    ["enhance", "cut.jpg", "out.jpg"],
    ["compare", "cut.jpg", "whole.jpg"],
    ["compare", "whole.jpg", "cut.jpg"],
])
def test_a_warning_is_one_line_on_stderr(mien, photos, cut, arguments):
    (mien.folder / "whole.jpg").write_bytes((photos / "obama.jpg").read_bytes())
    ours, lines = said(mien(*arguments).stderr)
    assert len(ours) == 1 and lines == ours


def test_json_has_it(mien, photos, cut):
    whole = str(photos / "obama.jpg")
    compared = json.loads(mien("compare", cut, whole, "--json").stdout)
    assert compared["a"]["warnings"][0].startswith(WORDS) and compared["b"]["warnings"] == []
    rows = [json.loads(line) for line in mien("quality", "--json", cut, whole).stdout.splitlines()]
    assert rows[0]["warnings"][0].startswith(WORDS) and rows[1]["warnings"] == []


def test_the_photo_of_like(mien, photos, cut):
    nobody = mien("scan", str(photos / "obama.jpg"), "--like", cut)
    assert nobody.returncode == 2 and "no face was found" in nobody.stderr and WORDS in nobody.stderr
    data = (photos / "obama.jpg").read_bytes()
    (mien.folder / "most.jpg").write_bytes(data[: len(data) * 9 // 10])
    found = mien("scan", str(photos / "obama.jpg"), "--like", "most.jpg")
    assert found.returncode == 0 and f"most.jpg: {WORDS}" in found.stderr


@pytest.mark.parametrize("command", ["enhance", "crop", "thumbnail"])
@pytest.mark.parametrize("name", ["out.gif", "out.png", "OUT.PNG", "a.b.webp", "out.jpg.tif", "out.heic"])
def test_no_picture_under_the_name_of_another_format(mien, photos, command, name):
    done = mien(command, str(photos / "obama.jpg"), name)
    assert done.returncode == 2
    assert ".jpg, .jpeg" in done.stderr and name in done.stderr
    assert not (mien.folder / name).exists()


@pytest.mark.parametrize("name", ["out.jpg", "OUT.JPEG", "out.jfif", "out", ".hidden", "out.1", "j.smith-2"])
def test_names_of_jpeg_and_of_nothing(mien, photos, name):
    for command in ("enhance", "crop", "thumbnail"):
        assert mien(command, str(photos / "obama.jpg"), name, "--force").returncode == 0
        assert (mien.folder / name).read_bytes().startswith(b"\xff\xd8")


def test_enhance_makes_a_jpeg_of_a_large_image(mien, photos):
    done = mien("enhance", str(photos / "astronaut.png"), "out.jpg")
    assert done.returncode == 0 and "made a JPEG" in done.stderr
    assert (mien.folder / "out.jpg").read_bytes().startswith(b"\xff\xd8")
    assert json.loads(mien("faces", "--json", "out.jpg").stdout)["width"] == 512
