"""One scan over a folder of odd files (odd_files.py): a record each, the sane ones decoded, no crash, no delay."""

import json
import os
import re
import time

import odd_files
import pytest
from conftest import Mien

SECONDS_MAX = 2  # for one file
CASES = odd_files.odd_files()


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    mien = Mien(tmp_path_factory.mktemp("odd"))
    folder = mien.folder / "album"
    folder.mkdir()
    for case in CASES:
        path = folder / case.name
        path.write_bytes(case.data)
        if case.extend_to:
            os.truncate(path, case.extend_to)
    # One thread, so that the time of one file is not that of another.
    start = time.monotonic()
    done = mien("scan", "album", "--threads", "1", "--out", "out.jsonl", "--quiet")
    seconds = time.monotonic() - start
    lines = (mien.folder / "out.jsonl").read_text().splitlines()
    version = mien("version").stdout
    formats = re.search(r"formats: +(.*)", version).group(1).split(", ")
    return done, [json.loads(line) for line in lines], seconds, formats


def test_there_are_forty_and_more():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 40


def test_one_record_each_and_exit_code_one(scanned):
    done, records, seconds, _ = scanned
    assert done.returncode == 1, done.stderr
    assert sorted(os.path.basename(record["source"]) for record in records) == sorted(case.name for case in CASES)
    known = sum(record["timings_ms"]["total"] / 1000 for record in records if not record["error"])
    failed = sum(1 for record in records if record["error"])
    assert seconds - known < SECONDS_MAX * failed


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_odd_file(scanned, case):
    _, records, _, formats = scanned
    [record] = [record for record in records if os.path.basename(record["source"]) == case.name]
    error = record["error"]
    if case.needs and case.needs not in formats:
        assert error["code"] == "unsupported"
        return
    if error or case.size is None:
        assert error, f"decoded as {record['format']}, {record['width']} x {record['height']}"
        assert case.code, f"not decoded: {error}"
        assert re.fullmatch(case.code, error["code"]), error
        assert re.search(case.words, error["message"]), error
        return
    assert (record["width"], record["height"]) == case.size
    assert record["format"] == case.format
    assert record["timings_ms"]["decode"] < SECONDS_MAX * 1000
    if case.warning == "may":
        return
    warnings = record["warnings"]
    if not case.warning:
        assert warnings == []
    else:
        assert len(warnings) == 1
        assert re.search(case.warning, warnings[0]), warnings
