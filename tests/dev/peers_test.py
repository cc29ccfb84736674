"""What bench/peers makes of measurements, with measurements that nobody measured."""

import hashlib
import os
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

PEERS = Path(__file__).resolve().parents[2] / "bench/peers"
sys.path.insert(0, str(PEERS))
import report

FACE = [10, 10, 50, 50, 0.9, [1.0, 0.0]]
SHIFTED = [12, 10, 52, 50, 0.8, [0.6, 0.8]]
FAR = [200, 200, 240, 240, 0.7, [0.0, 1.0]]


def row(ms, images_s, faces, **more):
    return {"ms": ms, "floor": 20.0, "decode": 5.0, "images_s": images_s, "start_s": 0.5, "peak_mb": 100.0,
            "dump": {"a.jpg": faces}, **more}


def rounds():
    return [{"Peer": row(40.0, 20.0, [FACE], floor=None), "mien": row(30.0, 50.0, [SHIFTED, FAR], runtime="ort")},
            {"Peer": row(80.0, 10.0, [FACE], floor=None), "mien": row(40.0, 40.0, [SHIFTED, FAR], runtime="ort")},
            {"Peer": row(60.0, 10.0, [FACE], floor=None), "mien": row(60.0, 20.0, [SHIFTED, FAR], runtime="ort")}]


def test_the_ratio_is_the_median_of_those_of_neighbours():
    assert report.ratio([40, 80, 60], [30, 40, 60]) == pytest.approx(4 / 3)
    assert report.ratio([None], [3]) is None


def test_overlap_of_boxes():
    assert report.overlap(FACE, FACE) == 1
    assert report.overlap(FACE, FAR) == 0
    assert report.overlap(FACE, SHIFTED) == pytest.approx(38 / 42)
    assert report.overlap([1, 1, 1, 1], [1, 1, 1, 1]) == 0


def test_agreement_matches_each_face_once():
    same = report.agreement({"a": [FACE, FACE]}, {"a": [SHIFTED, FAR]})
    assert (same["both"], same["missed"], same["extra"]) == (1, 1, 1)
    assert same["cosine_least"] == pytest.approx(0.6)
    assert report.agreement({"a": [FACE]}, {})["iou_mean"] is None


def test_markdown_has_a_row_a_program():
    text = report.markdown("photos: Peer", rounds(), 2)
    lines = [line for line in text.splitlines() if line.startswith("| mien")]
    # Of the rest: (30 - 5) / 20, (40 - 5) / 20, (60 - 5) / 20; the photos a second: 2.5, 4 and 2 times the peer's.
    assert lines[0] == "| mien | ort | 40.0 | 1.33 | 20.0 | 1.75 | 40.0 | 2.50 | 0.50 | 100 |"
    assert lines[1] == "| mien | 2 | 1 | 0 | 1 | 0.9048 | 0.9048 | 0.6000 | 0.6000 |"
    assert "| Peer |  | 60.0 | 1.00 |  |  | 10.0 | 1.00 | 0.50 | 100 |" in text
    assert len({line.count("|") for line in text.splitlines() if "0.50 | 100" in line or "CPU ms" in line}) == 1


def test_the_chart_is_a_picture_with_a_bar_a_program():
    picture = xml.fromstring(report.chart([("a & b", rounds())]))
    bars = [element for element in picture.iter() if element.tag.endswith("rect")][1:]
    assert len(bars) == 2
    assert float(bars[1].get("width")) / float(bars[0].get("width")) == pytest.approx(40 / 60, abs=1e-3)


def test_only_what_is_between_the_markers_is_replaced():
    document = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    assert report.between_markers(document, "new\n") == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    with pytest.raises(ValueError):
        report.between_markers("nothing", "new")


def test_the_document_has_the_markers_once():
    text = (PEERS.parents[1] / "docs/benchmarks.md").read_text()
    assert text.count(report.BEGIN) == text.count(report.END) == 1


def test_the_command_explains_itself_and_refuses_an_empty_folder(tmp_path):
    def call(*arguments):
        return subprocess.run([sys.executable, str(PEERS), *arguments], capture_output=True, text=True, check=False)

    assert "--drop-in" in call("--help").stdout
    python = tmp_path / "env/bin/python"  # an environment that is there already
    python.parent.mkdir(parents=True)
    os.symlink(sys.executable, python)
    stamp = hashlib.sha256((PEERS / "requirements.txt").read_bytes()).hexdigest()
    (tmp_path / "env/requirements.sha256").write_text(stamp)
    (tmp_path / "photos").mkdir()
    done = call(str(tmp_path / "photos"), "--det", "d", "--rec", "r", "--env", str(tmp_path / "env"))
    assert done.returncode != 0 and "no JPEG files" in done.stderr
