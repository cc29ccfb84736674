"""Made-up stores whose photos are there: the sample photos, each with a comment of its own, and embeddings at will."""

import os
import pathlib
import struct

from people_album import photo_record  # which knows where people_scene is

import people_scene

DEPS = pathlib.Path(os.environ.get("MIEN_TEST_DEPS", ".deps"))
# Width and height of the photo, and the face in it.
PHOTOS = {
    "obama.jpg": (910, 1137, [375, 100, 615, 425]),
    "obama2.jpg": (626, 1200, [215, 264, 492, 640]),
    "biden.jpg": (970, 2204, [440, 176, 727, 573]),
    "obama3.jpg": (1434, 2333, [640, 280, 915, 600]),
}


def comment(text):
    """A segment of a JPEG that makes it another file with the same picture."""
    return b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text.encode()


class Album:
    """A folder of photos with one face each; `put` writes them into a store."""

    def __init__(self, folder, photos=tuple(PHOTOS)):
        self.folder = folder / "photos"
        self.folder.mkdir()
        self.originals = [((DEPS / "photos" / name).read_bytes(), *PHOTOS[name]) for name in photos]
        self.lines = []
        self.made = 0

    def add(self, embeddings, name=None, taken=None):
        """A photo whose faces lie above one another, the first one where the photo has one."""
        original, width, height, box = self.originals[self.made % len(self.originals)]
        self.made += 1
        content = original[:2] + comment(f"number {self.made}") + original[2:]
        path = self.folder / (name or f"{self.made:05}.jpg")
        path.write_bytes(content)
        faces = [([box[0], box[1] + 4 * i, box[2], box[3] + 4 * i], one) for i, one in enumerate(embeddings)]
        # The faces of one photo must not overlap: what was said of one would be said of the other.
        for i, (bbox, _) in enumerate(faces[1:], 1):
            side = width // (len(faces) + 1)
            bbox[:] = [side * (i - 1), height - side - 2, side * i - 4, height - 4]
        phash = f"{self.made * 7919:016x}"
        self.lines.append(photo_record(path, faces, phash, taken=taken, width=width, height=height))
        return path

    def put(self, store, seconds_max=60):
        people_scene.put_records(store, self.folder, self.lines, seconds_max)
        self.lines = []


def near(centre, similarity, chance):
    """A unit vector of this cosine to another one."""
    other = people_scene.unit(chance)
    along = sum(a * b for a, b in zip(centre, other))
    across = [b - along * a for a, b in zip(centre, other)]
    length = sum(value * value for value in across) ** .5
    beside = (1 - similarity * similarity) ** .5
    return [similarity * a + beside * b / length for a, b in zip(centre, across)]
