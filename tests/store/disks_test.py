"""Stores on disks that are full, shared or not to be written: nothing is lost, and what to do is said."""

import os
import random
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from store_tool import Driver, rows

HERE = Path(__file__).parent


@pytest.fixture(name="disk", scope="module")
def compiled(tmp_path_factory):
    library = tmp_path_factory.mktemp("disk") / "odd_disks.so"
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, HERE / "odd_disks.c", "-ldl"], check=True)
    return library


def talk(folder, lines, disk=None, **variables):
    """The answers of a program that says these lines on such a disk."""
    environment = os.environ | {name: str(value) for name, value in variables.items()}
    if disk:
        environment["LD_PRELOAD"] = str(disk)
        # Sanitizer builds want their own library to be the first.
        environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    done = subprocess.run([os.environ["MIEN_STORE_DRIVER"]], input="\n".join(lines) + "\n", cwd=folder,
                          env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_without_locks_nothing_is_written(tmp_path, disk):
    told = talk(tmp_path, ["open people.mien"], disk, ODD_DISK="nolocks")[0]
    assert told.startswith("failed: cannot keep a store in ") and "no locks" in told and "--store" in told
    assert list(tmp_path.iterdir()) == []


def test_on_a_network_with_locks_there_is_no_wal(tmp_path, disk):
    with_wal = talk(tmp_path, ["open here.mien", "put 1 5 1"])
    assert with_wal == ["done", "done"]
    assert talk(tmp_path, ["open people.mien", "put 1 30 1", "name Anna 1 5", "forget 1 1 5", "check"], disk,
                ODD_DISK="nfs") == ["done", "done", "1", "5", "0"]
    header = (tmp_path / "people.mien").read_bytes()[18:20]
    assert header == b"\x01\x01"  # SQLite's format: versions for a rollback journal, 2 for a WAL
    assert (tmp_path / "here.mien").read_bytes()[18:20] == b"\x02\x02"


CHANGES = ["put 31 60 1", "compute", "name Cleo 21 5", "forget 1 1 10", "backup copy.mien", "restore backup.mien"]


@pytest.mark.parametrize("line", CHANGES)
def test_a_full_disk_loses_nothing(tmp_path, disk, line):
    start = tmp_path / "start"
    start.mkdir()
    groups = [] if line == "compute" else ["compute"]
    talk(start, ["open people.mien", "put 1 30 1", "name Anna 1 10", *groups, "backup backup.mien", "name Ben 11 5"])
    before = rows(start / "people.mien")
    done = tmp_path / "done"
    shutil.copytree(start, done)
    assert not any(answer.startswith("failed") for answer in talk(done, ["open people.mien", line]))
    chance = random.Random(line)
    failures = 0
    for index in range(8):
        folder = tmp_path / str(index)
        shutil.copytree(start, folder)
        size = chance.randrange(0, 30_000)
        answers = talk(folder, ["open people.mien", line], disk, ODD_DISK="full", ODD_DISK_BYTES=size)
        failed = [answer for answer in answers if answer.startswith("failed")]
        failures += bool(failed)
        for answer in failed:
            assert "people.mien" in answer or "copy.mien" in answer, answer
            assert "space" in answer or "open" in answer, answer
        found = rows(folder / "people.mien")
        if failed and not line.startswith(("put", "compute", "forget")):
            assert found == before
        assert talk(folder, ["open people.mien", "check"]) == ["done", "0"]
        (folder / "copy.mien").unlink(missing_ok=True)
        if failed:
            talk(folder, ["open people.mien", line])
            assert rows(folder / "people.mien") == rows(done / "people.mien")
    assert failures > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="skipped: only root can be somebody else")
def run_as_nobody(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, user=65534, cwd="/",
                          env={"HOME": "/nonexistent"})


def test_a_folder_that_cannot_be_written():
    """Somebody else's read-only copy, read by a user who may not write."""
    try:
        run_as_nobody(os.environ["MIEN_BINARY"], "version")
    except PermissionError:
        pytest.skip("cannot run the program as another user")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        talk(folder, ["open people.mien", "put 1 30 1"])
        (folder / "people.mien").chmod(0o444)
        told = run_as_nobody(os.environ["MIEN_BINARY"], "store", "check", "--store", folder / "people.mien")
        assert told.returncode == 0 and "30 images, 60 faces" in told.stdout, told
        assert [file.name for file in folder.iterdir()] == ["people.mien"]
        assert stat.S_IMODE((folder / "people.mien").stat().st_mode) == 0o444


def test_a_reader_goes_on_beside_a_writer(tmp_path):
    with Driver(tmp_path) as writer, Driver(tmp_path) as reader:
        writer.ask("open people.mien")
        writer.ask("put 1 10 1")
        reader.ask("open people.mien")
        writer.say("put 11 300 1")
        for _ in range(20):
            assert reader.ask("check") == "0"
        assert writer.process.stdout.readline().strip() == "done"
        assert int(reader.ask("forget 99 1 10")) == 10
