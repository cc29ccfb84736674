"""Each number that a person reads on a terminal says of what it is."""

import json
import re


def test_a_terminal_says_of_what_the_number_is(terminal, mien, photos):
    for name in ("obama2.jpg", "biden.jpg"):
        (mien.folder / name).symlink_to(photos / name)
    searched = terminal("scan", ".", "--like", photos / "obama.jpg", width=100).rows()
    similarity = r"\((best )?similarity\)"
    assert any(re.search(rf"obama2\.jpg .* match 0\.\d{{3}} {similarity}$", row) for row in searched)
    # Of another person the score of the detector is high, and the similarity is not.
    found = [re.search(rf"biden\.jpg .* no match (-?0\.\d{{3}}) {similarity}$", row) for row in searched]
    compared = mien("compare", "biden.jpg", str(photos / "obama.jpg"), "--json")
    assert [float(one[1]) for one in found if one] == [round(json.loads(compared.stdout)["similarity"], 3)]
    assert any("similarity threshold 0." in row for row in searched)
    assert any("face_detection: cpu 2 of 2 images" in row for row in searched)
    plain = terminal("scan", ".", width=100).rows()
    assert any(re.search(r"biden\.jpg .* detection score 0\.\d\d$", row) for row in plain)
    assert not any("similarity" in row for row in plain)


def test_a_terminal_explains_the_columns_of_a_table(terminal, mien, photos):
    for command, words in (
        (("faces", photos / "obama.jpg"), ("score: how sure the detector is", "pose: yaw, pitch and roll in degrees")),
        (("quality", photos / "obama.jpg"), ("blur: variance of the Laplacian", "brightness: 0 to 255")),
        (("models", "list"), ("verify: the cosine similarity", "search: likewise for 'mien scan --like'")),
        (("devices",), ("MB: memory of the device", "mien MB: what programs named mien hold there")),
        (("bench", "ops", "--operation", "quality_checks", "--iterations", "1", "--no-gpu"), ("min ms", "n: runs")),
    ):
        text = " ".join(terminal(*command, width=100).plain.split())
        assert [word for word in words if word not in text] == []
        piped = mien(*map(str, command)).stdout
        assert words[1] not in piped
