#!/usr/bin/env python3
"""How many small faces of large photos each way of looking finds, what it makes up, and what it costs.

    bench/detail.py composites --people .deps/photos --crowds DIR --empty DIR [--count 60] [--exact] \
        [--rows FILE [--part I/N]]
    bench/detail.py faceless DIR...
    bench/detail.py turns DIR... [--turns 10]
    bench/detail.py scans DIR... [--count 30] [--program build/dev/mien] [--turns 5]

`composites`: photos of one person (heads) and of many are brought to faces of 40 to 200 pixels and put on large
pictures without faces. A face counts that a cut of 640 x 640 of the same pixels shows, looked at once, with a score
above 0.6 and at least 24 pixels. Found is a face whose box overlaps that one's by 0.4 of the union. A hint is what
`auto` acts upon: a face below 48 canvas pixels, or nearly one. With --rows each picture becomes a line of that file: go
on with the same command after a stop, run parts side by side, and the table is of all lines. `faceless`: what is found
in pictures without faces (bench/faceless_pictures.sh), as they are and enlarged. `turns`: CPU time of detection, `auto`
against `off`, in turns. `scans`: the same of whole scans of photos that are brought to 12 and 48 megapixels and show no
small faces. Needs mien's Python package, numpy and Pillow. Photos are chosen by a seed.
"""
import argparse
import json
import math
import pathlib
import random
import resource
import statistics
import subprocess
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
HINT_SIDE, HINT_MARGIN = 48, 0.15  # of pipeline/looks.cpp
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


def look(engine, image, detail):
    return engine.analyze(image, detail=detail, embed=False, face_quality=False, colours="rgb").faces


def faces_of(engine, image, detail):
    return [(tuple(map(float, face.bbox)), face.det_score) for face in look(engine, image, detail)]


def hints_of(engine, image):
    """What the first look shows of small faces; the engine's threshold is lower by HINT_MARGIN."""
    faces = [(tuple(map(float, face.bbox)), face.scale) for face in look(engine, image, OFF)]
    return [box for box, scale in faces if long_side(box) * scale < HINT_SIDE]


def pixels_of(image, megapixels=None):
    """The pixels of an image, brought to a size."""
    image = image.convert("RGB")
    if megapixels:
        factor = math.sqrt(megapixels * 1e6 / (image.width * image.height))
        image = image.resize((round(image.width * factor), round(image.height * factor)), Image.BICUBIC)
    return np.ascontiguousarray(image)


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
    if empty and chance.random() < 0.8:
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
    """A way of looking, and what it makes of a picture."""

    def __init__(self, name, look):
        self.name, self.look = name, look

    def judge(self, pixels, real, shown, hints):
        begin = time.process_time()
        found = [box for box, _ in self.look(pixels)]
        cpu = time.process_time() - begin
        everything = [box for box, _ in shown]
        seen = [is_seen(box, found) for box in real]
        has_hint = [any(overlap(box, hint)[1] > 0.3 for hint in hints) for box in real]
        return {"cpu": cpu, "seen": seen, "has_hint": has_hint, "twice": twice(found),
                "false": sum(not any(overlap(box, other)[1] > 0.5 for other in everything) for box in found)}


def share(values):
    values = list(values)
    return f"{100 * sum(values) / len(values):.1f} % of {len(values)}" if values else "-"


def report(pictures):
    bounds = ((24, 60), (60, 90), (90, 130), (130, 1000))
    print("| way | faces found | of those with a hint | in photos with a hint | "
          + " | ".join(f"{low} to {high} px" for low, high in bounds) + " | twice | false | CPU s a photo |")
    print("|---" * (7 + len(bounds)) + "|")
    for name in pictures[0]["ways"]:
        rows = [(picture, picture["ways"][name]) for picture in pictures]
        faces = [face for picture, way in rows for face in zip(picture["sides"], way["seen"], way["has_hint"])]
        in_hinted = [seen for picture, way in rows if picture["hints"] for seen in way["seen"]]
        hinted = [seen for _, seen, has_hint in faces if has_hint]
        by_size = [share(seen for side, seen, _ in faces if low <= side < high) for low, high in bounds]
        print(f"| {name} | {share(seen for _, seen, _ in faces)} | {share(hinted)} | {share(in_hinted)} | "
              f"{' | '.join(by_size)} | "
              f"{sum(way['twice'] for _, way in rows)} | {sum(way['false'] for _, way in rows)} | "
              f"{statistics.mean(way['cpu'] for _, way in rows):.3f} |", flush=True)


def make_ways(engine, is_exact):
    ways = [Way(detail, lambda pixels, d=detail: faces_of(engine, pixels, d)) for detail in (OFF, AUTO, FULL)]
    for side in (640, 1280, 2560) if is_exact else ():
        exact = mien.Engine(load_embedder=False, precision="exact", exact_sizes=[(side, side)])
        ways.append(Way(f"exact {side}", lambda pixels, e=exact: faces_of(e, pixels, OFF)))
    return ways


