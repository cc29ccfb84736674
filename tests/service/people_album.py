"""A store of people and a service over it, for the tests of the routes of people."""

import hashlib
import json
import pathlib
import random
import sys
import urllib.parse

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from people_scene import face_like, put_records, record, unit  # noqa: E402
from people_test import PHOTOS, made_up  # noqa: E402

from conftest import wait_until  # noqa: E402

JSON = "Content-Type: application/json"
# What each route takes.
GETS = {"": {}, "/person": {"who": "1"}, "/photo": {"image": 1}, "/thumbnail": {"face": 1}, "/picture": {"image": 1},
        "/questions": {}, "/history": {}, "/revision": {}, "/forget": {"who": "1"}, "/names": {"prefix": "A"}}
POSTS = {"/name": {"who": "1", "name": "Anna"}, "/is": {"face": 1, "name": "Anna"}, "/not": {"face": 1, "name": "Anna"},
         "/merge": {"who": "1", "other": "2"}, "/split": {"who": "1", "faces": [1]}, "/hide": {"who": "1"},
         "/stranger": {"who": "1"}, "/not_a_face": {"faces": [1]}, "/page": {"image": 1}, "/undo": {},
         "/answer": {"kind": "merge", "face": 1, "other_face": 2, "person": 1, "other": 2, "yes": True},
         "/forget": {"who": "1", "token": "x"}}


def query(path, **options):
    return f"{path}?{urllib.parse.urlencode(options)}" if options else path


def photo_record(path, faces, phash, **more):
    """Of a file that is there, so that it is the one that was indexed."""
    status = path.stat()
    return record(path, faces, phash, sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                  source_size=status.st_size, source_mtime_ns=status.st_mtime_ns, **more)


def made_up_lines(folder, seed=1, photos=PHOTOS):
    """Photos of some of four people, each at most once; and who is where."""
    return made_up(folder, random.Random(seed), photos)


class Album:
    """A service over a store, its calls of people, and the commands beside it."""

    def __init__(self, start, mien, folder, lines=None):
        self.start, self.mien, self.folder = start, mien, folder
        self.store, self.photos = folder / "people.mien", folder / "photos"
        if lines is None:
            lines, _ = made_up_lines(self.photos)
        self.put(lines)
        self.service = start("--store", str(self.store))

    @classmethod
    def of_store(cls, start, mien, folder):
        """Over the store that is in the folder."""
        return cls(start, mien, folder, [])

    def put(self, lines):
        put_records(self.store, self.photos, lines)

    def ask(self, path, **options):
        return self.service.get(query(f"/v1/people{path}", **options))

    def get(self, path="", **options):
        answer = self.ask(path, **options)
        assert answer.status == 200, answer.body
        return answer.json()

    def send(self, path, headers=(JSON,), **members):
        return self.service.post(f"/v1/people{path}", json.dumps(members).encode(), headers=list(headers))

    def say(self, path, **members):
        answer = self.send(path, **members)
        assert answer.status == 200, answer.body
        return answer.json()

    def after(self, change, seconds=30):
        """What a change by another program answers, when the service shows it: after as long as the last reading of the
        people took, which may have been slow."""
        before = self.get("/revision")["revision"]
        done = change()
        wait_until(lambda: self.get("/revision")["revision"] != before, seconds)
        return done

    def command(self, *words):
        return self.mien("people", *words, "--store", str(self.store))

    def people(self, **options):
        return self.get(**options)["people"]

    def faces(self, who, **options):
        return self.get("/person", who=who, **options)["faces"]

    def largest(self):
        return self.people()[0]
