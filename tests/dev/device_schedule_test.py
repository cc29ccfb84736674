"""What bench/device_schedule.py makes of the records and traces of a scan, with some that nobody measured."""

import base64
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy", reason="no numpy: install python3-numpy")
pytest.importorskip("PIL", reason="no Pillow: install python3-pil")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
import device_schedule
import schedule_photos

SCRIPT = Path(device_schedule.__file__)

DETECTION = "face_detection"


def record(ran, faces=(), embedding=None):
    placement = {DETECTION: {"ran": ran}} if ran else {}
    text = {} if embedding is None else {"embedding": base64.b64encode(struct.pack("<2f", *embedding)).decode()}
    return {"source": "", "placement": placement, "faces": [{"bbox": list(box)} | text for box in faces]}


def line(what, at_ms, ms=0, images=16, height=640, width=640, planned=False):
    return {"what": what, "at_ms": at_ms, "ms": ms, "images": images, "height": height, "width": width,
            "planned": planned}


def run(records=(), trace=(), log="", end_ms=10_000):
    return device_schedule.Run(wall_s=1.0, exit_code=0, end_ms=end_ms, resident_bytes=0, records=list(records),
                               counters={}, trace=list(trace), log=log)


def test_counts_photos_by_where_they_ran():
    done = run([record(ran) for ran in ("cpu", "test", "mixed", "test", "", "cpu", "test")])
    assert done.on_device(DETECTION) == 3
    # Behind the first one of the device: mixed, test, cpu, test; the photo without the operation does not count.
    assert done.share_after_first(DETECTION) == pytest.approx(2 / 4)
    assert run([record("cpu")]).share_after_first(DETECTION) == 0


def test_images_a_run_are_photos_not_slots():
    trace = [line("plan", 0), line("run", 0, planned=True), line("run", 300), line("run", 310, height=480),
             line("run", 320, height=128, width=128, images=32), line("run", 330, height=112, width=112, images=32)]
    done = run([record("test")] * 24 + [record("cpu")] * 5, trace)
    images, filled, _ = device_schedule.images_a_run(done)
    assert images == pytest.approx(24 / 2)
    assert filled == pytest.approx(8 / 32)


@pytest.mark.parametrize(("starts", "expected"), [
    ((1000, 1100, 1150), 4830),  # nothing runs until the plan is over
    (tuple(range(980, 6100, 40)), 20),
])
def test_the_longest_gap_lies_within_the_slow_plan(starts, expected):
    slow = line("plan", 1000, height=480)
    done = run(trace=[slow, *(line("run", start, ms=20) for start in starts)])
    gap, _ = device_schedule.longest_gap(done, 480, 640)
    assert gap == pytest.approx(expected)
    assert device_schedule.longest_gap(run(trace=[line("plan", 0)]), 480, 640)[0] is None


def test_a_photo_counts_as_other_where_a_face_moved_or_is_missing():
    box = (10.0, 20.0, 50.0, 60.0)
    alone = run([record("cpu", [box])])
    assert device_schedule.compare(alone, run([record("test", [(10.01, 20.0, 50.0, 60.0)])]))[0] == 0
    assert device_schedule.compare(alone, run([record("test", [(11.0, 20.0, 50.0, 60.0)])]))[0] == 1
    assert device_schedule.compare(alone, run([record("test")]))[0] == 1


def test_a_photo_counts_as_other_where_an_embedding_differs_or_is_missing():
    box = (10.0, 20.0, 50.0, 60.0)
    alone = run([record("cpu", [box], (1.0, 0.0))])
    assert device_schedule.compare(alone, run([record("test", [box], (2.0, 0.001))]))[0] == 0
    assert device_schedule.compare(alone, run([record("test", [box], (1.0, 0.1))]))[0] == 1
    assert device_schedule.compare(alone, run([record("test", [box])]))[0] == 1


def test_the_last_word_of_the_log_counts():
    log = 'DEBUG - device schedule: {"runs": 1}\nINFO - x\nDEBUG - device schedule: {"runs": 2}\n'
    assert run(log=log).schedule() == {"runs": 2}
    assert run(log="nothing").schedule() == {}


def test_pixels_in_flight_are_bounded_by_number_and_by_bytes():
    assert device_schedule.most_in_flight([(100, 100)] * 1000) == 64 * 30_000
    assert device_schedule.most_in_flight([(4000, 3000)] * 1000) == 512e6


def test_photos_are_the_same_each_time(tmp_path):
    sizes = ((400, 300), (300, 400))
    first, second = (schedule_photos.make_set(tmp_path / name, 4, sizes) for name in ("a", "b"))
    files = [path.read_bytes() for path in sorted(first.iterdir())]
    assert files == [path.read_bytes() for path in sorted(second.iterdir())]
    assert len(set(files)) == 4
    assert sorted(schedule_photos.sizes_of(first)) == sorted(sizes * 2)


def test_bounds_hold_or_fail(capsys):
    measures = [device_schedule.at_least(1, "x", 900, 900), device_schedule.at_most(1, "x", 1.06, 1.05, " s")]
    assert [measure.is_ok for measure in measures] == [True, False]
    assert device_schedule.table_line(measures[1]) == "| 1 | x | 1.06 s | <= 1.05 s | FAILED |"
    assert json.dumps([vars(measure) for measure in measures])


def test_what_is_not_built_is_neither_shown_nor_missed():
    (measure,) = device_schedule.row_11(None)
    assert measure.is_ok is None
    assert "| not applicable (not built: decided on hardware" in device_schedule.table_line(measure)


def test_every_named_test_exists():
    program = Path(os.environ.get("MIEN_BUILD", "")) / "mien_tests"
    if not program.is_file():
        pytest.skip("for ctest, in a build with tests")
    for _, names in device_schedule.TESTS.values():
        for name in names.split(":"):
            listed = subprocess.run([program, "--gtest_list_tests", f"--gtest_filter={name}"], capture_output=True,
                                    text=True, check=True)
            assert "\n  " in listed.stdout, f"no such test: {name}"


@pytest.mark.parametrize("module", ["numpy", "PIL"])
def test_says_which_packages_it_needs(tmp_path, module):
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError('no {module}', name='{module}')\n")
    done = subprocess.run([sys.executable, SCRIPT], env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 2
    assert "python3-numpy" in done.stderr and "python3-pil" in done.stderr
    assert "Traceback" not in done.stderr
