"""Made-up stores for the tests of `mien people`: records as a scan writes them, put into a store without models."""

import base64
import hashlib
import json
import os
import struct
import subprocess

DIMENSIONS = 64
TIMINGS = dict.fromkeys(("read", "decode", "enhance", "detect", "embed", "quality", "total"), 0)


def unit(chance):
    vector = [chance.gauss(0, 1) for _ in range(DIMENSIONS)]
    length = sum(value * value for value in vector) ** .5
    return [value / length for value in vector]


def face_like(centre, chance, noise=.6):
    return [a + noise * b for a, b in zip(centre, unit(chance))]


def box_of(number):
    """The upright box of a photo's face, which lie side by side: 100 x 500 pixels for each."""
    return [100 * number, 10, 100 * number + 80, 100]


def sha256(content):
    return hashlib.sha256(content.encode()).hexdigest()


def record(path, faces, phash, taken=None, **more):
    """A line as `mien scan --embeddings base64` writes it; `faces` are embeddings, or pairs of a box and one."""
    boxed = [face if len(face) == 2 else (box_of(i), face) for i, face in enumerate(faces)]
    rows = [{"bbox": box, "landmarks": None, "det_score": .9 - i / 100,
             "face_size": [box[2] - box[0], box[3] - box[1]], "scale": 1, "enhancement_scale": 1, "rotation": 0,
             "quality": None, "recognition_quality": .9, "poor_reason": None,
             "embedding": base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *embedding)).decode()}
            for i, (box, embedding) in enumerate(boxed)]
    models = {"detector": "centerface", "embedder": "fr_feature", "embedder_id": "made-up-embedder"}
    made = {"source": str(path), "source_size": 1, "source_mtime_ns": 1, "terms": "made up",
            "sha256": sha256(str(path)), "phash": phash, "format": "jpeg", "width": 1000, "height": 500,
            "taken": taken, "faces": rows, "models": models, "placement": {}, "timings_ms": TIMINGS, "warnings": [],
            "error": None}
    return json.dumps(made | more)


def put_records(store, folder, lines, seconds_max=60):
    subprocess.run([os.environ["MIEN_PUT_RECORDS"], str(store), str(folder)], check=True,
                   input="".join(f"{line}\n" for line in lines), text=True, timeout=seconds_max)


class Store:
    """Photos of one folder in a store, and the program's answers about them."""

    def __init__(self, mien, lines):
        self.mien, self.path = mien, mien.folder / "people.mien"
        self.folder = mien.folder / "photos"
        self.put(lines)

    def put(self, lines):
        """Records, and what has happened to files: {"gone": [PATH...]}, {"prune": []}, {"move": [FROM, TO]}."""
        put_records(self.path, self.folder, lines)

    def __call__(self, *words):
        return self.mien("people", *words, "--store", str(self.path))

    def said(self, *words):
        result = self(*words, "--json")
        assert result.returncode in (0, 1, 2), result.stderr
        return json.loads(result.stdout) if result.returncode == 0 else None

    def people(self):
        """Each person or group with its faces as PHOTO#N, those left out whose photo is gone."""
        rows = json.loads(self("export", "--all").stdout)
        return [(row, {f"{face['source']}#{face['face']}": face for face in row["faces"] if face["source"]})
                for row in rows]

    def find(self, *words):
        result = self.mien("find", *words, "--store", str(self.path), "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)["photos"]