def read_rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def composites(given):
    engine = mien.Engine(load_embedder=False)
    hinting = mien.Engine(load_embedder=False, det_threshold=given.threshold - HINT_MARGIN)
    patches = Patches(engine, photos_of(given.people), photos_of(given.crowds))
    empty = photos_of(given.empty)
    ways = make_ways(engine, given.exact)
    part, parts = map(int, given.part.split("/"))
    with tempfile.TemporaryDirectory() as folder:
        rows = pathlib.Path(given.rows or f"{folder}/rows.jsonl")
        done = {row["number"] for row in read_rows(rows)}
        for number in sorted(set(range(part, given.count, parts)) - done):
            chance = random.Random(f"{given.seed} {number}")
            picture, places = compose(chance, patches, empty, given.megapixels[number % len(given.megapixels)])
            path = pathlib.Path(given.keep or folder) / f"{number:03}.jpg"
            picture.save(path, quality=92)
            pixels = pixels_of(Image.open(path))
            shown = faces_in_cuts(engine, pixels, places)
            real = [box for box, score in shown if score > SCORE_MIN and long_side(box) >= SIDE_MIN]
            hints = hints_of(hinting, pixels)
            row = {"number": number, "sides": [long_side(box) for box in real], "hints": len(hints),
                   "ways": {way.name: way.judge(pixels, real, shown, hints) for way in ways}}
            with rows.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(f"{number}: {pixels.shape[1]}x{pixels.shape[0]}, {len(real)} faces, {len(hints)} hints, found "
                  + ", ".join(f"{name} {sum(way['seen'])}" for name, way in row["ways"].items()), flush=True)
        report(read_rows(rows))


def faceless(given):
    engine = mien.Engine(load_embedder=False)
    photos = [path for folder in given.folders for path in photos_of(folder)]
    for megapixels in (None, *given.megapixels):
        for detail in (AUTO, FULL):
            seen = []
            for path in photos:
                faces = faces_of(engine, pixels_of(Image.open(path), megapixels), detail)
                seen += [(path.name, round(score, 3), tuple(map(round, box))) for box, score in faces]
            size = f"{megapixels:g} megapixels" if megapixels else "as they are"
            print(f"{len(photos)} pictures, {size}, {detail}: {len(seen)} faces", *seen, sep="\n  ", flush=True)


def turns(given):
    engine = mien.Engine(load_embedder=False)
    sums = {OFF: 0.0, AUTO: 0.0}
    worst, count = 0.0, {OFF: 0, AUTO: 0}
    for path in (path for folder in given.folders for path in photos_of(folder)):
        pixels = pixels_of(Image.open(path))
        look(engine, pixels, OFF)
        spent = {OFF: [], AUTO: []}
        for turn in range(given.turns):
            for detail in (OFF, AUTO) if turn % 2 == 0 else (AUTO, OFF):
                begin = time.process_time()
                faces = look(engine, pixels, detail)
                spent[detail].append(time.process_time() - begin)
                if turn == 0:
                    count[detail] += len(faces)
        middle = {detail: statistics.median(times) for detail, times in spent.items()}
        ratio = middle[AUTO] / middle[OFF]
        worst = max(worst, ratio)
        for detail in sums:
            sums[detail] += middle[detail]
        print(f"{path.name}: {middle[OFF] * 1000:.0f} and {middle[AUTO] * 1000:.0f} ms, {ratio:.2f}", flush=True)
    print(f"in sum {sums[AUTO] / sums[OFF]:.3f}, worst {worst:.2f}, faces {count[OFF]} and {count[AUTO]}")


def scans(given):
    """CPU seconds of the whole program; the photos are enlarged or reduced ones whose first look gives no hint."""
    hinting = mien.Engine(load_embedder=False, det_threshold=given.threshold - HINT_MARGIN)
    chance = random.Random(given.seed)
    photos = [path for folder in given.folders for path in photos_of(folder)]
    chance.shuffle(photos)
    with tempfile.TemporaryDirectory() as folder:
        made = 0
        for path in photos:
            if made == given.count:
                break
            pixels = pixels_of(Image.open(path), given.megapixels[made % len(given.megapixels)])
            if not hints_of(hinting, pixels):
                Image.fromarray(pixels).save(pathlib.Path(folder) / f"{made:03}.jpg", quality=92)
                made += 1
        spent = {OFF: [], AUTO: []}
        for turn in range(given.turns):
            for detail in (OFF, AUTO) if turn % 2 == 0 else (AUTO, OFF):
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                subprocess.run([given.program, "scan", "-q", folder, "--detail", detail], check=True,
                               stdout=subprocess.DEVNULL)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                spent[detail].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        ratios = [b / a for a, b in zip(spent[OFF], spent[AUTO])]
        print(f"{made} photos, {statistics.median(spent[OFF]):.2f} and {statistics.median(spent[AUTO]):.2f} s of CPU, "
              f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threshold", type=float, default=0.5, help="of the detector")
    parser.add_argument("--seed", type=int, default=17)
    kinds = parser.add_subparsers(required=True)

    def sizes(text):
        return [float(value) for value in text.split(",")]

    def kind(run, megapixels):
        command = kinds.add_parser(run.__name__)
        command.set_defaults(run=run)
        if megapixels:
            command.add_argument("--megapixels", type=sizes, default=megapixels)
        if run is not composites:
            command.add_argument("folders", nargs="+")
        return command

    command = kind(composites, "12,24,48,100")
    command.add_argument("--people", required=True, help="photos of one person each, and of groups")
    command.add_argument("--crowds", help="photos of many people")
    command.add_argument("--empty", help="photos without faces")
    command.add_argument("--count", type=int, default=60)
    command.add_argument("--exact", action="store_true", help="also 640, 1280 and 2560, as InsightFace would look")
    command.add_argument("--keep", help="folder for the composites")
    command.add_argument("--rows", help="file of what was found, a line a picture")
    command.add_argument("--part", default="0/1")
    kind(faceless, "12,48")
    command = kind(turns, None)
    command.add_argument("--turns", type=int, default=10)
    command = kind(scans, "12,48")
    command.add_argument("--count", type=int, default=30)
    command.add_argument("--program", default="build/dev/mien")
    command.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
