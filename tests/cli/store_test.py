"""`mien store` from outside: a copy, the way back, and what is said of a damaged file."""

import json
import os
import stat
import subprocess

import pytest


def fill(mien, *lines):
    """Made-up photos in the store people.mien."""
    said = "\n".join(["open people.mien", *lines]) + "\n"
    done = subprocess.run([os.environ["MIEN_STORE_DRIVER"]], input=said, cwd=mien.folder, capture_output=True,
                          text=True, check=True)
    assert "failed" not in done.stdout, done.stdout


STORE = ("--store", "people.mien")


def test_backup_and_restore(mien):
    fill(mien, "put 1 20 1", "name Anna 1 5")
    copied = mien("store", "backup", "copy.mien", *STORE)
    assert copied.returncode == 0 and copied.stdout.startswith("copy.mien: 20 images, 40 faces, "), copied
    assert stat.S_IMODE((mien.folder / "copy.mien").stat().st_mode) == 0o600
    again = mien("store", "backup", "copy.mien", *STORE)
    assert again.returncode == 2 and "copy.mien is there already" in again.stderr
    fill(mien, "put 21 3 1", "name Ben 6 1", "forget 1 1 5")
    restored = mien("store", "restore", "copy.mien", *STORE)
    assert restored.returncode == 0, restored
    assert restored.stdout.splitlines() == [
        "restored copy.mien",
        "1 statement about people was made since the backup and must be made again",
        "3 photos were indexed since the backup: 'mien index' reads them again",
        "people who were forgotten since the backup were forgotten again: 5 statements and 5 embeddings were removed "
        "from it",
    ]
    held = json.loads(mien("store", "check", "--json", *STORE).stdout)
    assert (held["images"], held["faces"], held["vectors"], held["findings"]) == (20, 40, 35, [])


def test_the_default_store(mien):
    absent = mien("store", "check")
    assert absent.returncode == 2 and "mien index" in absent.stderr
    assert str(mien.home / ".local/share/mien/people.mien") in absent.stderr
    fill(mien, "put 1 3 1")
    assert mien("store", "restore", "people.mien").returncode == 0
    assert "3 images" in mien("store", "check").stdout


def test_damage_is_named(mien):
    fill(mien, "put 1 100 1")
    assert "sound; 100 images, 200 faces" in mien("store", "check", *STORE).stdout
    file = mien.folder / "people.mien"
    whole = file.read_bytes()
    file.write_bytes(whole[:len(whole) // 2] + b"\x55" * 8192 + whole[len(whole) // 2 + 8192:])
    damaged = mien("store", "check", *STORE)
    assert damaged.returncode == 1 and "table " in damaged.stdout, damaged
    assert "mien store restore" in damaged.stderr
    assert json.loads(mien("store", "check", "--json", *STORE).stdout)["findings"] != []
    file.write_bytes(whole[:len(whole) // 2])
    cut = mien("store", "check", *STORE)
    assert cut.returncode == 1 and "damaged" in cut.stderr + cut.stdout, cut


@pytest.mark.parametrize(("arguments", "words"), [
    (["store"], "is missing"),
    (["store", "restor", "x"], "did you mean 'restore'"),
    (["store", "backup"], "FILE is missing"),
    (["store", "restore", "people.mien", *STORE], "from itself"),
    (["store", "check", "--store", "text"], "no store of mien"),
    (["store", "check", "--store", "."], "a folder"),
])
def test_wrong_calls(mien, arguments, words):
    fill(mien, "put 1 1 1")
    (mien.folder / "text").write_text("a text\n")
    result = mien(*arguments)
    assert result.returncode == 2 and words in result.stderr, result
    assert result.stdout == ""
