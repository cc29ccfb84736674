"""A program that is killed at any moment loses nothing, doubles nothing, and forgets all or nothing.

MIEN_TEST_MOMENTS=25 kills each command at so many moments.
"""

import os
import random
import shutil
import sqlite3
import time

import pytest
from store_tool import Driver, rows

MOMENTS = int(os.environ.get("MIEN_TEST_MOMENTS", 10))

# The command that is killed, and what the store was before.
BEFORE = ["put 1 60 1", "compute", "name Anna 1 20", "name Ben 21 20"]
COMMANDS = {
    "put": "put 61 200 1",
    "put again": "put 1 60 2",
    "compute": "compute",
    "name": "name Cleo 41 20",
    "merge": "merge 1 2",
    "forget": "forget 1 1 20",
    "restore": "restore backup.mien",
    "backup": "backup copy.mien",
}


def prepared(folder):
    """A store and a backup from before the second name."""
    folder.mkdir()
    with Driver(folder) as driver:
        driver.ask("open people.mien")
        for line in BEFORE[:3]:
            driver.ask(line)
        driver.ask("backup backup.mien")
        driver.ask(BEFORE[3])
    return folder


def run(folder, command):
    """The command in a program that lives on; returns how long it took."""
    with Driver(folder) as driver:
        driver.ask("open people.mien")
        start = time.monotonic()
        driver.ask(command)
        return time.monotonic() - start


def kill(folder, command, seconds):
    driver = Driver(folder)
    driver.ask("open people.mien")
    driver.say(command)
    time.sleep(seconds)
    driver.process.kill()
    driver.process.wait()
    driver.process.stdout.close()


def state(folder):
    """By Python's SQLite, which also says whether the file is sound."""
    database = sqlite3.connect(folder / "people.mien")
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    database.close()
    return rows(folder / "people.mien")


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_any_moment(tmp_path, name):
    command = COMMANDS[name]
    chance = random.Random(name)
    start = prepared(tmp_path / "start")
    before = state(start)
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(start, undisturbed)
    seconds = run(undisturbed, command)
    after = state(undisturbed)
    for moment in range(MOMENTS):
        folder = tmp_path / str(moment)
        shutil.copytree(start, folder)
        kill(folder, command, chance.uniform(0, seconds * 1.2))
        with Driver(folder) as driver:
            driver.ask("open people.mien")
            assert driver.ask("check") == "0"
        found = state(folder)
        if name not in ("put", "put again", "compute"):
            assert found in (before, after), name  # all or nothing
        assert set(before["face"]) <= set(found["face"]) or name == "put again"
        assert not (folder / "copy.mien").exists() or rows(folder / "copy.mien") == rows(undisturbed / "copy.mien")
        if name in ("name", "merge") and found == after:
            continue  # said once already
        (folder / "copy.mien").unlink(missing_ok=True)
        run(folder, command)
        assert state(folder) == after
        if name == "forget":
            assert (folder / "people.mien.forgotten").read_bytes().count(b"\n") == 21
            assert not any(b"Anna" in file.read_bytes() for file in folder.glob("people.mien*"))
