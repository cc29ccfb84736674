#!/usr/bin/env python3
"""How many small faces of large photos each way of looking finds, and what it costs.

    bench/detail.py --people .deps/photos [--crowds DIR] [--empty DIR] [--count 24] [--megapixels 12,24,48,100]

Composites are made of the photos: heads of known people and whole crowds, brought to faces of 40 to 200 pixels and put
on large pictures without faces. A face counts that a cut of 640 x 640 of the same pixels shows, looked at once, with a
score above 0.6 and at least 24 pixels. Found is a face whose box overlaps that one's by 0.4 of the union. Needs mien's
Python package, numpy and Pillow; --empty wants photos without faces, which are enlarged and looked at too.
"""
import argparse
import math
import pathlib
import random
import tempfile
import time

import numpy as np
from PIL import Image, ImageFilter

import mien

Image.MAX_IMAGE_PIXELS = None
CUT = 640
SCORE_MIN = 0.6
SIDE_MIN = 24
FACE_SIDES = (40, 200)
OFF, AUTO, FULL = "off", "auto", "full"
KINDS = (".jpg", ".jpeg", ".png")


def photos_of(folder):
    return sorted(path for path in pathlib.Path(folder).iterdir() if path.suffix.lower() in KINDS) if folder else []


def area(box):
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def overlap(a, b):
    """Of the union, and of the smaller box."""
    shared = area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    return shared / (area(a) + area(b) - shared + 1e-9), shared / (min(area(a), area(b)) + 1e-9)


def long_side(box):
    return max(box[2] - box[0], box[3] - box[1])


def faces_of(engine, image, detail):
    analysis = engine.analyze(image, detail=detail, embed=False, face_quality=False, colours="rgb")
    return [(tuple(map(float, face.bbox)), face.det_score) for face in analysis.faces]


class Patches:
    """Heads and crowds to put on a picture, with the size of their faces."""

    def __init__(self, engine, people, crowds):
        self.heads, self.crowds = [], []
        for path in people:
            image = Image.open(path).convert("RGB")
            faces = faces_of(engine, np.asarray(image), OFF)
            if len(faces) == 1:
                (x1, y1, x2, y2), _ = faces[0]
                half = long_side(faces[0][0]) * 1.3
                x, y = (x1 + x2) / 2, (y1 + y2) / 2
                part = tuple(int(v) for v in (x - half, y - half, x + half, y + half))
                self.heads.append((image.crop(part), long_side(faces[0][0])))
            elif faces:
                self.crowds.append((image, float(np.median([long_side(box) for box, _ in faces]))))
        for path in crowds:
            image = Image.open(path).convert("RGB")
            faces = faces_of(engine, np.asarray(image), FULL)
            if faces:
                self.crowds.append((image, float(np.median([long_side(box) for box, _ in faces]))))


