"""What is said through the routes of people makes the same store as what is said through the commands: the random
histories of tests/cli/people_facts_test.py, said both ways to two stores that are compared row by row.
MIEN_TEST_SEQUENCES=50 runs that many.
"""

import json
import os
import shutil
import sqlite3

import pytest
from people_album import JSON, put_records, query
from people_facts_test import History, Store, playing

QUICK = 2 if {"ASAN_OPTIONS", "TSAN_OPTIONS"} & set(os.environ) else 10
SEQUENCES = int(os.environ.get("MIEN_TEST_SEQUENCES", QUICK))
# All but moments, random tokens, and what is computed again where it is needed.
TABLES = {
    "source": "id, folder", "image": "id, sha256, width, height, phash, taken, terms, error",
    "place": "id, source, path, image, gone", "face": "id, image, key, number, box, recognition_quality, poor_reason",
    "embedder": "id, embedder_id", "vector": "id, face, key, half", "grouping": "face, first", "person": "id",
    "operation": "id, kind, person, other, text, undone", "verdict": "operation, number, sha256, box, kind, person",
    "suppressed": "sha256, box",
}


def rows(path):
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return {table: sorted(database.execute(f"SELECT {columns} FROM {table}").fetchall(), key=repr)
                for table, columns in TABLES.items()}
    finally:
        database.close()


class Program:
    """The commands, in a folder of their own."""

    def __init__(self, mien, folder):
        self.run, self.folder = mien, folder

    def __call__(self, *arguments):
        return self.run(*arguments)


class TwoStores(Store):
    """Says to a store by the commands, and to another one by the routes, what a history says."""

    def __init__(self, mien, start, lines):
        self.routes_path, self.service = mien.folder / "by_routes.mien", None
        super().__init__(mien, lines)
        self.service = start("--store", str(self.routes_path))
        self.said_both_ways = 0

    def put(self, lines):
        super().put(lines)
        put_records(self.routes_path, self.folder, lines)
        self.look_again()

    def look_again(self):
        """A change is made to the store as it is, whoever has changed it: also one that nobody can be found for."""
        if self.service:
            assert self.send("/hide", {"who": "nobody"}) is None

    def ask(self, path):
        answer = self.service.get(f"/v1/people{path}")
        assert answer.status == 200, answer.body
        return answer.json()

    def send(self, path, members):
        answer = self.service.post(f"/v1/people{path}", json.dumps(members).encode(), headers=[JSON])
        assert answer.status in (200, 400, 404), answer.body
        return answer.json() if answer.status == 200 else None

    def face_id(self, shown):
        return next(faces[shown]["id"] for _, faces in self.people() if shown in faces)

    def request(self, kind, *words):
        if kind in ("is", "not"):
            return f"/{kind}", {"face": self.face_id(words[0]), "name": words[1]}
        if kind == "split":
            return "/split", {"who": words[0], "faces": [self.face_id(face) for face in words[1:]]}
        names = {"name": ("who", "name"), "merge": ("who", "other"), "hide": ("who",), "undo": ()}[kind]
        return f"/{kind}", dict(zip(names, words))

    def said(self, *words):
        by_route = self.send(*self.request(*words))
        by_command = super().said(*words)
        assert (by_command is None) == (by_route is None), (words, by_command, by_route)
        if by_command is not None and words[0] == "undo":
            assert by_route["operation"] == by_command["number"]
        elif by_command is not None:
            for key in ("operation", "name", "faces", "left_out"):
                assert by_route[key] == by_command[key], (words, by_command, by_route)
        self.said_both_ways += 1
        return by_command

    def __call__(self, *words):
        if words[0] == "forget":
            token = self.ask(query("/forget", who=words[1]))["token"]
            assert self.send("/forget", {"who": words[1], "token": token}) is not None
            self.said_both_ways += 1
        return super().__call__(*words)

    def compare(self):
        shown = json.loads(super().__call__("list", "--all", "--json").stdout)
        told = self.ask("?all=true&limit=200")["people"]
        keys = {"id": "id", "name": "name", "faces": "faces", "images": "images", "new": "new_faces",
                "groups": "groups", "person": "person", "hidden": "is_hidden"}
        assert [[row[key] for key in keys] for row in shown] == [[row[key] for key in keys.values()] for row in told]
        ours, theirs = rows(self.path), rows(self.routes_path)
        for table, of_table in ours.items():
            assert of_table == theirs[table], table


class TwoHistories(History):
    def __init__(self, mien, start, seed):
        self.start = start
        super().__init__(mien, seed)

    def make_store(self):
        return TwoStores(self.mien, self.start, [])

    def back_up(self):
        super().back_up()
        self.of_the_other("backup", unlink=True)

    def restore(self):
        if self.backup is None or self.backup[-1] != self.folder:
            return
        self.of_the_other("restore")
        super().restore()

    def of_the_other(self, what, unlink=False):
        target = self.mien.folder / "routes_backup.mien"
        if unlink:
            target.unlink(missing_ok=True)
        done = self.mien("store", what, str(target), "--store", str(self.store.routes_path))
        assert done.returncode == 0, done.stderr
        self.store.look_again()


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_routes_and_commands_make_one_store(start, mien, tmp_path, seed):
    history = TwoHistories(Program(mien, tmp_path), start, seed)
    with playing(history, seed, history.store.compare):
        history.look()
        history.store.compare()
        assert history.store.said_both_ways >= 5
    shutil.rmtree(tmp_path, ignore_errors=True)
