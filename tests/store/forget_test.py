"""Whom the store has forgotten is in no byte of its folder: searched for by Python, which knows nothing of mien.

MIEN_TEST_STORES=200 looks through so many stores.
"""

import os
import random
import shutil
import sqlite3
import struct
from pathlib import Path

import pytest
from store_tool import Driver

STORES = int(os.environ.get("MIEN_TEST_STORES", 10))
WINDOW = 16  # successive bytes of an embedding that nobody else's has
NAME = "Zaubermaus-Quendel"


def folder_bytes(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file()]


def in_half_floats(store: Path, faces_left_of: range) -> list[bytes]:
    """What Python's SQLite reads as the vectors of these photos' first faces."""
    database = sqlite3.connect(store)
    found = []
    for (half, path) in database.execute(
            "SELECT half, path FROM vector JOIN face ON face.id = vector.face JOIN place ON place.image = face.image "
            "WHERE face.number = 0"):
        if int(path.decode().split("/")[-1]) in faces_left_of:
            found.append(half)
    database.close()
    return found


def in_floats(halves: list[bytes]) -> list[bytes]:
    return [struct.pack(f"<{len(half) // 2}f", *struct.unpack(f"<{len(half) // 2}e", half)) for half in halves]


def pieces_found(folder: Path, vectors: list[bytes]) -> int:
    """How many places of the folder's files hold what 16 successive bytes of a vector, from a number on, hold."""
    pieces = {vector[start:start + WINDOW] for vector in vectors for start in range(0, len(vector) - WINDOW + 1, 2)}
    return sum(file[start:start + WINDOW] in pieces
               for file in folder_bytes(folder) for start in range(len(file) - WINDOW + 1))


def churn(driver: Driver, chance: random.Random):
    """Photos come, change, go; pages are split and joined, and the WAL is left half full."""
    for _ in range(chance.randrange(3, 8)):
        kind = chance.randrange(4)
        first = chance.randrange(40, 160)
        if kind == 0:
            driver.ask(f"put {first} {chance.randrange(1, 60)} 1")
        elif kind == 1:
            driver.ask(f"put {first} {chance.randrange(1, 30)} {chance.randrange(2, 4)}")
        elif kind == 2:
            driver.ask(f"gone {first} {chance.randrange(1, 30)}")
            driver.ask("prune")
        else:
            driver.ask("compute")


def half_written(driver: Driver, store: Path, chance: random.Random) -> tuple[range, str, list[bytes]]:
    """A store with a person; returns the photos, the person's number and every form that the embeddings ever had."""
    person_photos = range(10, 10 + chance.randrange(3, 25))
    driver.ask(f"open {store}")
    driver.ask("put 1 60 1")
    churn(driver, chance)
    person = driver.ask(f"name {NAME} {person_photos.start} {len(person_photos)}")
    driver.ask("compute")
    vectors = in_half_floats(store, person_photos)
    assert len(vectors) == len(person_photos)
    if chance.random() < 0.5:  # embedded anew, on other terms
        driver.ask(f"put {person_photos.start} {len(person_photos)} 2")
        vectors += in_half_floats(store, person_photos)
    churn(driver, chance)
    given = [driver.ask(f"embeddings {person_photos.start} {len(person_photos)} {terms}") for terms in (1, 2)]
    floats = [bytes.fromhex(text) for text in " ".join(given).split()]
    return person_photos, person, vectors + in_floats(vectors) + floats


@pytest.mark.parametrize("seed", range(STORES))
def test_no_byte_is_left(tmp_path, seed):
    chance = random.Random(seed)
    store = tmp_path / "store" / "people.mien"
    store.parent.mkdir()
    with Driver(tmp_path) as driver:
        photos, person, vectors = half_written(driver, store, chance)
        assert pieces_found(store.parent, vectors) > 0  # the search finds what is there
        assert any(NAME.encode() in file for file in folder_bytes(store.parent))
        removed = driver.ask(f"forget {person} {photos.start} {len(photos)}")
        assert int(removed) == len(photos)
        assert pieces_found(store.parent, vectors) == 0
        assert not any(NAME.encode() in file for file in folder_bytes(store.parent))
        churn(driver, chance)
        assert driver.ask("check") == "0"
    assert pieces_found(store.parent, vectors) == 0
    assert not any(NAME.encode() in file for file in folder_bytes(store.parent))


def test_the_search_finds_what_another_way_leaves(tmp_path):
    """The same deletions without secure_delete and without emptying the WAL: this is what the test above is for."""
    found = 0
    for seed in range(STORES):
        folder = tmp_path / str(seed)
        folder.mkdir()
        store = folder / "people.mien"
        with Driver(tmp_path) as driver:
            photos, person, vectors = half_written(driver, store, random.Random(seed))
        database = sqlite3.connect(store)
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        paths = " OR ".join(f"path LIKE '%/{photo}'" for photo in photos)
        database.execute("DELETE FROM vector WHERE face IN (SELECT face.id FROM face JOIN place ON "
                         f"place.image = face.image WHERE number = 0 AND ({paths}))")
        database.execute("DELETE FROM verdict WHERE person = ?", (int(person),))
        database.execute("DELETE FROM operation WHERE person = ?", (int(person),))
        database.commit()
        copy = tmp_path / f"{seed}-as-it-lies"
        shutil.copytree(folder, copy)
        database.close()
        found += pieces_found(copy, vectors) > 0 and pieces_found(folder, vectors) > 0
    assert found == STORES