def background(chance, empty, size):
    if empty and chance.random() < 0.6:
        return Image.open(chance.choice(empty)).convert("RGB").resize(size, Image.BICUBIC)
    small = Image.effect_noise((size[0] // 16, size[1] // 16), 40).filter(ImageFilter.GaussianBlur(2))
    return Image.merge("RGB", [small.resize(size, Image.BICUBIC)] * 3)


def compose(chance, patches, empty, megapixels):
    """A picture and the parts of it that hold faces."""
    ratio = chance.choice((4 / 3, 3 / 2, 3 / 4, 16 / 9))
    size = (round(math.sqrt(megapixels * 1e6 * ratio)), round(math.sqrt(megapixels * 1e6 / ratio)))
    picture = background(chance, empty, size)
    parts = []
    crowd = bool(patches.crowds) and chance.random() < 0.5
    for _ in range(1 if crowd else chance.randint(3, 9)):
        patch, face = chance.choice(patches.crowds if crowd else patches.heads)
        side = math.exp(chance.uniform(*map(math.log, FACE_SIDES)))
        scaled = patch.resize([max(1, round(v * side / face)) for v in patch.size], Image.LANCZOS)
        if scaled.width > size[0] or scaled.height > size[1]:
            scaled = scaled.crop((0, 0, min(scaled.width, size[0]), min(scaled.height, size[1])))
        for _ in range(20):
            x = chance.randint(0, size[0] - scaled.width)
            y = chance.randint(0, size[1] - scaled.height)
            part = (x, y, x + scaled.width, y + scaled.height)
            if all(overlap(part, other)[1] == 0 for other in parts):
                picture.paste(scaled, (x, y))
                parts.append(part)
                break
    return picture, parts


def faces_in_cuts(engine, pixels, parts):
    """What cuts of the same pixels show: boxes in pixels of the picture, with scores."""
    height, width = pixels.shape[:2]
    seen = []
    for x1, y1, x2, y2 in parts:
        for y in range(max(0, y1 - 64), max(1, y2), CUT // 2):
            for x in range(max(0, x1 - 64), max(1, x2), CUT // 2):
                left, top = min(x, max(0, width - CUT)), min(y, max(0, height - CUT))
                cut = np.ascontiguousarray(pixels[top : top + CUT, left : left + CUT])
                for box, score in faces_of(engine, cut, OFF):
                    margin = 0.2 * long_side(box)
                    if ((left > 0 and box[0] < margin) or (top > 0 and box[1] < margin)
                            or (left + CUT < width and box[2] > CUT - margin)
                            or (top + CUT < height and box[3] > CUT - margin)):
                        continue  # another cut shows all of it
                    seen.append(((box[0] + left, box[1] + top, box[2] + left, box[3] + top), score))
    seen.sort(key=lambda face: -face[1])
    faces = []
    for box, score in seen:
        if all(overlap(box, other)[0] < 0.3 and overlap(box, other)[1] < 0.6 for other, _ in faces):
            faces.append((box, score))
    return faces


def is_seen(box, faces):
    return any(overlap(box, other)[0] > 0.4 for other in faces)


def twice(boxes):
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
    return sum(overlap(a, b)[0] > 0.3 or overlap(a, b)[1] > 0.6 for a, b in pairs)


class Way:
    """A way of looking, and what it made of all pictures."""

    def __init__(self, name, look):
        self.name, self.look = name, look
        self.rows, self.hinted, self.in_hinted = [], [], []
        self.twice = self.false = 0
        self.cpu = 0.0

    def take(self, pixels, real, shown, hints):
        begin = time.process_time()
        found = [box for box, _ in self.look(pixels)]
        self.cpu += time.process_time() - begin
        self.twice += twice(found)
        everything = [box for box, _ in shown]
        self.false += sum(not any(overlap(box, other)[1] > 0.5 for other in everything) for box in found)
        for box in real:
            seen = is_seen(box, found)
            self.rows.append((long_side(box), seen))
            hinted = any(overlap(box, hint)[1] > 0.3 for hint in hints)
            if hinted:
                self.hinted.append(seen)
            if hints:
                self.in_hinted.append(seen)


def share(values):
    values = list(values)
    return f"{100 * sum(values) / len(values):.1f} % of {len(values)}" if values else "-"


def report(ways, pictures):
    bounds = ((24, 60), (60, 90), (90, 130), (130, 1000))
    print("| way | faces found | of those with a hint | in photos with a hint | "
          + " | ".join(f"{low} to {high} px" for low, high in bounds) + " | twice | false | CPU s a photo |")
    print("|---" * (8 + len(bounds)) + "|")
    for way in ways:
        by_size = [share(seen for side, seen in way.rows if low <= side < high) for low, high in bounds]
        print(f"| {way.name} | {share(seen for _, seen in way.rows)} | {share(way.hinted)} | {share(way.in_hinted)} | "
              f"{' | '.join(by_size)} | {way.twice} | {way.false} | {way.cpu / max(1, pictures):.3f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", required=True, help="photos of one person each, and of groups")
    parser.add_argument("--crowds", help="photos of many people")
    parser.add_argument("--empty", help="photos without faces")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--megapixels", default="12,24,48,100")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--exact", action="store_true", help="also 640, 1280 and 2560, as InsightFace would look")
    parser.add_argument("--keep", help="folder for the composites")
    given = parser.parse_args()
    engine = mien.Engine(load_embedder=False)
    threshold = 0.5
    hinting = mien.Engine(load_embedder=False, det_threshold=threshold - 0.15)
    chance = random.Random(given.seed)
    patches = Patches(engine, photos_of(given.people), photos_of(given.crowds))
    empty = photos_of(given.empty)
    ways = [Way(detail, lambda pixels, d=detail: faces_of(engine, pixels, d)) for detail in (OFF, AUTO, FULL)]
    if given.exact:
        for side in (640, 1280, 2560):
            exact = mien.Engine(load_embedder=False, precision="exact", exact_sizes=[(side, side)])
            ways.append(Way(f"exact {side}", lambda pixels, e=exact: faces_of(e, pixels, OFF)))
    sizes = [float(value) for value in given.megapixels.split(",")]
    for number in range(given.count):
        picture, parts = compose(chance, patches, empty, sizes[number % len(sizes)])
        with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
            picture.save(file.name, quality=92)
            pixels = np.ascontiguousarray(Image.open(file.name).convert("RGB"))
            if given.keep:
                picture.save(pathlib.Path(given.keep) / f"{number:03}.jpg", quality=92)
        shown = faces_in_cuts(engine, pixels, parts)
        real = [box for box, score in shown if score > SCORE_MIN and long_side(box) >= SIDE_MIN]
        hints = [box for box, _ in faces_of(hinting, pixels, OFF)]
        for way in ways:
            way.take(pixels, real, shown, hints)
        print(f"{number}: {pixels.shape[1]}x{pixels.shape[0]}, {len(real)} faces", flush=True)
    report(ways, given.count)


if __name__ == "__main__":
    main()
