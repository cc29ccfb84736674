#!/usr/bin/env python3
"""Whether --rotations keeps what each rotation by itself finds, on album pages whose photos stand in all directions.

    bench/rotations.py DIR... [--pages 30] [--upright]

Pages hold 2 to 12 heads at random places, sizes and multiples of 90 degrees (--upright: at none). Each page is looked
at rotated by each of them, once at a time, and then by `rotations`. Of each head the similarity to its photo upright
and alone is compared: the best of the four looks, and what `rotations` gives. Lost is a head that falls behind by more
than 0.02. Files NAME_0001.jpg, NAME_0002.jpg, ... are photos of one person (LFW): there another of them is compared
with. Needs mien's Python package, numpy and Pillow.
"""
import argparse
import collections
import math
import pathlib
import random
import re

import numpy as np
from PIL import Image

import mien

PAGE = (1600, 1200)
FACE_SIDES = (30, 220)
LOSS = 0.02


def faces_of(engine, image, **options):
    return engine.analyze(np.ascontiguousarray(image), face_quality=False, colours="rgb", **options).faces


def side_of(face):
    return max(face.bbox[2] - face.bbox[0], face.bbox[3] - face.bbox[1])


def similarity(a, b):
    a, b = np.asarray(a.embedding), np.asarray(b.embedding)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def rotated_back(box, quarters, width, height):
    """The box in the image that was rotated clockwise by so many quarters."""
    x1, y1, x2, y2 = map(float, box)
    if quarters == 1:
        return y1, height - x2, y2, height - x1
    if quarters == 2:
        return width - x2, height - y2, width - x1, height - y1
    return (width - y2, x1, width - y1, x2) if quarters == 3 else (x1, y1, x2, y2)


class Heads:
    """Heads by chance, each with the face to compare with."""

    def __init__(self, engine, folders):
        self.engine, self.known = engine, {}
        self.people = collections.defaultdict(list)
        for folder in folders:
            for path in sorted(pathlib.Path(folder).iterdir()):
                if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
                    self.people[re.sub(r"_\d{4}$", "", path.stem)].append(path)

    def face_of(self, path):
        if path not in self.known:
            faces = faces_of(self.engine, Image.open(path).convert("RGB"))
            self.known[path] = faces[0] if len(faces) == 1 else None
        return self.known[path]

    def take(self, chance):
        while True:
            photos = self.people[chance.choice(sorted(self.people))]
            path, other = chance.sample(photos, 2) if len(photos) > 1 else photos * 2
            face, wanted = self.face_of(path), self.face_of(other)
            if face is None or wanted is None:
                continue
            half = side_of(face) * 1.3
            x, y = (face.bbox[0] + face.bbox[2]) / 2, (face.bbox[1] + face.bbox[3]) / 2
            head = Image.open(path).convert("RGB").crop([int(v) for v in (x - half, y - half, x + half, y + half)])
            scale = math.exp(chance.uniform(*map(math.log, FACE_SIDES))) / side_of(face)
            return head.resize([max(8, round(v * scale)) for v in head.size], Image.LANCZOS), wanted


def make_page(chance, heads, upright):
    page = Image.new("RGB", PAGE, (chance.randint(60, 240),) * 3)
    parts = []
    wanted_parts = chance.randint(2, 12)
    for _ in range(500):
        if len(parts) == wanted_parts:
            break
        head, wanted = heads.take(chance)
        head = head.rotate(0 if upright else 90 * chance.randint(0, 3), expand=True)
        x, y = chance.randint(0, PAGE[0] - head.width), chance.randint(0, PAGE[1] - head.height)
        box = (x, y, x + head.width, y + head.height)
        if all(box[2] <= b[0] or box[0] >= b[2] or box[3] <= b[1] or box[1] >= b[3] for b, _ in parts):
            page.paste(head, (x, y))
            parts.append((box, wanted))
    return np.asarray(page), parts


def best_in(part, wanted, seen):
    """The best similarity among the faces whose middle lies in the part; None without any."""
    inside = [face for box, face in seen
              if part[0] < (box[0] + box[2]) / 2 < part[2] and part[1] < (box[1] + box[3]) / 2 < part[3]]
    return max((similarity(face, wanted) for face in inside), default=None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", help="photos of one person each")
    parser.add_argument("--pages", type=int, default=30)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--upright", action="store_true", help="all heads stand upright")
    given = parser.parse_args()
    engine, chance = mien.Engine(), random.Random(given.seed)
    heads = Heads(engine, given.folders)
    found, lost = 0, []
    for number in range(given.pages):
        pixels, parts = make_page(chance, heads, given.upright)
        height, width = pixels.shape[:2]
        looks = range(1) if given.upright else range(4)
        seen = [(rotated_back(face.bbox, quarters, width, height), face)
                for quarters in looks for face in faces_of(engine, np.rot90(pixels, -quarters))]
        merged = [(face.bbox, face) for face in faces_of(engine, pixels, rotations=True)]
        for part, wanted in parts:
            best, kept = best_in(part, wanted, seen), best_in(part, wanted, merged)
            if best is None:
                continue
            found += 1
            if kept is None or kept < best - LOSS:
                lost.append((number, part, round(best, 3), kept and round(kept, 3)))
        print(f"page {number}: {len(parts)} heads", *(row for row in lost if row[0] == number), flush=True)
    print(f"{found} heads found by any rotation, {len(lost)} lost")


if __name__ == "__main__":
    main()
